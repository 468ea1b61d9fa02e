/* SPDX-License-Identifier: MIT
 *
 * test_files.c - the file system on a bad day: calls that are interrupted and cut short, and
 * ways that this kernel has and others have not.
 */
#include "faults/lines.h"
#include "file/files.h"

enum { SIZE = 100000 };

static vow_buf *pattern(void)
{
    vow_buf *b = vow_buf_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        vow_buf_bytes(b)[i] = (uint8_t)(i ^ (i >> 8));
    return b;
}

static void use(vow_loop *loop, const struct dir *dir)
{
    vow_buf *b = pattern();
    vow_file *f = open_file(loop, dir->file, O_RDWR | O_CREAT | O_TRUNC);
    succeeds(loop, vow_file_pwrite(loop, f, 0, vow_buf_ref(b)));
    expect_bytes(loop, vow_file_pread(loop, f, 0, SIZE), vow_buf_bytes(b), SIZE);
    expect_bytes(loop, vow_file_read(loop, dir->file, 0), vow_buf_bytes(b), SIZE);
    vow_file_unref(f);
    f = open_file(loop, dir->file, O_WRONLY | O_TRUNC | O_APPEND);
    succeeds(loop, vow_file_append(loop, f, vow_buf_ref(b)));
    vow_file_unref(f);
    succeeds(loop, vow_file_copy(loop, dir->file, dir->other, NULL, NULL));
    expect_bytes(loop, vow_file_read(loop, dir->other, 0), vow_buf_bytes(b), SIZE);
    succeeds(loop, vow_file_write(loop, dir->file, vow_buf_ref(b), 0));
    expect_bytes(loop, vow_file_read(loop, dir->file, 0), vow_buf_bytes(b), SIZE);
    vow_buf_unref(b);
}

SEEDED(files_hold_what_was_written)
{
    struct dir dir = make_dir();
    faults.no_ranges = seed % 2;
    use(loop, &dir);
    remove_dir(&dir);
}

SEEDED(files_are_cut_flushed_and_closed)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT);
    succeeds(loop, vow_file_pwrite(loop, f, 0, text_buf("text and more")));
    succeeds(loop, vow_file_truncate(loop, f, 4));
    succeeds(loop, vow_file_sync(loop, f));
    succeeds(loop, vow_file_close(loop, f));
    succeeds(loop, vow_file_rename(loop, dir.file, dir.other));
    expect_text(loop, vow_file_read(loop, dir.other, 0), "text");
    succeeds(loop, vow_file_remove(loop, dir.other));
    remove_dir(&dir);
}

/* What cannot be waited for as a stream. */
SEEDED(all_lines_through_a_file)
{
    struct dir dir = make_dir();
    size_t size;
    char *text = all_lines(&size);
    vow_stream *s = vow_stream_from_fd(loop, open(dir.file, O_WRONLY | O_CREAT, 0600));
    while (s == NULL) /* an interrupted open */
        s = vow_stream_from_fd(loop, open(dir.file, O_WRONLY | O_CREAT, 0600));
    FULFILS(start_write(s, text, size));
    vow_stream_unref(s);
    free(text);
    int fd;
    while ((fd = open(dir.file, O_RDONLY)) < 0)
        ;
    struct reader reader = {vow_stream_from_fd(loop, fd), 0};
    FULFILS(read_line(&reader));
    ENDS(reader.stream);
    vow_stream_unref(reader.stream);
    remove_dir(&dir);
}

/* How many entries a walk gives. */
static int walk(vow_loop *loop, const char *path)
{
    vow_dir *d = vow_dir_open(loop, path, VOW_DIR_DEEP);
    vow_value v;
    int n = 0;
    for (;; n++) {
        EQ_INT(vow_run(loop, vow_dir_next(d), &v), 0);
        if (vow_is_none(v))
            break;
        vow_release(v);
    }
    vow_dir_unref(d);
    return n;
}

SEEDED(trees_are_made_walked_and_removed)
{
    struct dir dir = make_dir();
    char path[128];
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "%s/%d/a/b", dir.file, i);
        succeeds(loop, vow_dir_make(loop, path, 0777));
        snprintf(path, sizeof path, "%s/%d/a/text", dir.file, i);
        succeeds(loop, vow_file_write(loop, path, text_buf("text"), 0));
    }
    EQ_INT(walk(loop, dir.file), 40);
    succeeds(loop, vow_dir_remove(loop, dir.file));
    EQ_INT(walk(loop, dir.path), 0);
    remove_dir(&dir);
}

#ifndef VOW_PORTABLE /* which has no watches */
/* Every change of a kind is told once, also of directories that are new. */
static void is_created(vow_loop *loop, vow_watch *w, const char *name)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_watch_next(w), &v), 0);
    EQ_INT(vow_change_of(v)->what, VOW_WATCH_CREATED);
    EQ_TEXT(vow_change_of(v)->name, name);
    vow_release(v);
}

SEEDED(changes_are_told)
{
    struct dir dir = make_dir();
    char path[128];
    vow_watch *w = vow_watch_new(loop);
    succeeds(loop, vow_watch_add(w, dir.path, VOW_WATCH_CREATED | VOW_WATCH_TREE));
    succeeds(loop, vow_dir_make(loop, dir.file, 0777));
    is_created(loop, w, "file");
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "%s/%d", dir.file, i);
        succeeds(loop, vow_dir_make(loop, path, 0777));
        is_created(loop, w, strrchr(path, '/') + 1);
    }
    vow_watch_unref(w);
    succeeds(loop, vow_dir_remove(loop, dir.file));
    remove_dir(&dir);
}
#endif

TEST(where_nothing_can_be_done_at_once)
{
    struct dir dir = make_dir();
    faults.no_nowait = faults.no_ranges = true;
    use(loop, &dir);
    remove_dir(&dir);
}
