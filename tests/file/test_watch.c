/* SPDX-License-Identifier: MIT */
#include "vow/watch.h"

#include <sys/wait.h>

#include "adapt/sweep.h"
#include "file/files.h"

#ifdef VOW_PORTABLE

TEST(without_inotify_there_are_no_watches)
{
    EQ_PTR(vow_watch_new(loop), NULL);
    EQ_INT(errno, ENOSYS);
}

#else

static int add(vow_loop *loop, vow_watch *w, const char *path, int what)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_watch_add(w, path, what), &v), 0);
    return (int)vow_as_int(v);
}

/* A change as text: what, name, and for a move where from. */
static void note(struct trace *seen, vow_value v)
{
    const vow_change *c = vow_change_of(v);
    const char *slash = c->from ? strrchr(c->from, '/') : NULL;
    trace_add(seen, "%d:%s%s%s", c->what, c->name, slash ? "<" : "", slash ? slash + 1 : "");
}

static void next_n(vow_loop *loop, vow_watch *w, int n, struct trace *seen)
{
    for (int i = 0; i < n; i++) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
        note(seen, v);
        vow_release(v);
    }
}

static void none_left(vow_loop *loop, vow_watch *w)
{
    vow_promise *p = vow_watch_next(w);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
}

TEST(tells_what_is_created_written_and_deleted)
{
    struct dir dir = make_dir();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, dir.path, VOW_WATCH_ALL);
    write_text(dir.file, "text");
    unlink(dir.file);
    EQ_INT(mkdir(dir.other, 0755) | rmdir(dir.other), 0);
    next_n(loop, w, 6, &seen);
    EQ_TRACE(seen, "1:file 2:file 4:file 8:file 1:other 8:other");
    none_left(loop, w);
    vow_watch_unref(w);
    remove_dir(&dir);
}

static vow_value note_change(vow_value v, void *data)
{
    note(data, v);
    return vow_none();
}

TEST(waits_for_a_change)
{
    struct dir dir = make_dir();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, dir.path, VOW_WATCH_CREATED);
    vow_promise *p = vow_then(vow_watch_next(w), note_change, &seen);
    vow_poll(loop);
    trace_add(&seen, "waiting");
    write_text(dir.file, "");
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_TRACE(seen, "waiting 1:file");
    EQ_INT(vow_run_all(loop), 0); /* nobody waits: the loop has nothing to do */
    vow_watch_unref(w);
    remove_dir(&dir);
}

TEST(a_change_says_where_and_of_which_id)
{
    struct dir dir = make_dir();
    vow_value v;
    vow_watch *w = vow_watch_new(loop);
    int id = add(loop, w, dir.path, VOW_WATCH_ALL);
    EQ_INT(mkdir(dir.other, 0755), 0);
    EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
    const vow_change *c = vow_change_of(v);
    EQ_INT(c->id, id);
    EQ_TEXT(c->path, dir.other);
    EQ_TEXT(c->name, "other");
    EQ_PTR(c->from, NULL);
    CHECK(c->is_directory && c->cookie == 0 && vow_is(v, vow_change_type()));
    vow_release(v);
    rmdir(dir.other);
    vow_watch_unref(w);
    remove_dir(&dir);
}

TEST(both_halves_of_a_move_are_one_change)
{
    struct dir dir = make_dir(), away = make_dir(), elsewhere = make_dir();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    write_text(dir.file, "");
    add(loop, w, dir.path, VOW_WATCH_ALL);
    add(loop, w, away.path, VOW_WATCH_ALL);
    EQ_INT(rename(dir.file, dir.other), 0);
    EQ_INT(rename(dir.other, away.file), 0); /* between two that are watched */
    EQ_INT(rename(away.file, elsewhere.file), 0);
    EQ_INT(rename(elsewhere.file, dir.file), 0);
    next_n(loop, w, 4, &seen);
    EQ_TRACE(seen, "16:other<file 16:file<other 8:file 1:file");
    none_left(loop, w);
    vow_watch_unref(w);
    remove_dir(&dir);
    remove_dir(&away);
    remove_dir(&elsewhere);
}

TEST(halves_that_lie_apart_in_the_queue_are_put_together)
{
    struct dir dir = make_dir();
    char name[64];
    vow_watch *w = vow_watch_new(loop);
    write_text(dir.file, "");
    add(loop, w, dir.path, VOW_WATCH_MOVED);
    int moved = 0;
    for (int i = 0; i < 400; i++) { /* more than is read at a time */
        snprintf(name, sizeof name, "%s/a-name-of-some-length-%d", dir.path, i);
        EQ_INT(rename(dir.file, name) | rename(name, dir.file), 0);
    }
    for (int i = 0; i < 800; i++) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
        moved += vow_change_of(v)->what == VOW_WATCH_MOVED && vow_change_of(v)->from != NULL;
        vow_release(v);
    }
    EQ_INT(moved, 800);
    none_left(loop, w);
    vow_watch_unref(w);
    remove_dir(&dir);
}

