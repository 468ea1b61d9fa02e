/* SPDX-License-Identifier: MIT
 *
 * vow/drive.h - a non-blocking C library as a promise: a step is tried, says which descriptor
 * it waits for, and is tried again.
 *
 *     static bool step(void *data, int ready, vow_wants *wants, vow_value *ret)
 *     {
 *         PGconn *db = data;
 *         switch (PQconnectPoll(db)) {
 *         case PGRES_POLLING_OK: *ret = vow_none(); return true;
 *         case PGRES_POLLING_FAILED: *ret = vow_fail(EIO, "%s", PQerrorMessage(db)); return true;
 *         case PGRES_POLLING_READING: wants->what = VOW_READ; break;
 *         default: wants->what = VOW_WRITE;
 *         }
 *         wants->fd = PQsocket(db);
 *         return false;
 *     }
 *
 * Loop's thread only.
 */
#ifndef VOW_DRIVE_H
#define VOW_DRIVE_H

#include "ready.h"

VOW_BEGIN

/* What the next step waits for; all of it is to be set anew by each step that waits. */
typedef struct vow_wants {
    int fd;      /* -1: none. It stays the library's; it may be another one each time */
    int what;    /* VOW_READ, VOW_WRITE or both */
    uint64_t ms; /* at most so long, on the loop's clock; 0: without a limit */
} vow_wants;

/* True: done, *ret (given away) settles the promise as vow_resolve does. False: to be called
 * again. `ready` is what the descriptor is ready for; 0: the first call, or the time is up.
 * The library may close its descriptor and open others in a step, and only there. */
typedef bool vow_drive_fn(void *data, int ready, vow_wants *wants, vow_value *ret);

/* Calls step at once, and from then on when it is worth it, until it is done. Takes data:
 * destroy(data), may be NULL, runs once when the promise has settled, was cancelled or dropped,
 * never inside a step. Rejects besides with what keeps it from waiting: EBADF, ENOMEM, EPERM
 * (a regular file); EINVAL where a step wants neither a descriptor nor a time. Cancelled: what
 * the library has sent or read by then is so. */
#define vow_drive(loop, step, data, destroy) vow_drive_at(loop, step, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_drive_at(vow_loop *loop, vow_drive_fn *step, void *data,
                                               vow_destroy_fn *destroy, const char *where);

VOW_END
#endif
