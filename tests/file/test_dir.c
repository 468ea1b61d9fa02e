/* SPDX-License-Identifier: MIT */
#include "adapt/sweep.h"
#include "file/files.h"
#include "vow/dir.h"

/* A path below the test's folder, good until the next but three. */
static const char *in(const struct dir *dir, const char *name)
{
    static char paths[4][400];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir->path, name);
    return path;
}

static void make(const struct dir *dir, const char *name) { EQ_INT(mkdir(in(dir, name), 0755), 0); }
static void touch(const struct dir *dir, const char *name) { write_text(in(dir, name), ""); }
static void link_to(const struct dir *dir, const char *name, const char *to)
{
    EQ_INT(symlink(to, in(dir, name)), 0);
}

/* Leaves nothing, whatever is in it. */
static void remove_tree(vow_loop *loop, const struct dir *dir)
{
    succeeds(loop, vow_dir_remove(loop, dir->path));
    CHECK(access(dir->path, F_OK) != 0);
}

/* The rest of a walk: "depth:name" of each, "@" behind links, sorted, errors as their numbers. */
struct found {
    char text[512];
    int count, errors;
};

static int by_text(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static struct found all_of(vow_loop *loop, vow_dir *d)
{
    struct found found = {"", 0, 0};
    char *names[64];
    vow_value v;
    for (;;) {
        int code = vow_run(loop, vow_dir_next(d), &v);
        if (!code && vow_is_none(v))
            break;
        CHECK(found.count < 64);
        names[found.count] = malloc(300);
        if (code)
            snprintf(names[found.count], 300, "error:%d", code);
        else
            snprintf(names[found.count], 300, "%u:%s%s", vow_entry_of(v)->depth,
                     vow_entry_of(v)->name, vow_entry_of(v)->kind == VOW_FILE_LINK ? "@" : "");
        found.errors += code != 0;
        found.count++;
        vow_release(v);
    }
    qsort(names, (size_t)found.count, sizeof *names, by_text);
    for (int i = 0; i < found.count; i++) {
        size_t used = strlen(found.text);
        snprintf(found.text + used, sizeof found.text - used, "%s%s", i ? " " : "", names[i]);
        free(names[i]);
    }
    return found;
}

static struct found walk(vow_loop *loop, const char *path, unsigned flags)
{
    vow_dir *d = vow_dir_open(loop, path, flags);
    struct found found = all_of(loop, d);
    vow_dir_unref(d);
    return found;
}

TEST(gives_what_is_in_a_directory_and_then_nothing)
{
    struct dir dir = make_dir();
    EQ_TEXT(walk(loop, dir.path, 0).text, "");
    touch(&dir, "a");
    make(&dir, "b");
    touch(&dir, "b/c");
    link_to(&dir, "d", "a");
    EQ_TEXT(walk(loop, dir.path, 0).text, "0:a 0:b 0:d@");
    vow_dir *d = vow_dir_open(loop, dir.path, 0);
    EQ_INT(all_of(loop, d).count, 3);
    EQ_INT(all_of(loop, d).count, 0); /* and ever after */
    vow_dir_unref(d);
    remove_tree(loop, &dir);
}

TEST(an_entry_says_where_and_what_it_is)
{
    struct dir dir = make_dir();
    struct stat s;
    vow_value v;
    touch(&dir, "a");
    EQ_INT(stat(in(&dir, "a"), &s), 0);
    vow_dir *d = vow_dir_open(loop, dir.path, 0);
    EQ_INT(vow_run(loop, vow_dir_next(d), &v), 0);
    vow_dir_unref(d);
    const vow_entry *e = vow_entry_of(v);
    EQ_TEXT(e->path, in(&dir, "a"));
    EQ_TEXT(e->name, "a");
    EQ_INT(e->kind, VOW_FILE_REGULAR);
    EQ_UINT(e->inode, s.st_ino);
    CHECK(vow_is(v, vow_entry_type()));
    vow_release(v);
    remove_tree(loop, &dir);
}

TEST(a_walk_gives_a_directory_before_what_is_in_it)
{
    struct dir dir = make_dir();
    make(&dir, "a");
    make(&dir, "a/b");
    touch(&dir, "a/b/c");
    vow_dir *d = vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    for (unsigned depth = 0; depth < 3; depth++) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_dir_next(d), &v), 0);
        EQ_UINT(vow_entry_of(v)->depth, depth);
        vow_release(v);
    }
    EQ_INT(all_of(loop, d).count, 0);
    vow_dir_unref(d);
    remove_tree(loop, &dir);
}

