/* SPDX-License-Identifier: MIT
 *
 * Files without memory: read at once, in the pool, and those that cannot be.
 */
#include "vow/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oom/oom.h"

struct file {
    char path[32];
};

static struct file make_file(const char *text, size_t size)
{
    struct file file = {"vow-test-oom-XXXXXX"};
    int fd = mkstemp(file.path);
    CHECK(fd >= 0 && write(fd, text, size) == (ssize_t)size && close(fd) == 0);
    return file;
}

SCENARIO(small_files)
{
    struct file file = make_file("the whole text", 14);
    EXPECT_BYTES(vow_file_read(loop, file.path, 0), "the whole text");
    EXPECT_BYTES(vow_file_read(loop, file.path, 14), "the whole text");
    EXPECT_ERROR(vow_file_read(loop, file.path, 13), EFBIG);
    vow_promise *p = vow_file_read(loop, file.path, 0);
    vow_mark_handled(p);
    vow_unref(p);
    unlink(file.path);
    file = make_file("", 0);
    EXPECT_BYTES(vow_file_read(loop, file.path, 0), "");
    unlink(file.path);
}

SCENARIO(files_that_cannot_be_read)
{
    EXPECT_ERROR(vow_file_read(loop, "/no/such/file", 0), ENOENT);
    EXPECT_ERROR(vow_file_read(loop, "/", 0), EISDIR);
    EXPECT_ERROR(vow_file_read(loop, "/dev/null", 0), EINVAL);
}

/* In memory, of which the kernel does not say whether reading it would wait: in the pool. */
SCENARIO(files_that_might_wait)
{
    char path[64], text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    int fd = memfd_create("file", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    EXPECT_BYTES(vow_file_read(loop, path, 0), text);
    EXPECT_BYTES(vow_context(vow_file_read(loop, path, 5000), "again"), text);
    close(fd);
}

SCENARIO(a_large_file)
{
    enum { SIZE = 300 * 1024 };
    char *text = malloc(SIZE + 1);
    memset(text, 'y', SIZE);
    text[SIZE] = '\0';
    struct file file = make_file(text, SIZE);
    EXPECT_BYTES(vow_file_read(loop, file.path, 0), text);
    unlink(file.path);
    free(text);
}

/* One that does not say how large it is, and is larger than the first buffer. */
SCENARIO(a_file_without_a_size)
{
    static char text[1 << 16];
    const char *path = "/proc/crypto";
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return;
    size_t size = 0;
    ssize_t n;
    while ((n = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)n;
    close(fd);
    EXPECT_BYTES(vow_file_read(loop, path, 0), text);
    EXPECT_ERROR(vow_file_read(loop, path, size - 1), EFBIG);
}

SCENARIO(files_that_nobody_waits_for)
{
    char path[64];
    int fd = memfd_create("file", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, "text", 4) == 4);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    vow_promise *dropped = vow_attach(vow_file_read(loop, path, 0), oom_owned(), oom_give_back);
    vow_promise *cancelled = vow_then(vow_file_read(loop, path, 0), add_one, NULL);
    vow_mark_handled(dropped);
    vow_unref(dropped);
    vow_cancel(cancelled);
    EXPECT_ERROR(cancelled, ECANCELED);
    EQ_INT(vow_run_all(loop), 0);
    close(fd);
}
