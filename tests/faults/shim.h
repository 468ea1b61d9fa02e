/* SPDX-License-Identifier: MIT
 *
 * shim.h - the kernel on a bad day: libc's calls on descriptors, in front of libc's own, for vow
 * and for the libraries that it uses. For one program of tests only: defines them.
 *
 * While it is on, 20 % of all calls are interrupted or, where the kernel could, refused for now
 * (EINTR, EAGAIN), and half of the other transfers are cut short, down to one byte. What no
 * kernel does it does not do either: datagrams stay whole; what blocks is not refused, nor is
 * an inotify or an eventfd that has something; and a write that wakes somebody (to an eventfd,
 * a few bytes into a pipe by write) does not fail, because it does not wait.
 */
#ifndef VOW_TESTS_FAULTS_SHIM_H
#define VOW_TESTS_FAULTS_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct faults {
    atomic_bool on;
    atomic_uint dice; /* never 0; two threads may roll the same, never mind */
    /* How some systems are: what RWF_NOWAIT asks for is refused; files have no ranges that
     * are copied in the kernel; a connect that goes on is never called interrupted; what was
     * written to a pipe as one piece is read as one; a request's head is sent at once. */
    atomic_bool no_nowait, no_ranges, whole_connect, whole_pipes, whole_head;
    /* What was done while it was on: calls, those that failed here, those that the kernel
     * itself refused for now, and turns of a loop. */
    atomic_uint calls, injected, idle, turns;
    /* The n-th call from now on that would give a descriptor fails with EMFILE; 0: none. */
    atomic_uint no_descriptor;
} faults = {.dice = 1};

/* On with this seed, all counts 0; off. */
static inline void faults_begin(uint32_t seed)
{
    faults.dice = seed;
    faults.calls = faults.injected = faults.idle = faults.turns = 0;
    faults.on = true;
}

static inline void faults_end(void) { faults.on = false; }

static unsigned roll(unsigned sides)
{
    unsigned x = atomic_load(&faults.dice);
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    atomic_store(&faults.dice, x ? x : 1);
    return x % sides;
}

/* What a descriptor is. */
struct kind {
    bool stream;  /* transfers may be cut */
    bool refuses; /* may say EAGAIN */
};

static struct kind kind_of(int fd, int flags)
{
    struct stat s;
    int type = 0, mode = fcntl(fd, F_GETFL);
    socklen_t size = sizeof type;
    if (mode < 0 || fstat(fd, &s))
        return (struct kind){false, false};
    bool waits = !(mode & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
    if (S_ISSOCK(s.st_mode) && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
        return (struct kind){type == SOCK_STREAM && !(flags & MSG_PEEK), !waits};
    if (S_ISREG(s.st_mode))
        return (struct kind){true, false};
    if (S_ISFIFO(s.st_mode))
        return (struct kind){!faults.whole_pipes, !waits};
    return (struct kind){false, false};
}

/* True: the call fails, errno says how. */
static bool fails(bool may_refuse)
{
    if (!faults.on)
        return false;
    atomic_fetch_add(&faults.calls, 1);
    if (roll(5) > 0)
        return false;
    atomic_fetch_add(&faults.injected, 1);
    errno = may_refuse && roll(2) ? EAGAIN : EINTR;
    return true;
}

static bool interrupts(void) { return fails(false); }

/* Before a transfer of *size bytes, of which it leaves some. True: it fails. */
static bool disturb(int fd, int flags, size_t *size)
{
    if (!faults.on)
        return false;
    int kept = errno;
    struct kind kind = kind_of(fd, flags);
    errno = kept;
    if (fails(kind.refuses))
        return true;
    if (kind.stream && *size > 0 && roll(2))
        *size = 1 + roll(*size < 100 || roll(8) == 0 ? (unsigned)*size : 100);
    return false;
}

static ssize_t noted(ssize_t n)
{
    if (faults.on && n < 0 && errno == EAGAIN)
        atomic_fetch_add(&faults.idle, 1);
    return n;
}

/* The first bytes of a vector, no more than `left`; how many parts that takes. */
enum { PARTS = 64 };
static size_t cut_parts(const struct iovec *from, size_t count, size_t left, struct iovec *to)
{
    size_t n = 0;
    for (; n < count && n < PARTS && (left > 0 || n == 0); n++) {
        to[n] = from[n];
        if (to[n].iov_len > left)
            to[n].iov_len = left;
        left -= to[n].iov_len;
    }
    return n;
}

static size_t bytes_in(const struct iovec *parts, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += parts[i].iov_len;
    return n;
}

/* True: it fails. Else *ret is the message, cut short. */
static bool disturb_message(int fd, const struct msghdr *message, int flags, struct iovec *parts,
                            struct msghdr *ret)
{
    size_t all = bytes_in(message->msg_iov, message->msg_iovlen), size = all;
    if (disturb(fd, flags, &size))
        return true;
    *ret = *message;
    if (size == all)
        return false;
    ret->msg_iov = parts;
    ret->msg_iovlen = cut_parts(message->msg_iov, message->msg_iovlen, size, parts);
    return false;
}

/* Sockets. */

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    return disturb(fd, flags, &size)
               ? -1
               : noted(syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL));
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    bool is_head = size > 4 && (!memcmp(bytes, "PUT ", 4) || !memcmp(bytes, "POST", 4));
    if (!(is_head && faults.whole_head) && disturb(fd, flags, &size))
        return -1;
    return noted(syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0));
}

