/* SPDX-License-Identifier: MIT */
#include "adapt/sweep.h"
#include "file/files.h"

TEST(opens_reads_at_offsets_and_closes)
{
    struct dir dir = make_dir();
    write_text(dir.file, "0123456789");
    vow_file *f = open_file(loop, dir.file, O_RDONLY);
    EQ_TEXT(vow_file_path(f), dir.file);
    CHECK(fcntl(vow_file_fd(f), F_GETFD) & FD_CLOEXEC);
    expect_text(loop, vow_file_pread(loop, f, 0, 4), "0123");
    expect_text(loop, vow_file_pread(loop, f, 7, 2), "78");
    expect_text(loop, vow_file_pread(loop, f, 8, 100), "89"); /* the end */
    expect_text(loop, vow_file_pread(loop, f, 10, 1), "");
    expect_text(loop, vow_file_pread(loop, f, 3, 0), "");
    succeeds(loop, vow_file_close(loop, f));
    remove_dir(&dir);
}

TEST(writes_at_offsets_and_lengthens)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT);
    succeeds(loop, vow_file_pwrite(loop, f, 0, text_buf("hello world")));
    succeeds(loop, vow_file_pwrite(loop, f, 6, text_buf("there, you")));
    succeeds(loop, vow_file_pwrite(loop, f, 0, text_buf("")));
    has_text(dir.file, "hello there, you");
    succeeds(loop, vow_file_truncate(loop, f, 5));
    has_text(dir.file, "hello");
    succeeds(loop, vow_file_truncate(loop, f, 7));
    expect_bytes(loop, vow_file_pread(loop, f, 0, 10), "hello\0\0", 7);
    succeeds(loop, vow_file_sync(loop, f));
    vow_file_unref(f);
    remove_dir(&dir);
}

/* More than is moved on the loop's thread. */
TEST(two_megabytes_come_back_as_they_went)
{
    enum { BIG = 2 << 20 };
    struct dir dir = make_dir();
    vow_buf *b = vow_buf_new(BIG);
    for (size_t i = 0; i < BIG; i++)
        vow_buf_bytes(b)[i] = (uint8_t)(i ^ (i >> 8) ^ (i >> 16));
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT);
    succeeds(loop, vow_file_pwrite(loop, f, 1, vow_buf_ref(b)));
    expect_bytes(loop, vow_file_pread(loop, f, 1, BIG), vow_buf_bytes(b), BIG);
    vow_buf_unref(b);
    vow_file_unref(f);
    remove_dir(&dir);
}

TEST(what_is_appended_stands_in_the_order_of_the_calls)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_WRONLY | O_CREAT | O_APPEND);
    write_text(dir.file, "somebody else's ");
    succeeds(loop, vow_file_append(loop, f, text_buf("one ")));
    succeeds(loop, vow_file_append(loop, f, text_buf("two")));
    has_text(dir.file, "somebody else's one two");
    vow_file_unref(f);
    f = open_file(loop, dir.file, O_WRONLY);
    expect_error(loop, vow_file_append(loop, f, text_buf("x")), EINVAL, "O_APPEND");
    vow_file_unref(f);
    remove_dir(&dir);
}

TEST(who_lets_go_of_a_file_while_it_is_written_closes_it_later)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_WRONLY | O_CREAT);
    vow_promise *write = vow_file_pwrite(loop, f, 0, text_buf("all of it"));
    vow_promise *close = vow_file_close(loop, f);
    succeeds(loop, write);
    succeeds(loop, close);
    has_text(dir.file, "all of it");
    remove_dir(&dir);
}

