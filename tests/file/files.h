/* SPDX-License-Identifier: MIT
 *
 * files.h - a folder for a test's files, and what is in it.
 */
#ifndef VOW_TESTS_FILE_FILES_H
#define VOW_TESTS_FILE_FILES_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define SOME __attribute__((unused)) static

/* A directory for the test's files. */
struct dir {
    char path[32], file[64], other[64];
};

SOME struct dir make_dir(void)
{
    struct dir dir = {"vow-test-file-XXXXXX", "", ""};
    CHECK(mkdtemp(dir.path) != NULL);
    snprintf(dir.file, sizeof dir.file, "%s/file", dir.path);
    snprintf(dir.other, sizeof dir.other, "%s/other", dir.path);
    return dir;
}

/* Anything but `file` and `other` is too much. */
SOME void remove_dir(const struct dir *dir)
{
    unlink(dir->file);
    unlink(dir->other);
    EQ_INT(rmdir(dir->path), 0);
}

SOME void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

SOME void write_text(const char *path, const char *text) { write_file(path, text, strlen(text)); }

SOME void has_text(const char *path, const char *text)
{
    char bytes[256];
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    fclose(file);
    EQ_TEXT(bytes, text);
}

/* How many names there are in it. */
SOME int names_in(const char *path)
{
    int n = -2; /* . and .. */
    DIR *d = opendir(path);
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

SOME unsigned mode_of(const char *path)
{
    struct stat s;
    EQ_INT(lstat(path, &s), 0);
    return s.st_mode & 07777;
}

SOME vow_buf *text_buf(const char *text) { return vow_buf_copy(text, strlen(text)); }

/* p fulfils; what with does not matter. */
SOME void succeeds(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    if (vow_run(loop, p, &v))
        FAIL("rejected: %s", vow_error_message(vow_as_error(v)));
    vow_release(v);
}

SOME void expect_bytes(vow_loop *loop, vow_promise *p, const void *bytes, size_t size)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_UINT(vow_buf_size(vow_buf_of(v)), size);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), bytes, size);
    vow_release(v);
}

SOME void expect_text(vow_loop *loop, vow_promise *p, const char *text)
{
    expect_bytes(loop, p, text, strlen(text));
}

/* p rejects with code, and the message has the text: a path, mostly. */
SOME void expect_error(vow_loop *loop, vow_promise *p, int code, const char *text)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), code);
    HAS_TEXT(vow_error_message(vow_as_error(v)), text);
    vow_release(v);
}

/* Opened, to be given back with vow_file_unref. */
SOME vow_file *open_file(vow_loop *loop, const char *path, int flags)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_file_open(loop, path, flags, 0666), &v), 0);
    vow_file *f = vow_file_ref(vow_file_of(v));
    vow_release(v);
    return f;
}

/* Until the jobs of a loop that is gone have given back what they had. */
SOME void await_blocks(size_t blocks)
{
    while (vow_test_blocks() != blocks)
        sched_yield();
}

/* Limits the process; what the limit was. To be set back: CK_FORK=no. */
SOME rlim_t limit(int what, rlim_t most)
{
    struct rlimit limit;
    EQ_INT(getrlimit(what, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = most;
    EQ_INT(setrlimit(what, &limit), 0);
    return before;
}

#endif
