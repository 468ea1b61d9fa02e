/* SPDX-License-Identifier: MIT */
#include <grp.h>
#include <sys/mount.h>
#include <time.h>

#include "adapt/sweep.h"
#include "file/files.h"

/* Whole files that take another's place. */

TEST(a_file_is_written_whether_there_was_one_or_not)
{
    struct dir dir = make_dir();
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("first"), 0));
    has_text(dir.file, "first");
    succeeds(loop, vow_file_write(loop, dir.file, text_buf(""), 0));
    has_text(dir.file, "");
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("third and longer"), 0));
    has_text(dir.file, "third and longer");
    EQ_INT(names_in(dir.path), 1);
    remove_dir(&dir);
}

TEST(the_mode_is_kept_given_or_the_umask_s)
{
    struct dir dir = make_dir();
    mode_t mask = umask(027);
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("new"), 0));
    EQ_UINT(mode_of(dir.file), 0640);
    EQ_INT(chmod(dir.file, 0604), 0);
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("kept"), 0));
    EQ_UINT(mode_of(dir.file), 0604);
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("given"), 0666));
    EQ_UINT(mode_of(dir.file), 0666);
    umask(mask);
    remove_dir(&dir);
}

TEST(a_link_is_replaced_and_not_followed)
{
    struct dir dir = make_dir();
    write_text(dir.other, "untouched");
    EQ_INT(symlink("other", dir.file), 0);
    succeeds(loop, vow_file_write(loop, dir.file, text_buf("new"), 0));
    has_text(dir.file, "new");
    has_text(dir.other, "untouched");
    remove_dir(&dir);
}

TEST(without_a_slash_the_folder_is_the_current_one)
{
    struct dir dir = make_dir();
    EQ_INT(chdir(dir.path), 0);
    succeeds(loop, vow_file_write(loop, "file", text_buf("here"), 0));
    succeeds(loop, vow_file_copy(loop, "file", "other", NULL, NULL));
    has_text("other", "here");
    EQ_INT(chdir(".."), 0);
    remove_dir(&dir);
}

TEST(what_cannot_be_written_leaves_the_old_file_and_nothing_else)
{
    struct dir dir = make_dir();
    write_text(dir.file, "old");
    signal(SIGXFSZ, SIG_IGN);
    rlim_t before = limit(RLIMIT_FSIZE, 4);
    expect_error(loop, vow_file_write(loop, dir.file, text_buf("too long"), 0), EFBIG, dir.file);
    limit(RLIMIT_FSIZE, before);
    has_text(dir.file, "old");
    EQ_INT(names_in(dir.path), 1);
    expect_error(loop, vow_file_write(loop, dir.path, text_buf("x"), 0), EISDIR, dir.path);
    expect_error(loop, vow_file_write(loop, "no/such/file", text_buf("x"), 0), ENOENT, "no/such");
    remove_dir(&dir);
}

TEST(a_folder_that_may_not_be_written_to)
{
    struct dir dir = make_dir();
    EQ_INT(chmod(dir.path, 0555), 0);
    EQ_INT(geteuid() == 0 ? seteuid(65534) : 0, 0);
    expect_error(loop, vow_file_write(loop, dir.file, text_buf("x"), 0), EACCES, dir.file);
    EQ_INT(getuid() == 0 ? seteuid(0) : 0, 0);
    EQ_INT(chmod(dir.path, 0755), 0);
    remove_dir(&dir);
}

/* A file of root's and of group 4242, replaced by somebody who is in that group, or not. */
static void replace_as(vow_loop *loop, bool is_member, mode_t mode, mode_t expected)
{
    struct dir dir = make_dir();
    struct stat s;
    gid_t group = 4242;
    write_text(dir.file, "old");
    EQ_INT(chown(dir.file, 0, group) || chmod(dir.file, mode) || chmod(dir.path, 0777), 0);
    EQ_INT(setgroups(is_member, &group) || setegid(65534) || seteuid(65534), 0);
    EQ_INT(vow_run(loop, vow_file_write(loop, dir.file, text_buf("new"), 0), NULL), 0);
    EQ_INT(seteuid(0) || setegid(0), 0);
    EQ_INT(stat(dir.file, &s), 0);
    EQ_UINT(s.st_uid, 65534);
    EQ_UINT(s.st_gid, is_member ? group : 65534);
    EQ_UINT(s.st_mode & 07777, expected);
    remove_dir(&dir);
}

TEST(a_group_that_cannot_be_kept_is_given_nothing)
{
    if (geteuid() != 0)
        return; /* TODO(port): nobody else has files of others */
    replace_as(loop, true, 04640, 0640);
    replace_as(loop, false, 04640, 0600);
    replace_as(loop, false, 02674, 0644);
}