/* scenario 145 */
TEST(a_file_that_cannot_be_opened)
{
    struct dir dir = make_dir();
    expect_error(loop, vow_file_open(loop, dir.file, O_RDONLY, 0), ENOENT, dir.file);
    expect_error(loop, vow_file_open(loop, dir.path, O_WRONLY, 0), EISDIR, dir.path);
    write_text(dir.file, "");
    expect_error(loop, vow_file_open(loop, dir.file, O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST,
                 dir.file);
    char below[80];
    snprintf(below, sizeof below, "%s/x", dir.file);
    expect_error(loop, vow_file_open(loop, below, O_RDONLY, 0), ENOTDIR, below);
    EQ_INT(symlink("other", dir.other), 0);
    expect_error(loop, vow_file_open(loop, dir.other, O_RDONLY, 0), ELOOP, dir.other);
    remove_dir(&dir);
}

/* It would keep a thread, or the loop, waiting for somebody at the other end. */
TEST(a_fifo_is_refused)
{
    struct dir dir = make_dir();
    EQ_INT(mkfifo(dir.file, 0600), 0);
    expect_error(loop, vow_file_open(loop, dir.file, O_RDONLY, 0), EINVAL, "no offsets");
    expect_error(loop, vow_file_open(loop, dir.file, O_WRONLY, 0), EINVAL, "no offsets");
    expect_error(loop, vow_file_open(loop, dir.file, O_WRONLY | O_TRUNC, 0), EINVAL, "no offsets");
    remove_dir(&dir);
}

/* As the user nobody, where the test is run by root. */
TEST(no_permission_to_open)
{
    struct dir dir = make_dir();
    write_text(dir.file, "secret");
    EQ_INT(chmod(dir.path, 0755) | chmod(dir.file, 0), 0);
    EQ_INT(geteuid() == 0 ? seteuid(65534) : 0, 0);
    expect_error(loop, vow_file_open(loop, dir.file, O_RDONLY, 0), EACCES, dir.file);
    EQ_INT(getuid() == 0 ? seteuid(0) : 0, 0);
    remove_dir(&dir);
}

TEST(what_the_flags_do_not_allow)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_WRONLY | O_CREAT);
    expect_error(loop, vow_file_pread(loop, f, 0, 1), EBADF, dir.file);
    vow_file_unref(f);
    f = open_file(loop, dir.file, O_RDONLY);
    expect_error(loop, vow_file_pwrite(loop, f, 0, text_buf("x")), EBADF, dir.file);
    expect_error(loop, vow_file_truncate(loop, f, 0), EINVAL, dir.file);
    vow_file_unref(f);
    f = open_file(loop, dir.path, O_RDONLY);
    expect_error(loop, vow_file_pread(loop, f, 0, 1), EISDIR, dir.path);
    vow_file_unref(f);
    remove_dir(&dir);
}

TEST(a_full_disk_and_a_file_that_may_not_grow)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, "/dev/full", O_WRONLY);
    expect_error(loop, vow_file_pwrite(loop, f, 0, text_buf("x")), ENOSPC, "write /dev/full");
    vow_file_unref(f);
    f = open_file(loop, dir.file, O_RDWR | O_CREAT);
    signal(SIGXFSZ, SIG_IGN);
    rlim_t before = limit(RLIMIT_FSIZE, 8);
    expect_error(loop, vow_file_pwrite(loop, f, 0, text_buf("123456789")), EFBIG, dir.file);
    expect_error(loop, vow_file_truncate(loop, f, 9), EFBIG, dir.file);
    limit(RLIMIT_FSIZE, before);
    has_text(dir.file, "12345678"); /* what had its place is there */
    vow_file_unref(f);
    remove_dir(&dir);
}

