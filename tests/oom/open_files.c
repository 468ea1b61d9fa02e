/* SPDX-License-Identifier: MIT
 *
 * Open files, files that take another's place, directories and watches without memory.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oom/oom.h"

struct folder {
    char path[32], file[40], other[40];
};

static struct folder make_folder(void)
{
    struct folder f = {"vow-test-oom-XXXXXX", "", ""};
    CHECK(mkdtemp(f.path) != NULL);
    snprintf(f.file, sizeof f.file, "%s/file", f.path);
    snprintf(f.other, sizeof f.other, "%s/other", f.path);
    return f;
}

/* Nothing but the two may be in it. */
static void remove_folder(const struct folder *f)
{
    unlink(f->file);
    unlink(f->other);
    CHECK(rmdir(f->path) == 0);
}

static vow_buf *text_buf(const char *text) { return vow_buf_copy(text, strlen(text)); }

/* NULL: no memory. */
static vow_file *open_file(vow_loop *loop, const char *path, int flags)
{
    vow_value v;
    if (!EXPECT(vow_file_open(loop, path, flags, 0666), &v))
        return NULL;
    vow_file *f = vow_file_ref(vow_file_of(v));
    vow_release(v);
    return f;
}

SCENARIO(an_open_file)
{
    struct folder folder = make_folder();
    vow_file *f = open_file(loop, folder.file, O_RDWR | O_CREAT | O_APPEND);
    if (f) {
        bool written = EXPECT_NONE(vow_file_append(loop, f, text_buf("the text")));
        if (written)
            EXPECT_BYTES(vow_file_pread(loop, f, 4, 100), "text");
        EXPECT_NONE(vow_file_sync(loop, f));
        EXPECT_NONE(vow_file_truncate(loop, f, 0));
        EXPECT_NONE(vow_file_close(loop, f));
    }
    f = open_file(loop, folder.file, O_WRONLY | O_CREAT);
    if (f) {
        EXPECT_NONE(vow_file_pwrite(loop, f, 3, text_buf("there")));
        EXPECT_ERROR(vow_file_append(loop, f, text_buf("x")), EINVAL);
        EXPECT_ERROR(vow_file_pread(loop, f, 0, 1), EBADF);
    }
    vow_file_unref(f);
    remove_folder(&folder);
}

SCENARIO(what_files_are_like)
{
    vow_value v;
    if (EXPECT(vow_file_stat(loop, "/dev/null"), &v)) {
        EQ_INT(vow_file_info_of(v)->kind, VOW_FILE_DEVICE);
        vow_release(v);
    }
    if (EXPECT(vow_file_lstat(loop, "/proc/self/exe"), &v)) { /* in the pool */
        EQ_INT(vow_file_info_of(v)->kind, VOW_FILE_LINK);
        vow_release(v);
    }
    EXPECT_ERROR(vow_file_stat(loop, "/no/such/file"), ENOENT);
    EXPECT_ERROR(vow_file_open(loop, "/no/such/file", O_RDONLY, 0), ENOENT);
}

static void count_bytes(uint64_t bytes, UNUSED uint64_t of_bytes, void *data)
{
    *(uint64_t *)data = bytes;
}

SCENARIO(files_that_take_another_s_place)
{
    struct folder f = make_folder();
    uint64_t copied = 0;
    if (EXPECT_NONE(vow_file_write(loop, f.file, text_buf("whole"), 0600))) {
        if (EXPECT_NONE(vow_file_copy(loop, f.file, f.other, count_bytes, &copied)))
            EQ_INT(copied, 5);
        EXPECT_NONE(vow_file_rename(loop, f.file, f.file));
    }
    EXPECT_ERROR(vow_file_copy(loop, f.path, f.other, NULL, NULL), EISDIR);
    EXPECT_ERROR(vow_file_remove(loop, f.path), EISDIR);
    vow_promise *p = vow_file_write(loop, f.other, text_buf("unwanted"), 0);
    vow_cancel(p);
    EXPECT_ERROR(p, ECANCELED);
    EQ_INT(vow_run_all(loop), 0);
    remove_folder(&f);
}

SCENARIO(a_walk)
{
    struct folder f = make_folder();
    char deep[64];
    snprintf(deep, sizeof deep, "%s/other/a", f.path);
    CHECK(mkdir(f.other, 0755) == 0 && mkdir(deep, 0755) == 0);
    vow_dir *d = vow_dir_open(loop, f.path, VOW_DIR_DEEP);
    int given = 0, refused = 0;
    while (HAVE(d) && given < 3 && refused < 9) {
        vow_value v;
        if (!EXPECT(vow_dir_next(d), &v)) {
            refused++;
            (void)vow_run_all(loop); /* a job that nobody could wait for: EBUSY until it is done */
            continue;
        }
        if (given < 2)
            EQ_INT(vow_entry_of(v)->depth, given);
        else
            CHECK(vow_is_none(v));
        vow_release(v);
        given++;
    }
    vow_dir_unref(d);
    CHECK(rmdir(deep) == 0 && rmdir(f.other) == 0);
    remove_folder(&f);
}

SCENARIO(trees_that_are_made_and_removed)
{
    struct folder f = make_folder();
    char deep[64];
    snprintf(deep, sizeof deep, "%s/other/a/b", f.path);
    EXPECT_NONE(vow_dir_make(loop, deep, 0755));
    EXPECT_ERROR(vow_dir_remove(loop, "/no/such/tree"), ENOENT);
    CHECK(access(f.other, F_OK) == 0 || vow_test_failed());
    if (access(f.other, F_OK) == 0)
        EXPECT_NONE(vow_dir_remove(loop, f.other));
    EQ_INT(vow_run_all(loop), 0); /* what had begun when there was no memory to wait for it */
    rmdir(deep);                  /* what could not be removed */
    *strrchr(deep, '/') = '\0';
    rmdir(deep);
    rmdir(f.other);
    remove_folder(&f);
}

#ifndef VOW_PORTABLE /* which has no watches */
SCENARIO(a_watch)
{
    struct folder f = make_folder();
    vow_watch *w = vow_watch_new(loop);
    vow_value v;
    bool have = HAVE(w), added = have && EXPECT(vow_watch_add(w, f.path, VOW_WATCH_ALL), &v);
    if (have && EXPECT(vow_watch_add(w, "/proc/self/fd", VOW_WATCH_CREATED), &v))
        EXPECT_ERROR(vow_watch_add(w, "/no/such/file", VOW_WATCH_ALL), ENOENT);
    if (added) {
        vow_promise *p = vow_watch_next(w);
        CHECK(mkdir(f.other, 0755) == 0 && rmdir(f.other) == 0);
        static const int what[] = {VOW_WATCH_CREATED, VOW_WATCH_DELETED};
        for (int told = 0, refused = 0; told < 2 && refused < 9; p = vow_watch_next(w)) {
            if (!EXPECT(p, &v)) { /* the change stays */
                refused++;
                continue;
            }
            EQ_INT(vow_change_of(v)->what, what[told++]);
            vow_release(v);
        }
        vow_mark_handled(p);
        vow_unref(p);
    }
    (void)vow_run_all(loop); /* what looks for a path */
    vow_watch_unref(w);
    remove_folder(&f);
}
#endif
