/* SPDX-License-Identifier: MIT
 *
 * loop/remote.h - the door of a loop for other threads: an inbox, the descriptor that wakes
 * the loop when it fills, and the list of what other threads have still to bring home.
 *
 * Always true:
 *   - `refs` counts everybody who may touch the memory: the loop until it is freed, the
 *     program's references, and errands. The program's hold the inbox, too.
 *   - The event is in the base while the inbox is awaited, or there are errands.
 *   - Once the loop closed the inbox refuses, and there are no event and no errands.
 */
#ifndef VOW_LOOP_REMOTE_H
#define VOW_LOOP_REMOTE_H

#include "loop/inbox.h"
#include "loop/loop.h"

struct vow__errand;

struct vow_remote {
    struct vow__inbox inbox;
    atomic_uint refs;
    atomic_uint posting; /* threads inside vow_post_node: the loop's end waits for them */
    char apart[64]; /* those who post write above, and read below: not in one cache line */
    atomic_uint generation; /* vow__forks of the process whose descriptor this is */
    int fd[2];              /* read and write end; the same eventfd on Linux */
    const void *thread;     /* the loop's */
    /* the loop's thread only: */
    struct vow__event_loop *loop; /* NULL once it is freed */
    struct event *event;          /* NULL once it is closed */
    bool added;
    struct vow__errand *errands;
};

/* Something of the loop's that another thread ends by posting its node: a promise with a
 * remote resolver, a pool's job. Dispatch waits from begin to end. */
struct vow__errand {
    vow_node node; /* first */
    vow_remote *remote;
    /* Loop's thread: the node will not come (the loop closes, or this is a forked child).
     * Has to end the errand. */
    void (*lost)(struct vow__errand *errand, int code);
    struct vow__errand *next, **at; /* at NULL: ended */
};

/* vow_post_node for those who hold the remote until it has returned. */
int vow__post_held(vow_remote *remote, vow_node *node);

/* The loop's remote; NULL: errno says why not. Looks: no reference is added. */
vow_remote *vow__remote_of(vow_loop *loop);

/* begin: 0 or an errno number. The errand's reference on the remote stays until _done,
 * which any thread may call, and keeps the node's way home. begin and end: loop's thread;
 * ending twice is fine. */
int vow__errand_begin(struct vow__errand *errand, vow_remote *remote);
void vow__errand_end(struct vow__errand *errand);
void vow__errand_done(struct vow__errand *errand);

/* On the thread of a loop that has not been freed? */
bool vow__remote_is_here(const vow_remote *remote);

#endif
