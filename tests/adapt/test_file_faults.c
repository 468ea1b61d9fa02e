/* SPDX-License-Identifier: MIT
 *
 * test_file_faults.c - the file system on a bad day: reads and writes that are interrupted and
 * cut short, and ways that this kernel has and others have not. The calls are defined here, in
 * front of libc's.
 */
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "adapt/files.h"

static struct {
    atomic_bool on, nowhere_at_once, no_ranges;
    atomic_uint dice, injected;
} faults;

static unsigned roll(unsigned sides)
{
    unsigned x = atomic_load(&faults.dice); /* two threads may roll the same: never mind */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    atomic_store(&faults.dice, x);
    return x % sides;
}

/* True: the call fails. Else it may be cut short, down to a byte. */
static bool inject(size_t *size)
{
    if (!faults.on || *size <= 8) /* the loop's own wake-up calls */
        return false;
    atomic_fetch_add(&faults.injected, 1);
    if (roll(5) == 0) {
        errno = EINTR;
        return true;
    }
    if (roll(2) == 0 && *size > 0)
        *size = 1 + roll((unsigned)*size);
    return false;
}

ssize_t read(int fd, void *bytes, size_t size)
{
    return inject(&size) ? -1 : syscall(SYS_read, fd, bytes, size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    return inject(&size) ? -1 : syscall(SYS_write, fd, bytes, size);
}

ssize_t pread64(int fd, void *bytes, size_t size, off_t at)
{
    return inject(&size) ? -1 : syscall(SYS_pread64, fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at)
{
    return inject(&size) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
    struct iovec part = *parts;
    if (faults.nowhere_at_once) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (faults.on && roll(4) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return inject(&part.iov_len) ? -1 : syscall(SYS_preadv2, fd, &part, count, at, 0, flags);
}

/* As file systems that can write without waiting: ext4 cannot. */
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
    struct iovec part = *parts;
    (void)flags;
    if (faults.on && roll(4) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return inject(&part.iov_len) ? -1 : syscall(SYS_pwritev2, fd, &part, count, at, 0, 0);
}

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t size, unsigned flags)
{
    if (faults.no_ranges) {
        errno = EXDEV;
        return -1;
    }
    return inject(&size) ? -1 : syscall(SYS_copy_file_range, from, from_at, to, to_at, size, flags);
}

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

TEST(interrupted_and_cut_short)
{
    struct dir dir = make_dir();
    for (unsigned seed = 1; seed <= 20; seed++) {
        faults.dice = seed;
        faults.no_ranges = seed % 2;
        faults.on = true;
        use(loop, &dir);
        faults.on = false;
    }
    CHECK(faults.injected > 300);
    remove_dir(&dir);
}

TEST(where_nothing_can_be_done_at_once)
{
    struct dir dir = make_dir();
    faults.nowhere_at_once = faults.no_ranges = true;
    use(loop, &dir);
    remove_dir(&dir);
}
