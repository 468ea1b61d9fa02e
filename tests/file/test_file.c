/* SPDX-License-Identifier: MIT */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "adapt/net.h"
#include "adapt/sweep.h"
#include "file/files.h"

TEST(reads_text_an_empty_file_and_any_bytes)
{
    struct dir dir = make_dir();
    uint8_t all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    write_file(dir.file, "hello\n", 6);
    expect_bytes(loop, vow_file_read(loop, dir.file, 0), "hello\n", 6);
    write_file(dir.file, "", 0);
    expect_bytes(loop, vow_file_read(loop, dir.file, 0), "", 0);
    write_file(dir.file, all, 256);
    expect_bytes(loop, vow_file_read(loop, dir.file, 256), all, 256);
    remove_dir(&dir);
}

/* Some file systems cannot promise not to wait: those always take the pool. */
static bool can_promise(const char *path)
{
    struct statfs s;
    enum { EXT4 = 0xEF53 };
    EQ_INT(statfs(path, &s), 0);
#ifdef VOW_PORTABLE
    return false;
#endif
    return s.f_type == EXT4;
}

static vow_value note_size(vow_value v, void *data)
{
    trace_add(data, "read:%zu", vow_buf_size(vow_buf_of(v)));
    return vow_none();
}

TEST(a_cached_file_is_there_at_once_its_handler_later)
{
    struct dir dir = make_dir();
    struct trace seen = {""};
    write_file(dir.file, "hello\n", 6);
    vow_promise *p = vow_file_read(loop, dir.file, 0);
    if (can_promise(dir.file) && !under_valgrind())
        EQ_INT(vow_state(p), VOW_FULFILLED);
    p = vow_then(p, note_size, &seen);
    trace_add(&seen, "returned");
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_TRACE(seen, "returned read:6");
    remove_dir(&dir);
}

/* A thousand files in a row would hold up all else: so many bytes at once, not for each. */
TEST(what_one_turn_copies_is_bounded)
{
    enum { SIZE = 100 * 1024 };
    struct dir dir = make_dir();
    static char bytes[SIZE];
    vow_promise *p[4];
    write_file(dir.file, bytes, SIZE);
    write_text(dir.other, "small");
    for (int i = 0; i < 4; i++)
        p[i] = vow_file_read(loop, i < 3 ? dir.file : dir.other, 0);
    if (can_promise(dir.file) && !under_valgrind())
        for (int i = 0; i < 4; i++)
            EQ_INT(vow_state(p[i]), i == 2 ? VOW_PENDING : VOW_FULFILLED);
    for (int i = 0; i < 4; i++)
        succeeds(loop, p[i]);
    p[0] = vow_file_read(loop, dir.file, 0);
    if (can_promise(dir.file) && !under_valgrind())
        EQ_INT(vow_state(p[0]), VOW_FULFILLED); /* another turn */
    succeeds(loop, p[0]);
    remove_dir(&dir);
}

TEST(eight_megabytes)
{
    enum { BIG = 8 << 20 };
    struct dir dir = make_dir();
    uint8_t *bytes = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (uint8_t)(i ^ (i >> 8) ^ (i >> 16));
    write_file(dir.file, bytes, BIG);
    expect_bytes(loop, vow_file_read(loop, dir.file, 0), bytes, BIG);
    free(bytes);
    remove_dir(&dir);
}

TEST(a_file_of_proc_does_not_know_its_size)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_file_read(loop, "/proc/self/status", 0), &v), 0);
    vow_buf *b = vow_buf_of(v);
    CHECK(vow_buf_size(b) > 5 && memcmp(vow_buf_bytes(b), "Name:", 5) == 0);
    vow_release(v);
    EQ_INT(vow_run(loop, vow_file_read(loop, "/proc/self/status", 10), NULL), EFBIG);
    EQ_INT(vow_run(loop, vow_file_read(loop, "/proc/self/maps", 0), NULL), 0); /* it grows */
}

TEST(larger_than_the_limit)
{
    struct dir dir = make_dir();
    write_file(dir.file, "123456", 6);
    expect_error(loop, vow_file_read(loop, dir.file, 5), EFBIG, dir.file);
    expect_bytes(loop, vow_file_read(loop, dir.file, 6), "123456", 6);
    remove_dir(&dir);
}