TEST(names_may_have_any_bytes)
{
    struct dir dir = make_dir();
    char longest[256] = "";
    memset(longest, 'n', 255);
    touch(&dir, "with space");
    touch(&dir, "new\nline");
    touch(&dir, "\xff\xfe");
    touch(&dir, "...");
    touch(&dir, longest);
    char expected[400];
    snprintf(expected, sizeof expected, "0:... 0:new\nline 0:%s 0:with space 0:\xff\xfe", longest);
    EQ_TEXT(walk(loop, dir.path, 0).text, expected);
    remove_tree(loop, &dir);
}

TEST(links_are_not_followed_unless_asked_for)
{
    struct dir dir = make_dir();
    make(&dir, "a");
    touch(&dir, "a/x");
    link_to(&dir, "l", "a");
    link_to(&dir, "nowhere", "gone");
    link_to(&dir, "self", "self");
    EQ_TEXT(walk(loop, dir.path, VOW_DIR_DEEP).text, "0:a 0:l@ 0:nowhere@ 0:self@ 1:x");
    EQ_TEXT(walk(loop, dir.path, VOW_DIR_DEEP | VOW_DIR_FOLLOW).text,
            "0:a 0:l 0:nowhere@ 0:self@ 1:x 1:x");
    EQ_TEXT(walk(loop, in(&dir, "l"), 0).text, "0:x"); /* the one that was asked for */
    remove_tree(loop, &dir);
}

TEST(a_loop_of_links_is_an_error_and_the_walk_goes_on)
{
    struct dir dir = make_dir();
    make(&dir, "a");
    make(&dir, "a/b");
    link_to(&dir, "a/b/up", "..");
    link_to(&dir, "a/top", "..");
    touch(&dir, "z");
    struct found found = walk(loop, dir.path, VOW_DIR_DEEP | VOW_DIR_FOLLOW);
    EQ_INT(found.errors, 2);
    HAS_TEXT(found.text, "0:a 0:z 1:b 1:top 2:up error:40 error:40");
    EQ_TEXT(walk(loop, dir.path, VOW_DIR_DEEP).text, "0:a 0:z 1:b 1:top@ 2:up@");
    remove_tree(loop, &dir);
}

/* scenario 145 */
TEST(what_cannot_be_opened_is_an_error_and_then_the_end)
{
    struct dir dir = make_dir();
    touch(&dir, "file");
    const char *paths[] = {in(&dir, "gone"), in(&dir, "file"), ""};
    int codes[] = {ENOENT, ENOTDIR, ENOENT};
    for (int i = 0; i < 3; i++) {
        vow_dir *d = vow_dir_open(loop, paths[i], 0);
        expect_error(loop, vow_dir_next(d), codes[i], paths[i]);
        EQ_INT(all_of(loop, d).count, 0);
        vow_dir_unref(d);
    }
    remove_tree(loop, &dir);
}

TEST(a_directory_without_permission_is_an_error_among_the_others)
{
    struct dir dir = make_dir();
    make(&dir, "closed");
    touch(&dir, "closed/x");
    touch(&dir, "z");
    EQ_INT(chmod(dir.path, 0755) | chmod(in(&dir, "closed"), 0), 0);
    EQ_INT(geteuid() == 0 ? seteuid(65534) : 0, 0);
    EQ_TEXT(walk(loop, dir.path, VOW_DIR_DEEP).text, "0:closed 0:z error:13");
    EQ_INT(getuid() == 0 ? seteuid(0) : 0, 0);
    EQ_INT(chmod(in(&dir, "closed"), 0755), 0);
    remove_tree(loop, &dir);
}