/* Cancelled at some point of its way, the file is the old one or the new one, and alone. */
static void cancel_after(vow_loop *loop, struct dir *dir, vow_promise *p, int microseconds)
{
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 <
           microseconds);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(names_in(dir->path), access(dir->other, F_OK) == 0 ? 2 : 1);
}

TEST(a_cancelled_write_is_the_old_file_or_the_new_one)
{
    enum { SIZE = 4 << 20 };
    struct dir dir = make_dir();
    struct stat s;
    for (int i = 0; i < 40; i++) {
        write_text(dir.file, "old");
        vow_buf *b = vow_buf_new(SIZE);
        memset(vow_buf_bytes(b), 'x', SIZE);
        cancel_after(loop, &dir, vow_file_write(loop, dir.file, b, 0), i * 100);
        EQ_INT(stat(dir.file, &s), 0);
        CHECK(s.st_size == 3 || s.st_size == SIZE);
    }
    remove_dir(&dir);
}

/* Copies. */

struct progress {
    int calls;
    uint64_t bytes, of_bytes;
    vow_promise *cancel; /* at the first call */
};

static void on_progress(uint64_t bytes, uint64_t of_bytes, void *data)
{
    struct progress *seen = data;
    CHECK(bytes >= seen->bytes);
    *seen = (struct progress){seen->calls + 1, bytes, of_bytes, seen->cancel};
    if (seen->cancel)
        vow_cancel(seen->cancel);
}

static void make_big(const char *path, size_t size)
{
    char *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i ^ (i >> 8) ^ (i >> 16));
    write_file(path, bytes, size);
    free(bytes);
}

static void is_same(const char *a, const char *b)
{
    static char x[65536], y[65536];
    FILE *f = fopen(a, "r"), *g = fopen(b, "r");
    CHECK(f != NULL && g != NULL);
    size_t n;
    do {
        n = fread(x, 1, sizeof x, f);
        EQ_UINT(fread(y, 1, sizeof y, g), n);
        EQ_BYTES(x, y, n);
    } while (n > 0);
    fclose(f);
    fclose(g);
}

TEST(a_copy_is_the_same_with_its_mode_and_tells_how_far_it_is)
{
    enum { SIZE = 10 << 20 };
    struct dir dir = make_dir();
    struct progress seen = {0, 0, 0, NULL};
    make_big(dir.file, SIZE);
    EQ_INT(chmod(dir.file, 0751), 0);
    succeeds(loop, vow_file_copy(loop, dir.file, dir.other, on_progress, &seen));
    is_same(dir.file, dir.other);
    EQ_UINT(mode_of(dir.other), 0751);
    CHECK(seen.calls > 0);
    EQ_UINT(seen.bytes, SIZE);
    EQ_UINT(seen.of_bytes, SIZE);
    remove_dir(&dir);
}

TEST(a_copy_replaces_what_is_there)
{
    struct dir dir = make_dir();
    write_text(dir.file, "");
    write_text(dir.other, "old and longer");
    succeeds(loop, vow_file_copy(loop, dir.file, dir.other, NULL, NULL));
    has_text(dir.other, "");
    write_text(dir.file, "itself");
    succeeds(loop, vow_file_copy(loop, dir.file, dir.file, NULL, NULL));
    has_text(dir.file, "itself");
    remove_dir(&dir);
}

/* One that does not say how large it is. */
TEST(a_file_of_proc_is_copied)
{
    struct dir dir = make_dir();
    succeeds(loop, vow_file_copy(loop, "/proc/self/cmdline", dir.other, NULL, NULL));
    is_same("/proc/self/cmdline", dir.other);
    remove_dir(&dir);
}

TEST(a_copy_that_is_cancelled_in_its_progress_leaves_nothing_and_is_told_no_more)
{
    struct dir dir = make_dir();
    struct progress seen = {0, 0, 0, NULL};
    make_big(dir.file, 64 << 20);
    vow_promise *p = vow_file_copy(loop, dir.file, dir.other, on_progress, &seen);
    seen.cancel = p;
    EQ_INT(vow_run(loop, vow_ref(p), NULL), ECANCELED);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(seen.calls, 1);
    vow_unref(p);
    EQ_INT(names_in(dir.path), 1 + (access(dir.other, F_OK) == 0));
    remove_dir(&dir);
}

