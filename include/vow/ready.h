/* SPDX-License-Identifier: MIT
 *
 * vow/ready.h - a descriptor's readiness as a promise, and promises from libevent events.
 *
 *     vow_promise *p = vow_ready(loop, fd, VOW_READ);   // fulfils with vow_int(VOW_READ)
 *
 * Several waiters on one descriptor are fine. The descriptor stays the caller's; close it
 * with vow_ready_close, so that its waiters are rejected (EBADF) instead of forgotten.
 * Cancel-safe: yes, no byte is read. Loop's thread only.
 */
#ifndef VOW_READY_H
#define VOW_READY_H

#include "promise.h"

struct event;

VOW_BEGIN

enum { VOW_READ = 1, VOW_WRITE = 2, VOW_HANGUP = 4 };

/* Fulfils with the subset of `what` (VOW_READ | VOW_WRITE | VOW_HANGUP) that is ready;
 * an error on the descriptor counts as all of them. VOW_HANGUP: the peer has closed or
 * half-closed, noticed without reading (such a wait costs a descriptor of its own). What
 * epoll refuses (regular files, /dev/null) is always ready. A bad descriptor rejects with
 * EBADF, nothing to wait for with EINVAL. */
#define vow_ready(loop, fd, what) vow_ready_at(loop, fd, what, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_ready_at(vow_loop *loop, int fd, int what, const char *where);

/* Rejects the waiters on fd with EBADF and closes it. 0, or -1 and errno as close(2). */
VOW_API int vow_ready_close(vow_loop *loop, int fd);

/* From the program's own event, made by event_new on the loop's base and not added (else:
 * misuse): its callback is replaced by one that fulfils the promise with the EV_... flags
 * (vow_int), once, and the event is added with `ms` as its time limit (0: none; libevent's
 * clock, not vow's). The event stays the caller's and must outlive the promise. When it has
 * settled, was cancelled or dropped, the event is out of the base, persistent or not, and
 * has its own callback again. */
#define vow_event(loop, event, ms) vow_event_at(loop, event, ms, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_event_at(vow_loop *loop, struct event *event, uint64_t ms,
                                                const char *where);

VOW_END
#endif