/* libc declares some of these in a way of its own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
ssize_t recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *from,
                 socklen_t *length)
{
    return disturb(fd, flags, &size)
               ? -1
               : noted(syscall(SYS_recvfrom, fd, bytes, size, flags, from, length));
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to,
               socklen_t length)
{
    return disturb(fd, flags, &size)
               ? -1
               : noted(syscall(SYS_sendto, fd, bytes, size, flags, to, length));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec parts[PARTS];
    struct msghdr shorter;
    if (disturb_message(fd, message, flags, parts, &shorter))
        return -1;
    return noted(syscall(SYS_sendmsg, fd, &shorter, flags));
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct iovec parts[PARTS];
    struct msghdr shorter;
    if (disturb_message(fd, message, flags, parts, &shorter))
        return -1;
    ssize_t n = noted(syscall(SYS_recvmsg, fd, &shorter, flags));
    shorter.msg_iov = message->msg_iov;
    shorter.msg_iovlen = message->msg_iovlen;
    *message = shorter;
    return n;
}

/* Interrupted, it goes on all the same, as POSIX has it. */
int connect(int fd, const struct sockaddr *name, socklen_t size)
{
    int result = (int)syscall(SYS_connect, fd, name, size);
    if (faults.on && !faults.whole_connect && result < 0 && errno == EINPROGRESS && roll(2))
        errno = EINTR;
    return result;
}

/* Descriptors. */

/* True: there is none to be had. */
static bool none_left(void)
{
    unsigned n = atomic_load(&faults.no_descriptor);
    if (n == 0 || atomic_fetch_sub(&faults.no_descriptor, 1) != 1)
        return false;
    errno = EMFILE;
    return true;
}

int accept4(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    if (none_left() || fails(true))
        return -1;
    return (int)noted(syscall(SYS_accept4, fd, name, size, flags));
}

int accept(int fd, struct sockaddr *name, socklen_t *size) { return accept4(fd, name, size, 0); }
#pragma GCC diagnostic pop

int socket(int family, int type, int protocol)
{
    return none_left() ? -1 : (int)syscall(SYS_socket, family, type, protocol);
}

int socketpair(int family, int type, int protocol, int fd[2])
{
    return none_left() ? -1 : (int)syscall(SYS_socketpair, family, type, protocol, fd);
}

int pipe2(int fd[2], int flags) { return none_left() ? -1 : (int)syscall(SYS_pipe2, fd, flags); }

int pipe(int fd[2]) { return pipe2(fd, 0); }

