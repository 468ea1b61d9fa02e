/* SPDX-License-Identifier: MIT
 *
 * loop/remote.h - the inbox of a loop: a lock-free stack that any thread pushes to and the
 * loop takes whole, and a descriptor written on the empty edge.
 *
 * Always true: `refs` counts everybody who may touch the memory (the loop is one of them
 * until it closes), `open` those for whose posts the dispatch is to wait; who counts in
 * `open` counts in `refs`. The inbox holds nodes, or &closed for ever once the loop closed.
 */
#ifndef VOW_LOOP_REMOTE_H
#define VOW_LOOP_REMOTE_H

#include <stdatomic.h>

#include "loop/loop.h"

struct vow_remote {
    _Atomic(vow_node *) inbox; /* newest first */
    atomic_uint refs, open;
    int fd[2];             /* read and write end; the same eventfd on Linux */
    const void *thread;    /* the loop's */
    /* the loop's thread only: */
    struct vow__event_loop *loop; /* NULL once closed */
    struct event *event;
    bool added;
    vow_remote_resolver *pending; /* promises that wait for other threads (for fork) */
};

/* Loop's thread: dispatch is to wait (or no longer) for one more post. */
int vow__remote_hold(vow_remote *remote); /* 0 or an errno number */
void vow__remote_release(vow_remote *remote);
bool vow__remote_is_here(const vow_remote *remote); /* on the loop's thread, and it is open */

/* remote_resolver.c: rejects the promises that only the parent process could settle. */
void vow__remote_reject_pending(vow_remote *remote, int code);

#endif
