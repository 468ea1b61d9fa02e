/* SPDX-License-Identifier: MIT
 *
 * vow/transport.h - what a stream moves its bytes through: for those who make streams of
 * something (TLS, a compressor, a device). All the rest of a stream (whole lines, partial
 * writes, cancelling, promises) is vow's; a transport only tries, and says when to try again.
 *
 *     static const vow_transport pipe_transport = {
 *         .size = sizeof(vow_transport), .name = "pipe",
 *         .read = pipe_read, .write = pipe_write, .wait = pipe_wait, .close = pipe_close};
 *     ...
 *     vow_stream *s = vow_stream_new(loop, &pipe_transport, pipe);
 *
 * All functions are called on the loop's thread with the transport's object. They may call
 * vow, but not the functions of their own stream other than vow_stream_ready.
 */
#ifndef VOW_TRANSPORT_H
#define VOW_TRANSPORT_H

#include <sys/types.h>

#include "ready.h"
#include "stream.h"

VOW_BEGIN

/* Static, never changed. `side` is VOW_READ or VOW_WRITE. */
typedef struct vow_transport {
    uint32_t size; /* sizeof(vow_transport) where it was compiled */
    bool eager;    /* trying costs little when there is nothing: do it before waiting */
    const char *name;
    /* Bytes into `bytes` (size > 0): how many; 0: the end; -1 and errno. EAGAIN: none now. */
    ssize_t (*read)(void *object, void *bytes, size_t size);
    /* Takes bytes of `parts`, in order (count > 0, no more than 16): how many; -1 and errno.
     * EAGAIN: none now. A number that is less than all means that more will have to wait. */
    ssize_t (*write)(void *object, const struct iovec *parts, int count);
    /* The side has said EAGAIN, or is not eager, and somebody waits for it: vow_stream_ready
     * is to be called, perhaps at once, when it is worth trying. Called again after each
     * EAGAIN. 0, or an errno number, with which the operation is rejected. */
    int (*wait)(void *object, int side);
    void (*rest)(void *object, int side); /* nobody waits any more; or NULL */
    /* No more will be written: 0; EAGAIN: wait for VOW_WRITE, then again; or another errno
     * number. NULL: EOPNOTSUPP. */
    int (*shutdown)(void *object);
    void (*detach)(void *object); /* the loop closes: gives back its events; or NULL */
    void (*close)(void *object);  /* the last call: gives back everything */
    /* The reason of what read, write, wait or shutdown has just refused, for where errno says
     * too little: gives an error, which becomes the operation's, or NULL. Or NULL. */
    vow_error *(*error)(void *object, int side);
    void *reserved[1];
} vow_transport;

/* A stream over a transport. Takes object; gives. NULL: no memory or a closed loop (errno),
 * and close(object) has run. */
VOW_API vow_stream *vow_stream_new(vow_loop *loop, const vow_transport *transport, void *object);

/* It is worth trying `side` (VOW_READ, VOW_WRITE or both) again. Settles, but runs no handler.
 * Looks; not to be called after close. */
VOW_API void vow_stream_ready(vow_stream *s, int side);

/* A write that is not waited for any more has taken so many bytes after all: they count in
 * vow_stream_written. Looks. */
VOW_API void vow_stream_wrote(vow_stream *s, size_t bytes);

/* Looks. The object, if s is an open stream over this transport; else NULL. */
VOW_API void *vow_stream_object(const vow_stream *s, const vow_transport *transport);

VOW_END
#endif