int dup(int fd) { return none_left() ? -1 : (int)syscall(SYS_dup, fd); }

int eventfd(unsigned count, int flags)
{
    return none_left() ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

int epoll_create1(int flags) { return none_left() ? -1 : (int)syscall(SYS_epoll_create1, flags); }

int timerfd_create(int clock, int flags)
{
    return none_left() ? -1 : (int)syscall(SYS_timerfd_create, clock, flags);
}

int inotify_init1(int flags) { return none_left() ? -1 : (int)syscall(SYS_inotify_init1, flags); }

int openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (none_left() || interrupts())
        return -1;
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return openat(AT_FDCWD, path, flags, mode);
}

/* Interrupted, it has closed all the same. */
int close(int fd)
{
    int result = (int)syscall(SYS_close, fd);
    return result == 0 && interrupts() ? -1 : result;
}

/* Pipes and files. */

ssize_t read(int fd, void *bytes, size_t size)
{
    return disturb(fd, 0, &size) ? -1 : noted(syscall(SYS_read, fd, bytes, size));
}

/* Is it a wake-up? See shim.h. */
static bool wakes(int fd, size_t size)
{
    struct stat s;
    return size <= PIPE_BUF && fstat(fd, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISSOCK(s.st_mode);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (faults.on && !wakes(fd, size) && disturb(fd, 0, &size))
        return -1;
    return noted(syscall(SYS_write, fd, bytes, size));
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    struct iovec shorter[PARTS];
    size_t size = bytes_in(parts, (size_t)count);
    if (disturb(fd, 0, &size))
        return -1;
    return noted(syscall(SYS_readv, fd, shorter, cut_parts(parts, (size_t)count, size, shorter)));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct iovec shorter[PARTS];
    size_t size = bytes_in(parts, (size_t)count);
    if (disturb(fd, 0, &size))
        return -1;
    return noted(syscall(SYS_writev, fd, shorter, cut_parts(parts, (size_t)count, size, shorter)));
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at)
{
    return disturb(fd, 0, &size) ? -1 : syscall(SYS_pread64, fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return disturb(fd, 0, &size) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

/* What would have to wait is EAGAIN of these two. */
static bool waits_or_fails(int fd, struct iovec *part)
{
    if (faults.no_nowait) {
        errno = EOPNOTSUPP;
        return true;
    }
    if (faults.on && roll(4) == 0) {
        errno = EAGAIN;
        return true;
    }
    return disturb(fd, 0, &part->iov_len);
}

ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
    struct iovec part = *parts; /* vow gives one */
    return waits_or_fails(fd, &part) ? -1 : syscall(SYS_preadv2, fd, &part, count, at, 0, flags);
}

/* As file systems that can write without waiting: ext4 cannot. */
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
    struct iovec part = *parts;
    (void)flags;
    return waits_or_fails(fd, &part) ? -1 : syscall(SYS_pwritev2, fd, &part, count, at, 0, 0);
}

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t size, unsigned flags)
{
    if (faults.no_ranges) {
        errno = EXDEV;
        return -1;
    }
    return disturb(from, 0, &size)
               ? -1
               : syscall(SYS_copy_file_range, from, from_at, to, to_at, size, flags);
}

int fsync(int fd) { return interrupts() ? -1 : (int)syscall(SYS_fsync, fd); }

int ftruncate(int fd, off_t size)
{
    return interrupts() ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

/* Waiting. */

int epoll_wait(int epoll, struct epoll_event *events, int most, int ms)
{
    if (faults.on)
        atomic_fetch_add(&faults.turns, 1);
    return interrupts() ? -1 : (int)syscall(SYS_epoll_pwait, epoll, events, most, ms, NULL, 0);
}

int poll(struct pollfd *asked, nfds_t count, int ms)
{
    struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};
    return interrupts() ? -1 : ppoll(asked, count, ms < 0 ? NULL : &limit, NULL);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    return interrupts() ? -1 : (int)syscall(SYS_waitid, type, id, info, options, NULL);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    return interrupts() ? -1 : (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

#endif