TEST(a_watched_file_that_goes_ends_its_id)
{
    struct dir dir = make_dir();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    write_text(dir.file, "");
    int id = add(loop, w, dir.file, VOW_WATCH_MODIFIED | VOW_WATCH_DELETED | VOW_WATCH_MOVED);
    write_text(dir.file, "more");
    EQ_INT(rename(dir.file, dir.other) | unlink(dir.other), 0);
    next_n(loop, w, 4, &seen);
    EQ_TRACE(seen, "2: 16: 8: 64:");
    EQ_INT(vow_watch_remove(w, id), EINVAL);
    none_left(loop, w);
    vow_watch_unref(w);
    remove_dir(&dir);
}

TEST(what_is_not_asked_for_or_removed_is_not_told)
{
    struct dir dir = make_dir(), away = make_dir();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    int id = add(loop, w, dir.path, VOW_WATCH_CREATED);
    EQ_INT(add(loop, w, dir.path, VOW_WATCH_DELETED), id); /* again: only that from now on */
    int other = add(loop, w, away.path, VOW_WATCH_ALL);
    CHECK(other != id);
    write_text(away.file, "text");
    write_text(dir.file, "text");
    EQ_INT(vow_watch_remove(w, other), 0); /* also what is known of it */
    unlink(dir.file);
    next_n(loop, w, 1, &seen);
    EQ_TRACE(seen, "8:file");
    none_left(loop, w);
    vow_watch_unref(w);
    remove_dir(&dir);
    remove_dir(&away);
}

TEST(names_may_have_any_bytes_and_the_folder_a_slash)
{
    struct dir dir = make_dir();
    char folder[40], odd[64];
    vow_value v;
    snprintf(folder, sizeof folder, "%s/", dir.path);
    snprintf(odd, sizeof odd, "%s/\xff new\nline", dir.path);
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, folder, VOW_WATCH_CREATED);
    write_text(odd, "");
    EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
    EQ_TEXT(vow_change_of(v)->path, odd);
    EQ_TEXT(vow_change_of(v)->name, "\xff new\nline");
    vow_release(v);
    unlink(odd);
    vow_watch_unref(w);
    remove_dir(&dir);
}

/* As many changes as the kernel keeps, and more. */
TEST(lost_changes_are_told)
{
    struct dir dir = make_dir();
    unsigned most = 0;
    FILE *limits = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    CHECK(limits != NULL && fscanf(limits, "%u", &most) == 1);
    fclose(limits);
    vow_watch *w = vow_watch_new(loop);
    write_text(dir.file, "");
    add(loop, w, dir.path, VOW_WATCH_MODIFIED | VOW_WATCH_ATTRIBUTES);
    for (unsigned i = 0; i < most + 10; i++)
        EQ_INT(chmod(dir.file, i % 2 ? 0600 : 0644) | (i % 2 ? truncate(dir.file, i) : 0), 0);
    int last = 0;
    unsigned told = 0;
    while (last != VOW_WATCH_OVERFLOW) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
        last = vow_change_of(v)->what;
        CHECK(last != VOW_WATCH_OVERFLOW || vow_change_of(v)->id == -1);
        vow_release(v);
        told++;
    }
    EQ_UINT(told, most + 1);
    vow_watch_unref(w);
    remove_dir(&dir);
}

/* scenario 145 */
TEST(what_cannot_be_watched)
{
    struct dir dir = make_dir();
    vow_watch *w = vow_watch_new(loop);
    expect_error(loop, vow_watch_add(w, dir.file, VOW_WATCH_ALL), ENOENT, dir.file);
    expect_error(loop, vow_watch_add(w, "/proc/self/gone", VOW_WATCH_ALL), ENOENT, "/gone");
    expect_error(loop, vow_watch_add(w, dir.path, 0), EINVAL, dir.path);
    write_text(dir.file, "");
    EQ_INT(chmod(dir.path, 0755) | chmod(dir.file, 0), 0);
    EQ_INT(geteuid() == 0 ? seteuid(65534) : 0, 0);
    expect_error(loop, vow_watch_add(w, dir.file, VOW_WATCH_ALL), EACCES, dir.file);
    EQ_INT(getuid() == 0 ? seteuid(0) : 0, 0);
    vow_watch_unref(w);
    rlim_t before = limit(RLIMIT_NOFILE, 3);
    EQ_PTR(vow_watch_new(loop), NULL);
    EQ_INT(errno, EMFILE);
    limit(RLIMIT_NOFILE, before);
    remove_dir(&dir);
}

/* Where finding it might wait: in the pool. */
TEST(a_path_that_is_not_in_memory_is_found_in_the_pool)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)getpid());
    vow_watch *w = vow_watch_new(loop);
    CHECK(add(loop, w, path, VOW_WATCH_ALL) > 0);
    vow_promise *p = vow_watch_add(w, "/proc/self/task", VOW_WATCH_ALL);
    vow_cancel(p);
    vow_unref(p);
    vow_unref(vow_watch_add(w, "/proc/self/map_files", VOW_WATCH_ALL));
    EQ_INT(vow_run_all(loop), 0);
    vow_watch_unref(w);
}

