/* SPDX-License-Identifier: MIT
 *
 * test_cancel_files.c - files, directories and watches: ended after every turn.
 */
#include "faults/every_turn.h"

enum { SIZE = 3 << 20 };

static vow_buf *zeros(size_t size)
{
    vow_buf *b = vow_buf_new(size);
    memset(vow_buf_bytes(b), 0, size);
    return b;
}

static void make_file(struct stage *w, size_t size)
{
    w->dir = make_dir();
    vow_buf *b = zeros(size);
    write_file(w->dir.file, vow_buf_bytes(b), size);
    vow_buf_unref(b);
}

/* Opened at once where the file is known to the kernel; held until the end. */
static void end_file(void *other) { vow_file_unref(other); }

static vow_file *open_in(vow_loop *loop, struct stage *w, int flags)
{
    w->other = open_file(loop, w->dir.file, flags);
    w->free_other = end_file;
    return w->other;
}

EVERY_TURN(a_whole_file_read, NULL)
{
    make_file(w, SIZE);
    return vow_file_read(loop, w->dir.file, 0);
}

EVERY_TURN(a_file_opened, NULL)
{
    w->dir = make_dir();
    return vow_file_open(loop, w->dir.file, O_RDWR | O_CREAT, 0600);
}

EVERY_TURN(a_piece_read, NULL)
{
    make_file(w, SIZE);
    return vow_file_pread(loop, open_in(loop, w, O_RDONLY), 10, SIZE);
}

EVERY_TURN(a_piece_written, NULL)
{
    make_file(w, 10);
    return vow_file_pwrite(loop, open_in(loop, w, O_RDWR), 0, zeros(SIZE));
}

EVERY_TURN(a_piece_appended, NULL)
{
    make_file(w, 10);
    return vow_file_append(loop, open_in(loop, w, O_RDWR | O_APPEND), zeros(SIZE));
}

EVERY_TURN(a_file_cut, NULL)
{
    make_file(w, 10);
    return vow_file_truncate(loop, open_in(loop, w, O_RDWR), 5);
}

EVERY_TURN(a_file_flushed, NULL)
{
    make_file(w, 10);
    return vow_file_sync(loop, open_in(loop, w, O_RDWR));
}

EVERY_TURN(a_file_closed, NULL)
{
    make_file(w, 10);
    return vow_file_close(loop, vow_file_ref(open_in(loop, w, O_RDWR)));
}

EVERY_TURN(a_file_looked_at, NULL)
{
    make_file(w, 10);
    return vow_file_stat(loop, w->dir.file);
}

static void idle(void)
{
    while (vow_pool_running(vow_pool_own(VOW_POOL_FILES)) > 0 ||
           vow_pool_running(vow_pool_own(VOW_POOL_COPIES)) > 0)
        sched_yield();
}

/* There is the old file or the new one, and nothing beside it. */
static void is_old_or_new(vow_loop *loop, struct stage *w)
{
    EQ_INT(vow_run_all(loop), 0); /* what runs in the pool runs out */
    struct stat s;
    EQ_INT(stat(w->dir.file, &s), 0);
    CHECK(s.st_size == 10 || s.st_size == SIZE);
    EQ_INT(names_in(w->dir.path), 1);
}

EVERY_TURN(a_file_replaced, is_old_or_new)
{
    make_file(w, 10);
    return vow_file_write(loop, w->dir.file, zeros(SIZE), 0);
}

static void is_whole_or_not_there(vow_loop *loop, struct stage *w)
{
    EQ_INT(vow_run_all(loop), 0);
    struct stat s;
    CHECK(stat(w->dir.other, &s) || s.st_size == SIZE);
    EQ_INT(names_in(w->dir.path), access(w->dir.other, F_OK) ? 1 : 2);
}

EVERY_TURN(a_file_copied, is_whole_or_not_there)
{
    make_file(w, SIZE);
    return vow_file_copy(loop, w->dir.file, w->dir.other, NULL, NULL);
}

/* Of the name that a rename gives away, and that it takes. */
static void has_one_name(vow_loop *loop, struct stage *w)
{
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(names_in(w->dir.path), 1);
}

EVERY_TURN(a_file_renamed, has_one_name)
{
    make_file(w, 10);
    return vow_file_rename(loop, w->dir.file, w->dir.other);
}

EVERY_TURN(a_file_removed, NULL)
{
    make_file(w, 10);
    return vow_file_remove(loop, w->dir.file);
}

/* Ten directories with a file each. */
static char *tree_path(struct stage *w, int i, const char *rest)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%d%s", w->dir.file, i, rest);
    return path;
}

static void make_tree(struct stage *w)
{
    w->dir = make_dir();
    EQ_INT(mkdir(w->dir.file, 0777), 0);
    for (int i = 0; i < 10; i++) {
        EQ_INT(mkdir(tree_path(w, i, ""), 0777), 0);
        write_text(tree_path(w, i, "/text"), "text");
    }
}

static void end_tree(void *other)
{
    struct stage *w = other;
    idle();
    for (int i = 0; i < 10; i++) {
        unlink(tree_path(w, i, "/text"));
        rmdir(tree_path(w, i, "/new/er"));
        rmdir(tree_path(w, i, "/new"));
        rmdir(tree_path(w, i, ""));
    }
    rmdir(w->dir.file);
}

static void with_tree(struct stage *w)
{
    make_tree(w);
    w->other = w;
    w->free_other = end_tree;
}

EVERY_TURN(directories_made, NULL)
{
    with_tree(w);
    return vow_dir_make(loop, tree_path(w, 3, "/new/er"), 0777);
}

EVERY_TURN(a_tree_removed, NULL)
{
    with_tree(w);
    return vow_dir_remove(loop, w->dir.file);
}

/* Step after step to the end; the walk lives as long as its promise. */
static vow_value walk_on(vow_value v, void *data)
{
    if (vow_is_none(v))
        return vow_none();
    return vow_promise_value(vow_then(vow_dir_next(data), walk_on, data));
}

static void drop_dir(void *d) { vow_dir_unref(d); }

EVERY_TURN(a_tree_walked, NULL)
{
    with_tree(w);
    vow_dir *d = vow_dir_open(loop, w->dir.file, VOW_DIR_DEEP);
    return vow_attach(vow_then(vow_dir_next(d), walk_on, d), d, drop_dir);
}

#ifndef VOW_PORTABLE /* which has no watches */
static void drop_watch(void *watch) { vow_watch_unref(watch); }

/* With all that is below it. */
EVERY_TURN(a_tree_watched, NULL)
{
    with_tree(w);
    vow_watch *watch = vow_watch_new(loop);
    vow_promise *p = vow_watch_add(watch, w->dir.file, VOW_WATCH_ALL | VOW_WATCH_TREE);
    return vow_attach(p, watch, drop_watch);
}

static vow_value make_new(vow_value v, void *data)
{
    (void)v;
    EQ_INT(mkdir(tree_path(data, 1, "/new"), 0777), 0);
    return vow_none();
}

static vow_value wait_for_change(vow_value v, void *watch)
{
    (void)v;
    return vow_promise_value(vow_watch_next(watch));
}

EVERY_TURN(a_change_in_a_tree, NULL)
{
    with_tree(w);
    vow_watch *watch = vow_watch_new(loop);
    vow_promise *p = vow_watch_add(watch, w->dir.file, VOW_WATCH_CREATED | VOW_WATCH_TREE);
    p = vow_then(vow_then(p, make_new, w), wait_for_change, watch);
    return vow_attach(p, watch, drop_watch);
}
#endif