TEST(what_is_skipped_is_not_entered)
{
    struct dir dir = make_dir();
    char name[16];
    make(&dir, "a");
    make(&dir, "b");
    for (int i = 0; i < 200; i++) { /* more than is read ahead */
        snprintf(name, sizeof name, "%c/%d", "ab"[i % 2], i);
        touch(&dir, name);
    }
    touch(&dir, "z");
    vow_dir *d = vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    int seen = 0;
    for (;;) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_dir_next(d), &v), 0);
        if (vow_is_none(v))
            break;
        seen++;
        if (strcmp(vow_entry_of(v)->name, "a") == 0)
            vow_dir_skip(d);
        CHECK(strstr(vow_entry_of(v)->path, "/a/") == NULL);
        vow_release(v);
    }
    EQ_INT(seen, 3 + 100);
    vow_dir_unref(d);
    remove_tree(loop, &dir);
}

/* Large trees. */

enum { FILES = 99 };

/* Of one file: ext4 is slow in making thousands of them soon after thousands were removed. */
static void make_many(const struct dir *dir, int folders)
{
    char name[32], first[64];
    snprintf(first, sizeof first, "%s", in(dir, "first"));
    write_text(first, "");
    for (int i = 0; i < folders; i++) {
        snprintf(name, sizeof name, "%d", i);
        make(dir, name);
        for (int j = 0; j < FILES; j++) {
            snprintf(name, sizeof name, "%d/%d", i, j);
            EQ_INT(link(first, in(dir, name)), 0);
        }
    }
    unlink(first);
}

TEST(ten_thousand_entries_take_memory_for_a_few_dozen)
{
    enum { FOLDERS = 100 };
    struct dir dir = make_dir();
    make_many(&dir, FOLDERS);
    size_t before = vow_test_blocks();
    vow_dir *d = vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    int count = 0;
    for (vow_value v; vow_run(loop, vow_dir_next(d), &v) == 0 && !vow_is_none(v); count++) {
        CHECK(vow_test_blocks() - before < 100);
        vow_release(v);
    }
    EQ_INT(count, FOLDERS * (FILES + 1));
    vow_dir_unref(d);
    remove_tree(loop, &dir);
}

/* Directories in directories, their path longer than any call takes. */
static void make_deep(const struct dir *dir, int levels, const char *name)
{
    char top[1024];
    CHECK(getcwd(top, sizeof top) != NULL);
    EQ_INT(chdir(dir->path), 0);
    for (int i = 0; i < levels; i++)
        EQ_INT(mkdir(name, 0755) | chdir(name), 0);
    write_text("bottom", "");
    EQ_INT(chdir(top), 0);
}

TEST(a_deep_tree_is_walked_with_a_descriptor_a_level)
{
    enum { LEVELS = 60 };
    struct dir dir = make_dir();
    char name[101] = "";
    memset(name, 'd', 100);
    make_deep(&dir, LEVELS, name);
    vow_dir *d = vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    unsigned depth = 0;
    for (vow_value v; vow_run(loop, vow_dir_next(d), &v) == 0 && !vow_is_none(v); depth++) {
        EQ_UINT(vow_entry_of(v)->depth, depth);
        vow_release(v);
    }
    EQ_UINT(depth, LEVELS + 1);
    vow_dir_unref(d);
    remove_tree(loop, &dir);
}

TEST(a_tree_of_any_depth_is_removed_with_two_descriptors)
{
    struct dir dir = make_dir();
    make_deep(&dir, 3000, "d");
    succeeds(loop, vow_dir_make(loop, dir.path, 0755)); /* the loop and pools have theirs */
    int free_fd = open("/dev/null", O_RDONLY);
    close(free_fd);
    rlim_t before = limit(RLIMIT_NOFILE, (rlim_t)free_fd + 3); /* the loop's own, and two */
    remove_tree(loop, &dir);
    limit(RLIMIT_NOFILE, before);
}

TEST(what_changes_while_it_is_walked_does_no_harm)
{
    struct dir dir = make_dir();
    vow_value v;
    make_many(&dir, 10);
    vow_dir *d = vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    EQ_INT(vow_run(loop, vow_dir_next(d), &v), 0);
    vow_release(v);
    vow_promise *removed = vow_dir_remove(loop, dir.path); /* at the same time */
    int count = 1;
    for (; vow_run(loop, vow_dir_next(d), &v) == 0 && !vow_is_none(v); count++)
        vow_release(v);
    CHECK(vow_is_none(v) && count <= 10 * (FILES + 1));
    vow_dir_unref(d);
    succeeds(loop, removed);
}