TEST(a_copy_cancelled_at_any_time_is_whole_or_not_there)
{
    enum { SIZE = 8 << 20 };
    struct dir dir = make_dir();
    struct stat s;
    make_big(dir.file, SIZE);
    for (int i = 0; i < 40; i++) {
        unlink(dir.other);
        vow_promise *p = vow_file_copy(loop, dir.file, dir.other, NULL, NULL);
        cancel_after(loop, &dir, p, i * 150);
        CHECK(stat(dir.other, &s) != 0 || s.st_size == SIZE);
    }
    remove_dir(&dir);
}

TEST(a_copy_that_cannot_be)
{
    struct dir dir = make_dir();
    expect_error(loop, vow_file_copy(loop, dir.file, dir.other, NULL, NULL), ENOENT, dir.file);
    expect_error(loop, vow_file_copy(loop, dir.path, dir.other, NULL, NULL), EISDIR, dir.path);
    expect_error(loop, vow_file_copy(loop, "/dev/null", dir.other, NULL, NULL), EINVAL,
                 "/dev/null");
    EQ_INT(mkfifo(dir.file, 0600), 0);
    expect_error(loop, vow_file_copy(loop, dir.file, dir.other, NULL, NULL), EINVAL, dir.file);
    unlink(dir.file);
    write_text(dir.file, "12345678");
    expect_error(loop, vow_file_copy(loop, dir.file, dir.path, NULL, NULL), EISDIR, dir.path);
    expect_error(loop, vow_file_copy(loop, dir.file, "no/such/file", NULL, NULL), ENOENT,
                 "no/such");
    signal(SIGXFSZ, SIG_IGN);
    rlim_t before = limit(RLIMIT_FSIZE, 4);
    expect_error(loop, vow_file_copy(loop, dir.file, dir.other, NULL, NULL), EFBIG, dir.other);
    limit(RLIMIT_FSIZE, before);
    EQ_INT(names_in(dir.path), 1);
    remove_dir(&dir);
}

/* A folder of a file system that is full, as far as the user may make one. */
TEST(a_full_disk_leaves_no_part_of_a_file)
{
    struct dir dir = make_dir();
    char path[64];
    if (mount("none", dir.path, "tmpfs", 0, "size=64k")) {
        CHECK(errno == EPERM);
        remove_dir(&dir);
        return; /* TODO(port): only root can; /dev/full stands for it in test_file_open.c */
    }
    snprintf(path, sizeof path, "%s.big", dir.path);
    make_big(path, 1 << 20);
    expect_error(loop, vow_file_copy(loop, path, dir.other, NULL, NULL), ENOSPC, dir.other);
    vow_buf *big = vow_buf_new(1 << 20);
    memset(vow_buf_bytes(big), 1, vow_buf_size(big));
    expect_error(loop, vow_file_write(loop, dir.file, big, 0), ENOSPC, dir.file);
    EQ_INT(names_in(dir.path), 0);
    unlink(path);
    EQ_INT(umount(dir.path), 0);
    remove_dir(&dir);
}

TEST_PLAIN(a_loop_that_is_freed_ends_its_copies)
{
    struct dir dir = make_dir();
    struct progress seen = {0, 0, 0, NULL};
    size_t before = vow_test_blocks();
    loop = vow_loop_new();
    make_big(dir.file, 16 << 20);
    vow_promise *p = vow_file_copy(loop, dir.file, dir.other, on_progress, &seen);
    vow_unref(vow_file_copy(loop, dir.file, dir.other, on_progress, &seen));
    vow_loop_free(loop);
    if (vow_state(p) != VOW_FULFILLED) /* a slow machine may have let it end before */
        EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    int calls = seen.calls;
    await_blocks(before);
    EQ_INT(seen.calls, calls);
    EQ_INT(names_in(dir.path), 1 + (access(dir.other, F_OK) == 0));
    remove_dir(&dir);
}

static int replace_files(vow_loop *loop)
{
    struct dir dir = make_dir();
    struct progress seen = {0, 0, 0, NULL};
    int code = vow_run(loop, vow_file_write(loop, dir.file, text_buf("text"), 0), NULL);
    if (!code)
        code = vow_run(loop, vow_file_copy(loop, dir.file, dir.other, on_progress, &seen), NULL);
    if (!code)
        code = vow_run(loop, vow_file_rename(loop, dir.other, dir.file), NULL);
    if (!code)
        code = vow_run(loop, vow_file_remove(loop, dir.file), NULL);
    (void)vow_run_all(loop); /* what had begun when there was no memory to wait for it */
    EQ_INT(names_in(dir.path), (access(dir.file, F_OK) == 0) + (access(dir.other, F_OK) == 0));
    remove_dir(&dir);
    return code;
}

TEST(every_allocation_of_whole_files_may_fail)
{
    EQ_INT(replace_files(loop), 0); /* the pools' own memory stays */
    sweep(replace_files);
}
