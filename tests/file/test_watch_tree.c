/* SPDX-License-Identifier: MIT
 *
 * test_watch_tree.c - whole trees watched. inotify_add_watch is defined here, in front of
 * libc's, so that the test can come in between, or have it fail.
 */
#include "vow/watch.h"

#include <dlfcn.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/wait.h>

#include "adapt/sweep.h"
#include "file/files.h"

#ifdef VOW_PORTABLE

TEST(without_inotify_there_are_no_trees_to_watch)
{
    EQ_PTR(vow_watch_new(loop), NULL);
    EQ_INT(errno, ENOSYS);
}

#else

#include <sys/inotify.h>

enum { TREE = VOW_WATCH_ALL | VOW_WATCH_TREE };

/* What happens with the path whose end this is; in the pool. */
static struct {
    const char *end;
    int code;                          /* fails with it */
    const char *same_as;               /* is the same folder as this one: mounted there */
    void (*between)(const char *path); /* once: after it is watched, before it is read */
} at;

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    int (*real)(int, const char *, uint32_t);
    *(void **)&real = dlsym(RTLD_NEXT, "inotify_add_watch");
    size_t length = strlen(path), end = at.end ? strlen(at.end) : 0;
    if (!at.end || length < end || strcmp(path + length - end, at.end) != 0)
        return real(fd, path, mask);
    if (at.code) {
        errno = at.code;
        return -1;
    }
    int id = real(fd, at.same_as ? at.same_as : path, mask);
    if (at.between) {
        at.end = NULL;
        at.between(path);
    }
    return id;
}

struct place {
    char path[32];
};

static struct place make_place(void)
{
    struct place place = {"vow-test-tree-XXXXXX"};
    CHECK(mkdtemp(place.path) != NULL);
    at.end = NULL;
    at.code = 0;
    at.between = NULL;
    at.same_as = NULL;
    return place;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    (void)s, (void)kind, (void)ftw;
    return remove(path);
}

static void remove_place(const struct place *place)
{
    EQ_INT(nftw(place->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Four of them at a time. */
static const char *in(const struct place *place, const char *name)
{
    static char texts[4][96];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%s/%s", place->path, name);
    return text;
}

static void make(struct place *place, const char *name) { EQ_INT(mkdir(in(place, name), 0755), 0); }

static void touch(struct place *place, const char *name)
{
    int fd = open(in(place, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    close(fd);
}

static void move(struct place *place, const char *from, const char *to)
{
    EQ_INT(rename(in(place, from), in(place, to)), 0);
}

/* How many paths this process watches. */
static int watched(void)
{
    int n = 0;
    char line[256], path[300];
    DIR *d = opendir("/proc/self/fdinfo");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(path, sizeof path, "/proc/self/fdinfo/%s", e->d_name);
        FILE *info = fopen(path, "r");
        while (info && fgets(line, sizeof line, info))
            n += strncmp(line, "inotify ", 8) == 0;
        if (info)
            fclose(info);
    }
    closedir(d);
    return n;
}

static int add(vow_loop *loop, vow_watch *w, const char *path, int what)
{
    vow_value v;
    int code = vow_run(loop, vow_watch_add(w, path, what), &v);
    if (code)
        FAIL("%s", vow_error_message(vow_as_error(v)));
    return (int)vow_as_int(v);
}

/* A change as text: what, the path from the tree's root on, and for a move where from. */
static void note(struct trace *seen, const struct place *place, vow_value v)
{
    const vow_change *c = vow_change_of(v);
    size_t root = strlen(place->path) + 1;
    trace_add(seen, "%d:%s%s%s", c->what, strlen(c->path) < root ? "" : c->path + root,
              c->from ? "<" : "", c->from ? c->from + root : "");
}

static void next_one(vow_loop *loop, vow_watch *w, struct place *place, struct trace *seen)
{
    vow_value v;
    if (vow_run(loop, vow_watch_next(w), &v))
        trace_add(seen, "%s", vow_error_message(vow_as_error(v)));
    else
        note(seen, place, v);
    vow_release(v);
}

/* All that there is: up to the creation of "end". */
static void next_all(vow_loop *loop, vow_watch *w, struct place *place, struct trace *seen)
{
    touch(place, "end");
    for (;;) {
        struct trace one = {""};
        next_one(loop, w, place, &one);
        if (strncmp(one.text, "1:end ", 6) == 0)
            break;
        trace_add(seen, "%.*s", (int)strlen(one.text) - 1, one.text);
    }
    EQ_INT(unlink(in(place, "end")), 0);
}

TEST(a_tree_tells_of_all_that_is_below_it)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    make(&place, "a/b");
    vow_watch *w = vow_watch_new(loop);
    int id = add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_TREE);
    EQ_INT(watched(), 3);
    touch(&place, "a/b/file");
    vow_value v;
    EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
    EQ_INT(vow_change_of(v)->id, id);
    EQ_TEXT(vow_change_of(v)->name, "file");
    EQ_TEXT(vow_change_of(v)->path, in(&place, "a/b/file"));
    vow_release(v);
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "");
    vow_watch_unref(w);
    remove_place(&place);
}

/* Each thing is told once, by whomever: a folder's own attributes, its end, its move. */
TEST(what_happens_to_a_folder_is_told_once)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, TREE);
    EQ_INT(chmod(in(&place, "a"), 0700), 0);
    move(&place, "a", "b");
    EQ_INT(rmdir(in(&place, "b")), 0);
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "32:a 16:b<a 8:b");
    EQ_INT(watched(), 1);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(a_new_folder_is_watched_and_what_was_in_it_already_is_told)
{
    struct place place = make_place();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_TREE);
    make(&place, "new");
    touch(&place, "new/file");
    make(&place, "new/deep");
    touch(&place, "new/deep/file");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:new 1:new/deep 1:new/file 1:new/deep/file");
    touch(&place, "new/deep/later");
    next_all(loop, w, &place, &seen);
    HAS_TEXT(seen.text, "deep/file 1:new/deep/later");
    vow_watch_unref(w);
    remove_place(&place);
}