/* Each second one is cancelled: while it waits, or when its change is there and unseen. */
TEST(a_cancelled_next_loses_no_change)
{
    enum { CHANGES = 60 };
    struct dir dir = make_dir();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    write_text(dir.file, "");
    add(loop, w, dir.path, VOW_WATCH_CREATED | VOW_WATCH_DELETED);
    int told = 0;
    for (int i = 0; i < CHANGES; i++) {
        vow_promise *early = vow_watch_next(w);
        if (i % 3 == 0)
            vow_unref(early);
        EQ_INT(i % 2 ? unlink(dir.other) : symlink("x", dir.other), 0);
        if (i % 3 == 1)
            vow_cancel(early);
        vow_promise *late = i % 3 == 2 ? early : vow_watch_next(w);
        if (i % 3 == 1) {
            EQ_INT(vow_run(loop, early, NULL), ECANCELED);
            vow_unref(vow_then(late, note_change, &seen)); /* it is there, nobody has seen it */
            late = vow_watch_next(w);
        }
        vow_value v;
        EQ_INT(vow_state(late), i % 3 == 2 ? VOW_PENDING : VOW_FULFILLED);
        EQ_INT(vow_run(loop, late, &v), 0);
        told += vow_change_of(v)->what == (i % 2 ? VOW_WATCH_DELETED : VOW_WATCH_CREATED);
        vow_release(v);
    }
    EQ_INT(told, CHANGES);
    EQ_TRACE(seen, "");
    none_left(loop, w);
    vow_watch_unref(w);
    remove_dir(&dir);
}

TEST(one_next_at_a_time_and_it_holds_the_watch)
{
    struct dir dir = make_dir();
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, dir.path, VOW_WATCH_ALL);
    vow_promise *p = vow_watch_next(vow_watch_ref(w));
    EQ_INT(vow_run(loop, vow_watch_next(w), NULL), EBUSY);
    vow_watch_unref(w);
    vow_watch_unref(w);
    write_text(dir.file, "");
    succeeds(loop, p);
    remove_dir(&dir);
}

TEST(a_loop_that_closes_rejects_and_refuses)
{
    struct dir dir = make_dir();
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, dir.path, VOW_WATCH_ALL);
    vow_promise *p = vow_watch_next(w);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    p = vow_watch_add(w, dir.path, VOW_WATCH_ALL);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_watch_unref(w);
    EQ_PTR(vow_watch_new(loop), NULL);
    EQ_INT(errno, ESHUTDOWN);
    remove_dir(&dir);
}

TEST_PLAIN(a_watch_may_outlive_its_loop)
{
    loop = vow_loop_new();
    vow_watch *w = vow_watch_new(loop);
    vow_loop_free(loop);
    vow_watch_unref(w);
}

/* What a child reads its parent would miss. */
TEST(a_forked_child_leaves_the_changes_to_its_parent)
{
    struct dir dir = make_dir();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, dir.path, VOW_WATCH_CREATED);
    vow_promise *p = vow_watch_next(w);
    pid_t child = fork();
    if (child == 0) {
        bool good = vow_loop_after_fork(loop) == 0 && vow_run(loop, p, NULL) == VOW_EFORK &&
                    vow_run(loop, vow_watch_next(w), NULL) == VOW_EFORK;
        write_text(dir.file, "");
        _exit(good ? 0 : 1);
    }
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    note(&seen, v);
    vow_release(v);
    EQ_TRACE(seen, "1:file");
    int status;
    EQ_INT(waitpid(child, &status, 0), child);
    EQ_INT(status, 0);
    vow_watch_unref(w);
    remove_dir(&dir);
}

static int use_watch(vow_loop *loop)
{
    struct dir dir = make_dir();
    vow_watch *w = vow_watch_new(loop);
    int code = w ? 0 : errno;
    if (!code)
        code = vow_run(loop, vow_watch_add(w, dir.path, VOW_WATCH_ALL), NULL);
    if (!code)
        code = vow_run(loop, vow_watch_add(w, "/proc/self/fd", VOW_WATCH_ALL), NULL);
    vow_promise *p = code ? NULL : vow_watch_next(w);
    if (!code) {
        write_text(dir.file, "text");
        code = vow_run(loop, p, NULL);
    }
    if (!code)
        code = vow_run(loop, vow_watch_next(w), NULL);
    (void)vow_run_all(loop); /* what had begun when there was no memory to wait for it */
    vow_watch_unref(w);
    remove_dir(&dir);
    return code;
}

TEST(every_allocation_of_a_watch_may_fail)
{
    EQ_INT(use_watch(loop), 0); /* the pool's own memory stays */
    sweep(use_watch);
}

#endif