TEST(out_of_descriptors)
{
    struct dir dir = make_dir();
    write_text(dir.file, "text");
    vow_file *f = open_file(loop, dir.file, O_RDONLY);
    succeeds(loop, vow_file_sync(loop, f)); /* the pool's own descriptors stay */
    rlim_t before = limit(RLIMIT_NOFILE, 3);
    expect_error(loop, vow_file_open(loop, dir.file, O_RDONLY, 0), EMFILE, dir.file);
    expect_error(loop, vow_file_open(loop, dir.other, O_RDWR | O_CREAT, 0), EMFILE, dir.other);
    if (!under_valgrind()) /* which refuses what it has opened, and so made, already */
        expect_error(loop, vow_file_write(loop, dir.file, text_buf("x"), 0), EMFILE, dir.file);
    expect_error(loop, vow_file_copy(loop, dir.file, dir.other, NULL, NULL), EMFILE, dir.file);
    succeeds(loop, vow_file_stat(loop, dir.file)); /* takes none then */
    limit(RLIMIT_NOFILE, before);
    expect_text(loop, vow_file_pread(loop, f, 0, 9), "text");
    vow_file_unref(f);
    remove_dir(&dir);
}

/* What a file is like. */

TEST(stat_tells_what_a_file_is_like)
{
    struct dir dir = make_dir();
    struct stat s;
    vow_value v;
    write_text(dir.file, "12345");
    EQ_INT(chmod(dir.file, 0640) | stat(dir.file, &s), 0);
    vow_file *f = open_file(loop, dir.file, O_RDONLY);
    for (int i = 0; i < 2; i++) {
        EQ_INT(vow_run(loop, i ? vow_file_fstat(loop, f) : vow_file_stat(loop, dir.file), &v), 0);
        const vow_file_info *info = vow_file_info_of(v);
        EQ_INT(info->kind, VOW_FILE_REGULAR);
        EQ_UINT(info->mode, 0640);
        EQ_UINT(info->bytes, 5);
        EQ_UINT(info->inode, s.st_ino);
        EQ_UINT(info->links, 1);
        EQ_INT(info->modified_ns, s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec);
        vow_release(v);
    }
    vow_file_unref(f);
    remove_dir(&dir);
}

static vow_file_kind kind_of(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    vow_file_kind kind = vow_file_info_of(v)->kind;
    vow_release(v);
    return kind;
}

TEST(stat_follows_a_link_and_lstat_tells_of_it)
{
    struct dir dir = make_dir();
    write_text(dir.file, "");
    EQ_INT(symlink("file", dir.other), 0);
    EQ_INT(kind_of(loop, vow_file_stat(loop, dir.other)), VOW_FILE_REGULAR);
    EQ_INT(kind_of(loop, vow_file_lstat(loop, dir.other)), VOW_FILE_LINK);
    EQ_INT(kind_of(loop, vow_file_stat(loop, dir.path)), VOW_FILE_DIRECTORY);
    EQ_INT(kind_of(loop, vow_file_stat(loop, "/dev/null")), VOW_FILE_DEVICE);
    EQ_INT(kind_of(loop, vow_file_lstat(loop, "/proc/self")), VOW_FILE_LINK);
    unlink(dir.file);
    expect_error(loop, vow_file_stat(loop, dir.other), ENOENT, dir.other);
    EQ_INT(mkfifo(dir.file, 0600), 0);
    EQ_INT(kind_of(loop, vow_file_stat(loop, dir.file)), VOW_FILE_FIFO);
    remove_dir(&dir);
}

TEST(renames_over_what_is_there_and_removes)
{
    struct dir dir = make_dir();
    write_text(dir.file, "new");
    write_text(dir.other, "old");
    succeeds(loop, vow_file_rename(loop, dir.file, dir.other));
    has_text(dir.other, "new");
    expect_error(loop, vow_file_rename(loop, dir.file, dir.other), ENOENT, dir.other);
    succeeds(loop, vow_file_remove(loop, dir.other));
    expect_error(loop, vow_file_remove(loop, dir.other), ENOENT, dir.other);
    expect_error(loop, vow_file_remove(loop, dir.path), EISDIR, dir.path);
    remove_dir(&dir);
}

/* Cancel, close, no memory. */