/* Cancelling. */

static vow_value note_entry(vow_value v, void *data)
{
    if (!vow_is_none(v))
        ++*(int *)data;
    return VOW_SAME;
}

/* Each second one is cancelled: at once, or when it is there and nobody has seen it. */
TEST(a_cancelled_next_loses_no_entry)
{
    struct dir dir = make_dir();
    char name[16];
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof name, "%d", i);
        touch(&dir, name);
    }
    vow_dir *d = vow_dir_open(loop, dir.path, 0);
    int seen = 0;
    for (int i = 0;; i++) {
        vow_promise *p = vow_then(vow_dir_next(d), note_entry, &seen);
        if (i % 3 == 0)
            vow_cancel(p);
        if (i % 3 == 1) {
            vow_unref(p);
            continue;
        }
        vow_value v;
        int code = vow_run(loop, p, &v);
        bool end = code == 0 && vow_is_none(v);
        vow_release(v);
        if (end)
            break;
    }
    EQ_INT(seen, 150);
    vow_dir_unref(d);
    remove_tree(loop, &dir);
}

TEST(one_next_at_a_time)
{
    struct dir dir = make_dir();
    touch(&dir, "a");
    vow_dir *d = vow_dir_open(loop, dir.path, 0);
    vow_promise *p = vow_dir_next(d);
    EQ_INT(vow_run(loop, vow_dir_next(d), NULL), EBUSY);
    succeeds(loop, p);
    vow_dir_unref(d);
    remove_tree(loop, &dir);
}

TEST(who_lets_go_of_a_reader_ends_the_walk)
{
    struct dir dir = make_dir();
    make_many(&dir, 10);
    vow_dir *d = vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    vow_promise *p = vow_dir_next(vow_dir_ref(d));
    vow_dir_unref(d);
    vow_dir_unref(d); /* the promise has one */
    succeeds(loop, p);
    d = vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    vow_unref(vow_dir_next(d));
    vow_dir_unref(d);
    EQ_INT(vow_run_all(loop), 0);
    remove_tree(loop, &dir);
}

TEST_PLAIN(a_loop_that_closes_rejects_and_then_refuses)
{
    struct dir dir = make_dir();
    size_t before = vow_test_blocks();
    touch(&dir, "a");
    loop = vow_loop_new();
    vow_dir *d = vow_dir_open(loop, dir.path, 0);
    vow_promise *p = vow_dir_next(d), *removed = vow_dir_remove(loop, "no/such");
    vow_mark_handled(removed);
    vow_loop_close(loop);
    if (vow_state(p) != VOW_FULFILLED) /* it was quicker */
        EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(removed);
    p = vow_dir_next(d);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_loop_free(loop);
    vow_dir_unref(d);
    await_blocks(before);
    unlink(in(&dir, "a"));
    remove_dir(&dir);
}

/* Making. */

TEST(makes_what_is_missing_and_nothing_twice)
{
    struct dir dir = make_dir();
    mode_t mask = umask(022);
    succeeds(loop, vow_dir_make(loop, in(&dir, "a/b//c/"), 0555));
    EQ_UINT(mode_of(in(&dir, "a")), 0755);
    EQ_UINT(mode_of(in(&dir, "a/b/c")), 0555);
    succeeds(loop, vow_dir_make(loop, in(&dir, "a/b/c"), 0700));
    succeeds(loop, vow_dir_make(loop, "/", 0700));
    touch(&dir, "file");
    link_to(&dir, "link", "a");
    succeeds(loop, vow_dir_make(loop, in(&dir, "link"), 0755));
    expect_error(loop, vow_dir_make(loop, in(&dir, "file"), 0755), EEXIST, "file");
    expect_error(loop, vow_dir_make(loop, in(&dir, "file/x/y"), 0755), ENOTDIR, "file/x/y");
    expect_error(loop, vow_dir_make(loop, "", 0755), ENOENT, "mkdir");
    umask(mask);
    remove_tree(loop, &dir);
}