/* scenario 145 */
TEST(a_missing_file)
{
    expect_error(loop, vow_file_read(loop, "no/such/file", 0), ENOENT, "no/such/file");
}

TEST(what_is_no_file)
{
    struct dir dir = make_dir();
    expect_error(loop, vow_file_read(loop, dir.path, 0), EISDIR, dir.path);
    expect_error(loop, vow_file_read(loop, "/dev/null", 0), EINVAL, "/dev/null: no regular file");
    EQ_INT(mkfifo(dir.file, 0600), 0); /* whose open would wait for a writer */
    expect_error(loop, vow_file_read(loop, dir.file, 0), EINVAL, dir.file);
    unlink(dir.file);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, dir.file);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EQ_INT(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    expect_error(loop, vow_file_read(loop, dir.file, 0), EINVAL, "no regular file");
    close(fd);
    remove_dir(&dir);
}

TEST(no_permission)
{
    struct dir dir = make_dir();
    write_file(dir.file, "secret", 6);
    EQ_INT(chmod(dir.file, 0), 0);
    if (geteuid() != 0)
        expect_error(loop, vow_file_read(loop, dir.file, 0), EACCES, dir.file);
    remove_dir(&dir);
}

TEST(the_path_is_copied)
{
    char path[] = "/proc/self/status";
    vow_promise *p = vow_file_read(loop, path, 0);
    path[1] = 'x';
    EQ_INT(vow_run(loop, p, NULL), 0);
}

TEST(cancelled_or_dropped_in_the_pool)
{
    vow_promise *p = vow_file_read(loop, "/proc/self/status", 0);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_unref(vow_file_read(loop, "/proc/self/status", 0));
    EQ_INT(vow_run_all(loop), 0);
}

TEST(a_closed_loop_reads_nothing)
{
    vow_loop_close(loop);
    vow_promise *p = vow_file_read(loop, "/proc/self/status", 0);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
}

TEST_PANICS(no_path_is_misuse, "the path is NULL") { vow_unref(vow_file_read(loop, NULL, 0)); }

/* Has the kernel refuse what only newer ones know, for the rest of the process. */
static bool forbid_the_fast_way(void)
{
#ifdef SYS_openat2
#define REFUSE(number, code)                           \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSE(SYS_openat2, ENOSYS),
        REFUSE(SYS_preadv2, EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof steps / sizeof *steps, steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
#else
    return false;
#endif
}

TEST(on_an_older_kernel_all_goes_through_the_pool)
{
    struct dir dir = make_dir();
    write_file(dir.file, "hello\n", 6);
    forbid_the_fast_way();
    for (int i = 0; i < 2; i++) {
        expect_bytes(loop, vow_file_read(loop, dir.file, 0), "hello\n", 6);
        expect_error(loop, vow_file_read(loop, "no/such/file", 0), ENOENT, "no/such/file");
        expect_error(loop, vow_file_read(loop, dir.path, 0), EISDIR, dir.path);
    }
    unlink(dir.file);
    EQ_INT(mkfifo(dir.file, 0600), 0);
    expect_error(loop, vow_file_read(loop, dir.file, 0), EINVAL, dir.file);
    remove_dir(&dir);
}

TEST(a_read_that_fails)
{
    expect_error(loop, vow_file_read(loop, "/proc/self/mem", 0), EIO, "read /proc/self/mem");
    EQ_INT(vow_run(loop, vow_file_read(loop, "/proc/self/smaps", 4096), NULL), EFBIG);
}

static int read_passwd(vow_loop *loop)
{
    return vow_run(loop, vow_file_read(loop, "/etc/passwd", 0), NULL);
}

static int read_proc(vow_loop *loop)
{
    return vow_run(loop, vow_file_read(loop, "/proc/self/maps", 0), NULL);
}

TEST_PLAIN(every_allocation_may_fail) { sweep(read_passwd); }

TEST(every_allocation_on_the_way_through_the_pool_may_fail)
{
    EQ_INT(read_proc(loop), 0); /* the pool's own memory stays */
    sweep(read_proc);
}
