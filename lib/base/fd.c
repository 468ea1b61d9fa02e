/* SPDX-License-Identifier: MIT
 *
 * base/fd.c
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int add_flags(int fd, int status)
{
    int flags = status ? fcntl(fd, F_GETFL) : 0;
    if (flags < 0 || (status && fcntl(fd, F_SETFL, flags | status)) ||
        fcntl(fd, F_SETFD, FD_CLOEXEC))
        return errno;
    return 0;
}

int vow__fd_set_flags(int fd) { return add_flags(fd, O_NONBLOCK); }

int vow__fd_open(int folder, const char *path, int flags, mode_t mode)
{
    int fd;
    while ((fd = openat(folder, path, flags, mode)) < 0 && errno == EINTR)
        ;
    return fd;
}

int vow__fd_flush(int fd)
{
    int answer;
    while ((answer = fsync(fd)) != 0 && errno == EINTR)
        ;
    return answer;
}

#ifdef VOW__LINUX
int vow__fd_socket(int family, int type)
{
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int vow__fd_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int vow__fd_pair(int type, int ret[2])
{
    return socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret) ? errno : 0;
}

int vow__fd_pipe(int flags, int ret[2]) { return pipe2(ret, flags | O_CLOEXEC) ? errno : 0; }

#else
static int with_flags(int fd)
{
    int failed = fd < 0 ? 0 : vow__fd_set_flags(fd);
    if (!failed)
        return fd;
    close(fd);
    errno = failed;
    return -1;
}

static int both_with_flags(int flags, const int fd[2])
{
    int failed = add_flags(fd[0], flags);
    failed = failed ? failed : add_flags(fd[1], flags);
    if (failed) {
        close(fd[0]);
        close(fd[1]);
    }
    return failed;
}

int vow__fd_socket(int family, int type) { return with_flags(socket(family, type, 0)); }

int vow__fd_accept(int listener) { return with_flags(accept(listener, NULL, NULL)); }

int vow__fd_pair(int type, int ret[2])
{
    return socketpair(AF_UNIX, type, 0, ret) ? errno : both_with_flags(O_NONBLOCK, ret);
}

int vow__fd_pipe(int flags, int ret[2]) { return pipe(ret) ? errno : both_with_flags(flags, ret); }
#endif