static void fill(const char *path)
{
    char name[128];
    static const char *const names[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/%s", path, names[i]);
        EQ_INT(i < 2 ? mkdir(name, 0755) : symlink("x", name), 0);
    }
    snprintf(name, sizeof name, "%s/d", path);
    EQ_INT(unlink(name) | symlink("y", name), 0);
}

/* After it was watched and before it was read: found, and in the queue. */
TEST(what_comes_into_being_meanwhile_is_told_once)
{
    struct place place = make_place();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_DELETED | VOW_WATCH_TREE);
    at.end = "/new";
    at.between = fill;
    make(&place, "new");
    next_all(loop, w, &place, &seen);
    next_all(loop, w, &place, &seen); /* the first end was before it */
    EQ_TRACE(seen, "1:new 1:new/a 1:new/b 1:new/c 1:new/d 8:new/d 1:new/d 8:end");
    EQ_INT(watched(), 4);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(what_was_told_of_a_folder_is_told_again_when_it_happens_again)
{
    struct place place = make_place();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_TREE);
    make(&place, "new");
    touch(&place, "new/file");
    next_all(loop, w, &place, &seen);
    EQ_INT(unlink(in(&place, "new/file")), 0);
    touch(&place, "new/file");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:new 1:new/file 1:new/file");
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(a_folder_that_moves_takes_what_is_below_it_along)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    make(&place, "a/b");
    make(&place, "c");
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_MOVED | VOW_WATCH_TREE);
    touch(&place, "a/b/1");
    move(&place, "a", "c/d");
    touch(&place, "c/d/b/2");
    move(&place, "c", "e");
    touch(&place, "e/d/b/3");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:a/b/1 16:c/d<a 1:c/d/b/2 16:e<c 1:e/d/b/3");
    EQ_INT(watched(), 4);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(a_folder_that_leaves_is_not_watched_and_one_that_comes_is)
{
    struct place place = make_place(), away = make_place();
    struct trace seen = {""};
    make(&place, "a");
    make(&place, "a/b");
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_DELETED | VOW_WATCH_TREE);
    EQ_INT(rename(in(&place, "a"), in(&away, "a")), 0);
    next_all(loop, w, &place, &seen);
    EQ_INT(watched(), 1);
    touch(&away, "a/b/file");
    next_all(loop, w, &place, &seen);
    EQ_INT(rename(in(&away, "a"), in(&place, "z")), 0);
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "8:a 8:end 8:end 1:z 1:z/b 1:z/b/file");
    EQ_INT(watched(), 3);
    vow_watch_unref(w);
    remove_place(&place);
    remove_place(&away);
}

