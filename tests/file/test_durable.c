/* SPDX-License-Identifier: MIT
 *
 * test_file_durable.c - what a crash would find: the order in which a file is flushed, put in its
 * place, and its folder flushed. fsync and rename are defined here, in front of libc's.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "file/files.h"

static struct {
    pthread_mutex_t lock;
    struct trace seen;
    int failed; /* what flushing the folder ends with */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(const char *what)
{
    pthread_mutex_lock(&disk.lock);
    trace_add(&disk.seen, "%s", what);
    pthread_mutex_unlock(&disk.lock);
}

int fsync(int fd)
{
    int (*real)(int);
    struct stat s;
    *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    EQ_INT(fstat(fd, &s), 0);
    bool folder = S_ISDIR(s.st_mode);
    note(folder ? "flush-folder" : "flush-file");
    if (!folder || !disk.failed)
        return real(fd);
    errno = disk.failed;
    return -1;
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *);
    *(void **)&real = dlsym(RTLD_NEXT, "rename");
    note("rename");
    return real(from, to);
}

static void begin(int failed)
{
    memset(&disk.seen, 0, sizeof disk.seen);
    disk.failed = failed;
}

TEST(a_file_is_flushed_before_it_takes_its_place_and_the_folder_after)
{
    struct dir dir = make_dir();
    begin(0);
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("text"), 0));
    EQ_TRACE(disk.seen, "flush-file rename flush-folder");
    has_text(dir.file, "text");
    remove_dir(&dir);
}

TEST(a_folder_that_cannot_be_flushed_is_an_error_but_where_none_can)
{
    struct dir dir = make_dir();
    begin(EIO);
    expect_error(loop, vow_file_write(loop, dir.file, text_buf("text"), 0), EIO, "folder of");
    has_text(dir.file, "text"); /* it is there, and might not be after a crash */
    begin(EINVAL);
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("more"), 0));
    has_text(dir.file, "more");
    remove_dir(&dir);
}

TEST(a_copy_is_not_flushed)
{
    struct dir dir = make_dir();
    write_text(dir.file, "text");
    begin(0);
    succeeds(loop, vow_file_copy(loop, dir.file, dir.other, NULL, NULL));
    EQ_TRACE(disk.seen, "rename");
    remove_dir(&dir);
}

TEST(an_open_file_is_flushed_when_it_is_told)
{
    struct dir dir = make_dir();
    begin(0);
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT);
    succeeds(loop, vow_file_pwrite(loop, f, 0, text_buf("text")));
    EQ_TRACE(disk.seen, "");
    succeeds(loop, vow_file_sync(loop, f));
    EQ_TRACE(disk.seen, "flush-file");
    vow_file_unref(f);
    remove_dir(&dir);
}