TEST(may_not_be_made_or_removed)
{
    struct dir dir = make_dir();
    make(&dir, "a");
    touch(&dir, "a/x");
    EQ_INT(chmod(dir.path, 0755) | chmod(in(&dir, "a"), 0755), 0);
    EQ_INT(geteuid() == 0 ? seteuid(65534) : 0, 0);
    if (getuid() == 0) {
        expect_error(loop, vow_dir_make(loop, in(&dir, "b/c"), 0755), EACCES, "b/c");
        expect_error(loop, vow_dir_remove(loop, in(&dir, "a")), EACCES, "a");
    }
    EQ_INT(getuid() == 0 ? seteuid(0) : 0, 0);
    CHECK(access(in(&dir, "a/x"), F_OK) == 0);
    remove_tree(loop, &dir);
}

/* Removing. */

TEST(a_tree_is_removed_and_what_its_links_lead_to_is_not)
{
    struct dir dir = make_dir(), kept = make_dir();
    char target[64];
    touch(&kept, "file");
    snprintf(target, sizeof target, "../../%s", kept.path);
    make(&dir, "a");
    link_to(&dir, "a/out", target);
    snprintf(target, sizeof target, "../%s", kept.path);
    link_to(&dir, "out", target);
    touch(&dir, "a/file");
    EQ_INT(mkfifo(in(&dir, "a/fifo"), 0600), 0);
    succeeds(loop, vow_dir_remove(loop, in(&dir, "out/"))); /* the link itself */
    CHECK(access(in(&dir, "out"), F_OK) != 0);
    remove_tree(loop, &dir);
    CHECK(access(kept.file, F_OK) == 0);
    remove_dir(&kept);
}

TEST(a_file_is_removed_too_and_some_paths_are_refused_before_anything_is_gone)
{
    struct dir dir = make_dir();
    touch(&dir, "file");
    succeeds(loop, vow_dir_remove(loop, dir.file));
    expect_error(loop, vow_dir_remove(loop, dir.file), ENOENT, dir.file);
    touch(&dir, "file");
    expect_error(loop, vow_dir_remove(loop, in(&dir, ".")), EINVAL, "/.");
    expect_error(loop, vow_dir_remove(loop, in(&dir, "x/..")), EINVAL, "/..");
    expect_error(loop, vow_dir_remove(loop, "/"), EINVAL, "/");
    expect_error(loop, vow_dir_remove(loop, "."), EINVAL, ".");
    expect_error(loop, vow_dir_remove(loop, ""), ENOENT, "remove");
    CHECK(access(dir.file, F_OK) == 0);
    remove_tree(loop, &dir);
}

/* Unless it is done before we get to run: then once more. */
TEST(a_cancelled_removal_stops)
{
    bool stopped = false;
    for (int i = 0; !stopped && i < 20; i++) {
        struct dir dir = make_dir();
        make_many(&dir, 20);
        vow_promise *p = vow_dir_remove(loop, dir.path);
        while (access(in(&dir, "0/0"), F_OK) == 0 && access(in(&dir, "19/98"), F_OK) == 0 &&
               access(in(&dir, "10/50"), F_OK) == 0)
            ;
        vow_cancel(p);
        EQ_INT(vow_run(loop, p, NULL), ECANCELED);
        EQ_INT(vow_run_all(loop), 0);
        stopped = access(dir.path, F_OK) == 0;
        if (stopped)
            remove_tree(loop, &dir);
    }
    CHECK(stopped);
}

/* No memory. */

static int use_tree(vow_loop *loop)
{
    struct dir dir = make_dir();
    int code = vow_run(loop, vow_dir_make(loop, in(&dir, "a/b"), 0755), NULL);
    if (!code)
        touch(&dir, "a/b/c");
    vow_dir *d = code ? NULL : vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    code = code || d ? code : errno;
    for (int i = 0; !code && i < 4; i++)
        code = vow_run(loop, vow_dir_next(d), NULL);
    vow_dir_unref(d);
    if (!code)
        code = vow_run(loop, vow_dir_remove(loop, in(&dir, "a")), NULL);
    (void)vow_run_all(loop); /* what had begun when there was no memory to wait for it */
    unlink(in(&dir, "a/b/c"));
    rmdir(in(&dir, "a/b"));
    rmdir(in(&dir, "a"));
    remove_dir(&dir);
    return code;
}

TEST(every_allocation_of_a_walk_may_fail)
{
    EQ_INT(use_tree(loop), 0); /* the pools' own memory stays */
    sweep(use_tree);
}