static vow_promise *start(vow_loop *loop, vow_file *f, const char *path, int which)
{
    switch (which) {
    case 0:
        return vow_file_open(loop, path, O_RDWR | O_CREAT, 0666);
    case 1:
        return vow_file_pwrite(loop, f, 0, text_buf("text"));
    case 2:
        return vow_file_pread(loop, f, 0, 1 << 20);
    case 3:
        return vow_file_sync(loop, f);
    case 4:
        return vow_file_truncate(loop, f, 3);
    case 5:
        return vow_file_append(loop, f, text_buf("text"));
    case 6:
        return vow_file_close(loop, vow_file_ref(f));
    case 7:
        return vow_file_rename(loop, path, path);
    case 8:
        return vow_file_write(loop, path, text_buf("text"), 0);
    default:
        return NULL;
    }
}

TEST(each_may_be_cancelled_or_dropped_at_once)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT | O_APPEND);
    for (int i = 0; i <= 8; i++) {
        vow_promise *p = start(loop, f, dir.file, i);
        vow_cancel(p);
        EQ_INT(vow_run(loop, p, NULL), ECANCELED);
        vow_unref(start(loop, f, dir.file, i));
        EQ_INT(vow_run_all(loop), 0);
    }
    vow_file_unref(f);
    EQ_INT(names_in(dir.path), 1); /* no temporary file */
    remove_dir(&dir);
}

TEST(a_closed_loop_starts_nothing)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT | O_APPEND);
    vow_loop_close(loop);
    for (int i = 0; i <= 8; i++) {
        vow_promise *p = start(loop, f, dir.file, i);
        EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
        vow_unref(p);
    }
    vow_file_unref(f);
    remove_dir(&dir);
}

/* Their jobs run out on the worker's thread, and what they hold is given back there. */
TEST_PLAIN(a_loop_that_is_freed_meanwhile_leaves_nothing)
{
    struct dir dir = make_dir();
    size_t before = vow_test_blocks();
    loop = vow_loop_new();
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT | O_APPEND);
    vow_promise *p[9];
    for (int i = 0; i <= 8; i++)
        p[i] = start(loop, f, dir.file, i);
    vow_loop_free(loop);
    for (int i = 0; i <= 8; i++)
        vow_unref(p[i]);
    vow_file_unref(f);
    await_blocks(before);
    remove_dir(&dir);
}

TEST(without_bytes_there_was_no_memory_for_them)
{
    struct dir dir = make_dir();
    vow_file *f = open_file(loop, dir.file, O_RDWR | O_CREAT | O_APPEND);
    EQ_INT(vow_run(loop, vow_file_pwrite(loop, f, 0, NULL), NULL), ENOMEM);
    EQ_INT(vow_run(loop, vow_file_append(loop, f, NULL), NULL), ENOMEM);
    EQ_INT(vow_run(loop, vow_file_write(loop, dir.other, NULL, 0), NULL), ENOMEM);
    vow_file_unref(f);
    remove_dir(&dir);
}

TEST_PANICS(no_path_to_open_is_misuse, "the path is NULL")
{
    vow_unref(vow_file_open(loop, NULL, O_RDONLY, 0));
}

TEST_PANICS(another_value_is_no_file, "wanted file") { vow_file_of(vow_v(1)); }

static int use_file(vow_loop *loop)
{
    struct dir dir = make_dir();
    vow_value v = vow_none();
    int code = vow_run(loop, vow_file_open(loop, dir.file, O_RDWR | O_CREAT, 0666), &v);
    vow_file *f = code ? NULL : vow_file_of(v);
    if (!code)
        code = vow_run(loop, vow_file_pwrite(loop, f, 0, text_buf("text")), NULL);
    if (!code)
        code = vow_run(loop, vow_file_pread(loop, f, 0, 100), NULL);
    if (!code)
        code = vow_run(loop, vow_file_fstat(loop, f), NULL);
    if (!code)
        code = vow_run(loop, vow_file_stat(loop, dir.file), NULL);
    vow_release(v);
    remove_dir(&dir);
    return code;
}

TEST(every_allocation_of_an_open_file_may_fail)
{
    EQ_INT(use_file(loop), 0); /* the pool's own memory stays */
    sweep(use_file);
}