/* By the time that its event is read another folder has the name. */
TEST(folders_that_change_names_are_not_mixed_up)
{
    struct place place = make_place();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_MOVED | VOW_WATCH_TREE);
    make(&place, "a");
    move(&place, "a", "b");
    make(&place, "a");
    make(&place, "a/deep");
    next_all(loop, w, &place, &seen);
    EQ_INT(watched(), 4);
    memset(&seen, 0, sizeof seen);
    touch(&place, "a/deep/1");
    touch(&place, "b/2");
    touch(&place, "a/3");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:a/deep/1 1:b/2 1:a/3");
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(what_is_not_asked_for_is_not_told_but_new_folders_are_watched)
{
    struct place place = make_place();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    int id = add(loop, w, place.path, VOW_WATCH_DELETED | VOW_WATCH_TREE);
    make(&place, "new");
    touch(&place, "new/file");
    touch(&place, "last");
    EQ_INT(unlink(in(&place, "last")), 0);
    next_one(loop, w, &place, &seen);
    EQ_INT(unlink(in(&place, "new/file")), 0);
    next_one(loop, w, &place, &seen);
    EQ_TRACE(seen, "8:last 8:new/file");
    EQ_INT(add(loop, w, place.path, VOW_WATCH_DELETED), id); /* no tree any more */
    EQ_INT(watched(), 1);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(links_are_not_followed_and_a_file_is_a_tree_of_its_own)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    touch(&place, "file");
    EQ_INT(symlink("..", in(&place, "a/up")) | symlink("a", in(&place, "link")), 0);
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, in(&place, "file"), TREE);
    EQ_INT(watched(), 1);
    add(loop, w, in(&place, "link"), TREE); /* what was asked for is */
    EQ_INT(watched(), 2);
    EQ_INT(chmod(in(&place, "file"), 0600), 0);
    touch(&place, "a/new");
    next_one(loop, w, &place, &seen);
    next_one(loop, w, &place, &seen);
    EQ_TRACE(seen, "32:file 1:link/new");
    vow_watch_unref(w);
    remove_place(&place);
}

/* As many changes as the kernel keeps, and more; then a folder, which is among the lost. */
TEST(after_lost_changes_new_folders_are_found)
{
    struct place place = make_place(), away = make_place();
    struct trace seen = {""};
    unsigned most = 0;
    FILE *limits = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    CHECK(limits != NULL && fscanf(limits, "%u", &most) == 1);
    fclose(limits);
    make(&place, "a");
    make(&place, "leaves");
    struct place link = place; /* a name of the same length, which leads there */
    *link.path = 'l';
    EQ_INT(symlink(place.path, link.path), 0);
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, link.path, VOW_WATCH_CREATED | VOW_WATCH_ATTRIBUTES | VOW_WATCH_TREE);
    for (unsigned i = 0; i < most + 10; i++)
        EQ_INT(chmod(in(&place, i % 2 ? "a" : ""), i % 3 ? 0700 : 0755), 0);
    make(&place, "a/lost");
    EQ_INT(rename(in(&place, "leaves"), in(&away, "left")), 0);
    int last = 0;
    while (last != VOW_WATCH_OVERFLOW) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
        last = vow_change_of(v)->what;
        vow_release(v);
    }
    next_all(loop, w, &place, &seen); /* what is in the tree by then is the program's to see */
    touch(&place, "a/lost/file");
    touch(&away, "left/file");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:a/lost/file");
    EQ_INT(watched(), 3);
    vow_watch_unref(w);
    EQ_INT(unlink(link.path), 0);
    remove_place(&place);
    remove_place(&away);
}

