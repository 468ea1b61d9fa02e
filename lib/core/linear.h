/* SPDX-License-Identifier: MIT
 *
 * core/linear.h - the mechanism under fibers and stackless tasks: a promise for what code
 * gives that stops to wait for other promises, one after the other. Its line is in the
 * consumers of what it waits for, so that cancel, drop and the order of the queue are those
 * of handlers, and waiting takes no memory.
 */
#ifndef VOW_CORE_LINEAR_H
#define VOW_CORE_LINEAR_H

#include "core/loop.h"

/* What the code did when it came back. */
enum vow__went {
    WENT_ENDED, /* *v is its result: anything a handler may give but VOW_SAME */
    WENT_WAITS, /* for the promise in *v, which vow__cannot_wait has nothing against */
    WENT_YIELDS /* lets go first what is in the queue */
};

struct vow__linear_ops {
    const char *name; /* for dumps */
    /* Goes on with *v (taken), an outcome; none when it begins or has let others go first.
     * WENT_ENDED: `data` is given back. */
    enum vow__went (*go_on)(void *data, vow_value *v);
    /* Asked when it is to be cancelled while it waits: true keeps that for later. */
    bool (*shielded)(void *data);
    /* Nobody wants the result, or ever will: ends it now and gives `data` back. */
    void (*drop)(void *data);
};

/* A pending promise for what `data` gives, which begins from the queue; NULL when refused. */
vow_promise *vow__linear_new(vow_loop *loop, const struct vow__linear_ops *ops, void *data,
                             const char *where);
/* consume.c, serve.c: lets c, in no list, go on with `in` (taken). */
void vow__linear_go_on(vow_loop *loop, vow_promise *c, vow_value in);

#endif
