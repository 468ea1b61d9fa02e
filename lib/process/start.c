/* SPDX-License-Identifier: MIT
 *
 * process/start.c - starting a child: its pipes, how its end will be seen, the program,
 * in this order, so that what can be refused is refused before there is a child.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "process/process.h"
#include "process/spawn.h"

/* The loop closes, and has rejected those who wait. */
static void close_process(struct vow__member *member)
{
    vow_process *p = vow_process_ref((vow_process *)member);
    vow__process_put_down(p);
    vow__process_unwatch(p);
    if (p->ending) { /* in a forked process: the parent goes on with it */
        p->ending = false;
        p->grace = vow_unref(p->grace);
        vow_process_unref(p);
    }
    vow_process_unref(p);
}

/* It is the parent's child. */
static int after_fork(struct vow__member *member)
{
    vow_process *p = (vow_process *)member;
    if (p->generation != vow__forks && vow_is_none(p->outcome))
        vow__process_set_outcome(p, vow__fail_ready(VOW_EFORK));
    return 0;
}

static vow_process *new_process(vow_loop *loop, const vow_process_options *options)
{
    vow_process *p = vow__alloc_zeroed(sizeof *p);
    if (!p)
        return NULL;
    p->count = 1;
    p->pidfd = -1;
    p->end = &p->first;
    p->group = options->group;
    p->grace_ms = options->grace_ms;
    p->generation = vow__forks;
    vow__member_join(&p->member, loop, close_process);
    p->member.after_fork = after_fork;
    return p;
}

#if defined(SYS_pidfd_open) && defined(VOW__LINUX)
/* A descriptor of a process; -1 and errno. They are close-on-exec. */
static int open_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
#else
static int open_pidfd(pid_t pid)
{
    (void)pid;
    errno = ENOSYS;
    return -1;
}
#endif

/* How its end is to be seen, before it is started: a descriptor that keeps the place of its
 * own, or listening. 0 or an errno number. */
static int prepare_watch(vow_process *p)
{
    p->pidfd = open_pidfd(getpid());
    if (p->pidfd >= 0)
        return 0;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        return errno;
    return vow__process_listen(p);
}

/* 0 or an errno number. */
static int begin_watch(vow_process *p)
{
    if (p->pidfd < 0)
        return 0;
    close(p->pidfd);
    p->pidfd = open_pidfd(p->pid);
    if (p->pidfd < 0 && errno == ESRCH) { /* it has ended, and SIGCHLD is ignored */
        vow__process_look(p);
        return 0;
    }
    if (p->pidfd < 0)
        return errno;
    return vow__process_watch(p);
}

/* Takes io's own ends, whatever comes. 0 or an errno number. */
static int make_streams(vow_process *p, struct vow__stdio *io)
{
    for (int i = 0; i < 3; i++) {
        int fd = io->ours[i];
        if (fd < 0)
            continue;
        io->ours[i] = -1;
        p->stream[i] = vow_stream_from_fd(p->member.loop, fd);
        if (!p->stream[i])
            return errno;
    }
    return 0;
}

/* 0 or an errno number; *ret_doing says of what. */
static int start(vow_process *p, const char *const *arguments, const vow_process_options *options,
                 const char **ret_doing)
{
    struct vow__stdio io;
    *ret_doing = "prepare to start";
    int failed = vow__stdio_open(&io, options);
    if (failed)
        return failed;
    failed = make_streams(p, &io);
    if (!failed)
        failed = prepare_watch(p);
    if (!failed) {
        *ret_doing = "start";
        failed = vow__spawn(&io, arguments, options, &p->pid);
    }
    vow__stdio_close(&io);
    if (failed) {
        p->pid = 0;
        return failed;
    }
    return begin_watch(p);
}

static bool is_no_folder(const char *folder) { return folder && access(folder, X_OK); }

vow_process *vow__process_start(vow_loop *loop, const char *const *arguments,
                                const vow_process_options *options, const char *where,
                                vow_value *ret_error)
{
    VOW_CHECK(arguments && arguments[0], "vow_process_start at %s: no first argument", where);
    static const vow_process_options defaults;
    options = options ? options : &defaults;
    vow_process *p = new_process(loop, options);
    const char *doing = "start";
    int failed = p ? start(p, arguments, options, &doing) : ENOMEM;
    if (!failed)
        return p;
    if (p)
        vow__process_put_down(p); /* one that cannot be watched */
    vow_process_unref(p);
    *ret_error = vow_fail_at(where, vow_errno_domain(), failed, "%s %s%s%s", doing, arguments[0],
                             is_no_folder(options->folder) ? " in " : "",
                             is_no_folder(options->folder) ? options->folder : "");
    return NULL;
}

vow_promise *vow_process_start_at(vow_loop *loop, const char *const *arguments,
                                  const vow_process_options *options, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    vow_value outcome;
    vow_process *p = vow__process_start(loop, arguments, options, where, &outcome);
    return vow_resolved_at(loop, p ? vow_process_value(p) : outcome, where);
}