/* scenario 145 */
TEST(a_tree_of_more_folders_than_may_be_watched_is_not_watched_at_all)
{
    struct place place = make_place();
    make(&place, "a");
    make(&place, "a/b");
    make(&place, "c");
    vow_watch *w = vow_watch_new(loop);
    at.end = "/b";
    at.code = ENOSPC;
    expect_error(loop, vow_watch_add(w, place.path, TREE), ENOSPC, "a/b: this user watches as");
    EQ_INT(watched(), 0);
    expect_error(loop, vow_watch_add(w, in(&place, "gone"), TREE), ENOENT, "/gone");
    expect_error(loop, vow_watch_add(w, place.path, VOW_WATCH_TREE), EINVAL, place.path);
    at.end = NULL;
    add(loop, w, place.path, TREE);
    EQ_INT(watched(), 4);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(a_folder_that_cannot_be_watched_is_an_error_and_the_others_go_on)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "bad");
    make(&place, "good");
    at.end = "/bad";
    at.code = EACCES;
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_TREE);
    expect_error(loop, vow_watch_next(w), EACCES, "/bad");
    at.code = ENOSPC;
    make(&place, "good/bad");
    succeeds(loop, vow_watch_next(w));
    expect_error(loop, vow_watch_next(w), ENOSPC, "good/bad: this user");
    touch(&place, "good/file");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:good/file");
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(a_removed_tree_says_no_more)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    make(&place, "a/b");
    vow_watch *w = vow_watch_new(loop);
    int id = add(loop, w, in(&place, "a"), TREE);
    add(loop, w, place.path, VOW_WATCH_CREATED);
    make(&place, "a/new");
    touch(&place, "a/new/file");
    vow_unref(vow_watch_next(w)); /* comes back */
    EQ_INT(vow_watch_remove(w, id), 0);
    EQ_INT(vow_watch_remove(w, id), EINVAL);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(watched(), 1);
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "");
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(a_removed_tree_takes_along_what_was_found_in_it)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED);
    int id = add(loop, w, in(&place, "a"), VOW_WATCH_CREATED | VOW_WATCH_TREE);
    make(&place, "a/new");
    touch(&place, "a/new/1");
    touch(&place, "a/new/2");
    next_one(loop, w, &place, &seen);
    next_one(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:a/new 1:a/new/1");
    EQ_INT(vow_watch_remove(w, id), 0);
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:a/new 1:a/new/1");
    vow_watch_unref(w);
    remove_place(&place);
}

/* A folder that is not asked for is looked through while somebody waits. */
TEST(who_waits_is_told_of_what_happens_in_a_new_folder)
{
    struct place place = make_place();
    struct trace seen = {""};
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_DELETED | VOW_WATCH_TREE);
    vow_promise *p = vow_watch_next(w);
    vow_poll(loop);
    make(&place, "new");
    while (watched() < 2)
        vow_poll(loop);
    touch(&place, "new/file");
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(unlink(in(&place, "new/file")), 0);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    note(&seen, &place, v);
    vow_release(v);
    EQ_TRACE(seen, "8:new/file");
    vow_watch_unref(w);
    remove_place(&place);
}

