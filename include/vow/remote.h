/* SPDX-License-Identifier: MIT
 *
 * vow/remote.h - the door for other threads: the only part of vow that may be
 * called from any thread.
 *
 *     vow_remote *remote = vow_remote_new(loop);        // on the loop's thread
 *     ...
 *     vow_post(remote, run, job, job_free);             // on any thread
 *
 * A remote is counted atomically and outlives its loop: posting to a closed loop
 * answers ESHUTDOWN. Posts of one thread run in order, on the loop's thread; where many wait,
 * handlers that they have made ready run after each 128 of them. While a remote is open it
 * keeps the loop's dispatch waiting for it.
 */
#ifndef VOW_REMOTE_H
#define VOW_REMOTE_H

#include "promise.h"

VOW_BEGIN

typedef struct vow_remote vow_remote;

/* Gives a remote of the loop; NULL: no memory or descriptor, or the loop refuses (errno:
 * ESHUTDOWN when it is closed, VOW_EFORK). Loop's thread. */
VOW_API vow_remote *vow_remote_new(vow_loop *loop);
VOW_API vow_remote *vow_remote_ref(vow_remote *remote);   /* any thread */
VOW_API vow_remote *vow_remote_unref(vow_remote *remote); /* any thread; NULL ok; returns NULL */

/* Has fn(data) run on the loop's thread, then destroy(data). Takes data: on ENOMEM,
 * ESHUTDOWN or VOW_EFORK destroy(data) has run here. A loop that closes first runs only
 * destroy. destroy may be NULL. Any thread, not in signal handlers. */
VOW_API int vow_post(vow_remote *remote, vow_destroy_fn *fn, void *data, vow_destroy_fn *destroy);

/* The same with memory of the caller's, so that only ESHUTDOWN (and VOW_EFORK) can go
 * wrong: run(node) is called on the loop's thread, or gone(node) if the loop closes first.
 * The node belongs to vow until then. What run gives back may be the last reference: freeing
 * the loop waits for posts on their way. Any thread; async-signal-safe. */
typedef struct vow_node {
    struct vow_node *next;
    void (*run)(struct vow_node *node);
    void (*gone)(struct vow_node *node);
} vow_node;
VOW_API int vow_post_node(vow_remote *remote, vow_node *node);

/* A pending promise whose resolver works on any thread. Loop's thread. The resolver is
 * counted (starts with one reference); the first settling call wins, later ones release
 * what they were given and do nothing; losing the last reference unused rejects with
 * VOW_EBROKEN. Settling allocates nothing. On the loop's own thread it settles at once, else
 * by a post. Dispatch waits for it until the promise has settled, or was cancelled or
 * dropped. Without memory the promise is rejected and *ret is inert, maybe NULL, which the
 * functions accept. */
typedef struct vow_remote_resolver vow_remote_resolver;
#define vow_promise_new_remote(remote, ret) vow_promise_new_remote_at(remote, ret, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_promise_new_remote_at(vow_remote *remote,
                                                             vow_remote_resolver **ret,
                                                             const char *where);
VOW_API vow_remote_resolver *vow_remote_resolver_ref(vow_remote_resolver *r);
VOW_API vow_remote_resolver *vow_remote_resolver_unref(vow_remote_resolver *r);
/* Take v and e, look at r. Any thread. True: this call settled it. */
VOW_API bool vow_remote_resolve(vow_remote_resolver *r, vow_value v);
VOW_API bool vow_remote_reject(vow_remote_resolver *r, vow_error *e);
/* Looks. False once the promise was settled, cancelled or dropped: work may stop. */
VOW_API bool vow_remote_is_wanted(const vow_remote_resolver *r);

VOW_END
#endif
