/* SPDX-License-Identifier: MIT
 *
 * process/spawn.c - starting a program by posix_spawn: it shares the memory of the program with
 * the child until that has its own (CLONE_VM and CLONE_VFORK on Linux), where fork copies its
 * page tables: with 2 GiB in use a start took 2 ms where fork alone took 50, and no memory
 * has to be free for the copy. A clone of our own would be no faster, and would have to do
 * again what the C library does well: a stack, signals, errors of the child's, cancellation.
 */
#include "process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
#define HAS_CLOSEFROM 1
#endif
#if __GLIBC_PREREQ(2, 29)
#define HAS_CHDIR 1
#endif
#endif

extern char **environ;

/* Descriptors. */

/* A program may have closed its own 0, 1 or 2: what stands there would be overwritten in the
 * child before it is used. 0 or an errno number; *fd is -1 then. */
static int move_up(int *fd)
{
    if (*fd > 2)
        return 0;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, 3), failed = higher < 0 ? errno : 0;
    close(*fd);
    *fd = higher;
    return failed;
}

static int open_one_pipe(struct vow__stdio *io, int i)
{
    int fd[2], failed = vow__fd_pipe(0, fd);
    if (failed)
        return failed;
    io->theirs[i] = fd[i == 0 ? 0 : 1];
    io->ours[i] = fd[i == 0 ? 1 : 0];
    failed = move_up(&io->theirs[i]);
    return failed ? failed : move_up(&io->ours[i]);
}

static int open_one(struct vow__stdio *io, int i, int what)
{
    if (what == VOW_STDIO_PIPE)
        return open_one_pipe(io, i);
    if (what > 0) { /* a copy, so that no order of copying in the child is wrong */
        io->theirs[i] = fcntl(what - 1, F_DUPFD_CLOEXEC, 3);
        return io->theirs[i] < 0 ? errno : 0;
    }
    return what < VOW_STDIO_OUT || (what == VOW_STDIO_OUT && i != 2) ? EINVAL : 0;
}

int vow__stdio_open(struct vow__stdio *io, const vow_process_options *options)
{
    const int what[3] = {options->in, options->out, options->err};
    int failed = 0;
    *io = (struct vow__stdio){{-1, -1, -1}, {-1, -1, -1}};
    for (int i = 0; i < 3 && !failed; i++)
        failed = open_one(io, i, what[i]);
    if (failed)
        vow__stdio_close(io);
    return failed;
}

void vow__stdio_close(struct vow__stdio *io)
{
    for (int i = 0; i < 3; i++) {
        if (io->ours[i] >= 0)
            close(io->ours[i]);
        if (io->theirs[i] >= 0)
            close(io->theirs[i]);
        io->ours[i] = io->theirs[i] = -1;
    }
}

/* Starting. Each gives 0 or an errno number. */

static int place(posix_spawn_file_actions_t *actions, const struct vow__stdio *io, int i, int what)
{
    if (io->theirs[i] >= 0)
        return posix_spawn_file_actions_adddup2(actions, io->theirs[i], i);
    if (what == VOW_STDIO_OUT)
        return posix_spawn_file_actions_adddup2(actions, 1, 2);
    if (what == VOW_STDIO_NULL)
        return posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                i == 0 ? O_RDONLY : O_WRONLY, 0);
    return 0;
}

static int change_folder(posix_spawn_file_actions_t *actions, const char *folder)
{
#ifdef HAS_CHDIR
    return folder ? posix_spawn_file_actions_addchdir_np(actions, folder) : 0;
#else
    (void)actions;
    return folder ? ENOTSUP : 0; /* TODO(port): where posix_spawn cannot */
#endif
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct vow__stdio *io,
                       const vow_process_options *options)
{
    const int what[3] = {options->in, options->out, options->err};
    int failed = change_folder(actions, options->folder);
    for (int i = 0; i < 3 && !failed; i++)
        failed = place(actions, io, i, what[i]);
#ifdef HAS_CLOSEFROM
    if (!failed) /* what others have opened without close-on-exec */
        failed = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
    return failed;
}

static int set_attributes(posix_spawnattr_t *attributes, bool group)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (!failed)
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    if (!failed) /* of group 0: the child's own number */
        failed = posix_spawnattr_setflags(attributes,
                                          (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                  (group ? POSIX_SPAWN_SETPGROUP : 0)));
    return failed;
}

static int spawn_with(posix_spawn_file_actions_t *actions, const struct vow__stdio *io,
                      const char *const *arguments, const vow_process_options *options, pid_t *ret)
{
    posix_spawnattr_t attributes;
    int failed = posix_spawnattr_init(&attributes);
    if (failed)
        return failed;
    failed = set_attributes(&attributes, options->group);
    if (!failed)
        failed = add_actions(actions, io, options);
    if (!failed)
        failed = posix_spawnp(ret, arguments[0], actions, &attributes, (char *const *)arguments,
                              options->environment ? (char *const *)options->environment : environ);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

int vow__spawn(const struct vow__stdio *io, const char *const *arguments,
               const vow_process_options *options, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = spawn_with(&actions, io, arguments, options, ret);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Ending. */

static void *reap(void *data)
{
    pid_t pid = (pid_t)(intptr_t)data;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return NULL;
}

/* It may take its time to die (a file system that does not answer): a thread, not the loop. */
void vow__reap_later(pid_t pid)
{
    sigset_t all, before;
    pthread_t id;
    if (waitpid(pid, NULL, WNOHANG) != 0)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&id, NULL, reap, (void *)(intptr_t)pid);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        reap((void *)(intptr_t)pid);
    else
        pthread_detach(id);
}