/* It would be entered for ever, or be in itself. */
TEST(a_folder_that_is_mounted_in_itself_is_watched_once)
{
    struct place place = make_place();
    struct trace seen = {""};
    char same[64];
    make(&place, "a");
    make(&place, "a/self");
    snprintf(same, sizeof same, "%s", in(&place, "a"));
    at.end = "/self";
    at.same_as = same;
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_TREE);
    EQ_INT(watched(), 2);
    EQ_INT(rmdir(in(&place, "a/self")), 0);
    make(&place, "a/self"); /* and when it is found later */
    next_all(loop, w, &place, &seen);
    touch(&place, "a/file");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:a/self 1:a/file");
    EQ_INT(watched(), 2);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(a_tree_that_is_deleted_ends_its_id)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    make(&place, "a/b");
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, place.path, VOW_WATCH_CREATED);
    int id = add(loop, w, in(&place, "a"), VOW_WATCH_DELETED | VOW_WATCH_TREE);
    EQ_INT(rmdir(in(&place, "a/b")) | rmdir(in(&place, "a")), 0);
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "8:a/b 8:a 64:a");
    EQ_INT(vow_watch_remove(w, id), EINVAL);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(each_folder_belongs_to_one_id)
{
    struct place place = make_place();
    struct trace seen = {""};
    make(&place, "a");
    make(&place, "a/b");
    vow_watch *w = vow_watch_new(loop);
    int inner = add(loop, w, in(&place, "a"), VOW_WATCH_CREATED);
    int id = add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_TREE);
    CHECK(inner != id);
    EQ_INT(watched(), 2); /* not what is below the inner one */
    EQ_INT(vow_watch_remove(w, inner), 0);
    EQ_INT(add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_TREE), id); /* now it is */
    EQ_INT(watched(), 3);
    expect_error(loop, vow_watch_add(w, in(&place, "a"), VOW_WATCH_ALL), EEXIST, "/a");
    expect_error(loop, vow_watch_add(w, in(&place, "a/b"), TREE), EEXIST, "a/b");
    touch(&place, "a/b/file");
    next_all(loop, w, &place, &seen);
    EQ_TRACE(seen, "1:a/b/file");
    vow_watch_unref(w);
    remove_place(&place);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void wait_at_gate(const char *path)
{
    (void)path;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

/* Cancelled while it is looked through, dropped while it waits for that. */
TEST(a_tree_that_nobody_waits_for_is_not_watched)
{
    struct place place = make_place();
    make(&place, "a");
    vow_watch *w = vow_watch_new(loop);
    at.end = "/a";
    at.between = wait_at_gate;
    pthread_mutex_lock(&gate);
    vow_promise *p = vow_watch_add(w, place.path, TREE), *q = vow_watch_add(w, place.path, TREE);
    while (watched() < 2)
        sched_yield();
    vow_cancel(p);
    vow_unref(q);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    pthread_mutex_unlock(&gate);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(watched(), 0);
    vow_watch_unref(w);
    remove_place(&place);
}

/* Nothing of it is told, and what it has watched goes. */
TEST(a_tree_may_be_removed_while_it_is_looked_through)
{
    struct place place = make_place();
    vow_watch *w = vow_watch_new(loop);
    int id = add(loop, w, place.path, TREE);
    at.end = "/a";
    at.between = wait_at_gate;
    pthread_mutex_lock(&gate);
    make(&place, "a");
    make(&place, "a/b");
    succeeds(loop, vow_watch_next(w));
    while (watched() < 2)
        sched_yield();
    EQ_INT(vow_watch_remove(w, id), 0);
    pthread_mutex_unlock(&gate);
    vow_promise *p = vow_watch_next(w);
    while (watched() > 0)
        vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    vow_watch_unref(w);
    remove_place(&place);
}

/* How it ends while it is looked through: the watch goes, or the loop closes. */
static void end_meanwhile(vow_loop *loop, bool closes)
{
    struct place place = make_place();
    make(&place, "a");
    vow_watch *w = vow_watch_new(loop);
    at.end = "/a";
    at.between = wait_at_gate;
    pthread_mutex_lock(&gate);
    vow_promise *p = vow_watch_add(w, place.path, TREE), *q = vow_watch_add(w, place.path, TREE);
    while (watched() < 2)
        sched_yield();
    if (closes) {
        vow_mark_handled(p);
        vow_mark_handled(q);
        vow_loop_close(loop);
        EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    }
    vow_unref(p);
    vow_unref(q);
    vow_watch_unref(w);
    pthread_mutex_unlock(&gate);
    EQ_INT(vow_run_all(loop), closes ? VOW_ECLOSED : 0);
    while (vow_pool_running(vow_pool_own(VOW_POOL_FILES)) > 0)
        sched_yield();
    EQ_INT(watched(), 0); /* the thread has closed the descriptor */
    remove_place(&place);
}

TEST(a_watch_may_go_while_its_tree_is_looked_through) { end_meanwhile(loop, false); }
TEST(a_loop_may_close_while_a_tree_is_looked_through) { end_meanwhile(loop, true); }

TEST(a_forked_child_leaves_the_tree_to_its_parent)
{
    struct place place = make_place();
    make(&place, "a");
    vow_watch *w = vow_watch_new(loop);
    at.end = "/a";
    at.between = wait_at_gate;
    pthread_mutex_lock(&gate);
    vow_promise *p = vow_watch_add(w, place.path, TREE);
    while (watched() < 2)
        sched_yield();
    pid_t child = fork();
    if (child == 0)
        _exit(vow_loop_after_fork(loop) != 0 || vow_run(loop, p, NULL) != VOW_EFORK ||
              vow_run(loop, vow_watch_add(w, ".", TREE), NULL) != VOW_EFORK);
    pthread_mutex_unlock(&gate);
    succeeds(loop, p);
    int status;
    EQ_INT(waitpid(child, &status, 0), child);
    EQ_INT(status, 0);
    vow_watch_unref(w);
    remove_place(&place);
}

TEST(changes_wait_while_a_tree_is_looked_through)
{
    struct place place = make_place(), other = make_place();
    struct trace seen = {""};
    make(&place, "a");
    vow_watch *w = vow_watch_new(loop);
    add(loop, w, other.path, VOW_WATCH_CREATED);
    vow_promise *next = vow_watch_next(w);
    at.end = "/a";
    at.between = wait_at_gate;
    pthread_mutex_lock(&gate);
    vow_promise *p = vow_watch_add(w, place.path, TREE);
    touch(&other, "file");
    vow_poll(loop);
    EQ_INT(vow_state(next), VOW_PENDING);
    pthread_mutex_unlock(&gate);
    succeeds(loop, p);
    vow_value v;
    EQ_INT(vow_run(loop, next, &v), 0);
    note(&seen, &other, v);
    vow_release(v);
    EQ_TRACE(seen, "1:file");
    vow_watch_unref(w);
    remove_place(&place);
    remove_place(&other);
}

/* Things happen at random, and what is told is read now and then. In the end each folder is
 * watched, by its name. */
static unsigned random_up_to(unsigned *seed, unsigned n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static void random_path(unsigned *seed, struct place *place, char *path, size_t size)
{
    static const char *const names[] = {"a", "b", "c"};
    int used = snprintf(path, size, "%s", place->path);
    for (unsigned i = random_up_to(seed, 3) + 1; i > 0; i--)
        used += snprintf(path + used, size - (size_t)used, "/%s", names[random_up_to(seed, 3)]);
}

static void happen(unsigned *seed, struct place *place)
{
    char path[64], to[64];
    random_path(seed, place, path, sizeof path);
    random_path(seed, place, to, sizeof to);
    unsigned what = random_up_to(seed, 10);
    int code = what < 5 ? mkdir(path, 0755) : what < 9 ? rename(path, to) : rmdir(path);
    (void)code; /* what cannot be does not happen */
}

static struct {
    vow_loop *loop;
    vow_watch *watch;
    struct place *place;
    int folders;
} probed;

static int probe(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    (void)s, (void)ftw;
    char name[80], expected[100];
    if (kind != FTW_D)
        return 0;
    struct trace seen = {""};
    snprintf(name, sizeof name, "%s/probe", path);
    close(open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    next_all(probed.loop, probed.watch, probed.place, &seen);
    snprintf(expected, sizeof expected, "1:%s", name + strlen(probed.place->path) + 1);
    EQ_TRACE(seen, expected);
    probed.folders++;
    return unlink(name);
}

TEST(whatever_happens_each_folder_is_watched_by_its_name)
{
    for (unsigned run = 1; run <= 100; run++) {
        unsigned seed = run * 7919;
        struct place place = make_place();
        vow_watch *w = vow_watch_new(loop);
        add(loop, w, place.path, VOW_WATCH_CREATED | VOW_WATCH_MOVED | VOW_WATCH_TREE);
        for (int i = 0; i < 60; i++) {
            happen(&seed, &place);
            if (random_up_to(&seed, 8) == 0) {
                struct trace seen = {""};
                next_all(loop, w, &place, &seen);
            }
        }
        struct trace seen = {""};
        next_all(loop, w, &place, &seen);
        probed.loop = loop;
        probed.watch = w;
        probed.place = &place;
        probed.folders = 0;
        EQ_INT(nftw(place.path, probe, 8, FTW_PHYS), 0);
        EQ_INT(watched(), probed.folders);
        vow_watch_unref(w);
        remove_place(&place);
    }
}

static int use_tree(vow_loop *loop)
{
    struct place place = make_place();
    make(&place, "a");
    make(&place, "a/b");
    vow_watch *w = vow_watch_new(loop);
    int code = w ? vow_run(loop, vow_watch_add(w, place.path, TREE), NULL) : errno;
    if (!code) {
        make(&place, "c");
        make(&place, "c/d");
        move(&place, "a", "c/a");
        touch(&place, "c/a/b/last");
    }
    for (int failures = 0, ended = code; !ended && failures < 3;) {
        vow_value v;
        int failed = vow_run(loop, vow_watch_next(w), &v);
        code = code ? code : failed;
        failures += failed != 0;
        ended = !failed && strcmp(vow_change_of(v)->name, "last") == 0;
        vow_release(v);
    }
    (void)vow_run_all(loop);
    vow_watch_unref(w);
    remove_place(&place);
    return code;
}

TEST(every_allocation_of_a_tree_may_fail)
{
    EQ_INT(use_tree(loop), 0); /* the pool's own memory stays */
    sweep(use_tree);
}

#endif
