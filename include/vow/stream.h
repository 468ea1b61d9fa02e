/* SPDX-License-Identifier: MIT
 *
 * vow/stream.h - bytes in order, both ways: sockets, pipes, files, TLS, pairs in memory, and
 * whatever a program makes a stream of (vow/transport.h). One set of verbs for all of them.
 *
 *     vow_promise *p = vow_stream_read(s, 4096);               // a vow_buf
 *     vow_promise *q = vow_stream_read_until(s, '\n', 1000);   // a line
 *     vow_promise *r = vow_stream_write(s, bytes, size);       // bytes borrowed
 *     vow_promise *t = vow_pump(from, to, 0);                  // until the end of `from`
 *
 * A vow_stream is counted; an operation in flight keeps it alive. One read and one write may
 * be in flight at a time: a second one of its kind rejects with EBUSY. Nobody reading means
 * nothing is read: that is the backpressure; nor does an idle stream keep a loop running.
 * Cancelled reads lose no byte: what was taken from below waits in the stream for the next
 * read. The same goes for a read that has its bytes, but is cancelled, dropped or loses a
 * race before any handler got them. A cancelled write may have written part of its bytes:
 * vow_stream_written tells. Loop's thread only; the loop may be closed and freed before its
 * streams: then they can only be closed.
 */
#ifndef VOW_STREAM_H
#define VOW_STREAM_H

#include "buf.h"
#include "promise.h"
#include "type.h"

struct iovec;

VOW_BEGIN

typedef struct vow_stream vow_stream;

/* A descriptor as a stream. Takes fd, makes it non-blocking: sockets, pipes, terminals; what
 * the system cannot wait for (regular files, /dev/null) is read and written at its position
 * by vow's pool for files. Gives; NULL: no memory, no open descriptor, a closed loop, or for a
 * device no descriptor to find out what it is (errno: EMFILE, ...), fd closed. */
VOW_API vow_stream *vow_stream_from_fd(vow_loop *loop, int fd);

/* Two connected streams in memory, for tests and for parts of a program. What one writes the
 * other reads; at most `bytes` (at least 1) wait in each direction, writers wait then. Gives
 * both in ret; 0, or ENOMEM or ESHUTDOWN, and ret untouched. */
VOW_API int vow_stream_pair(vow_loop *loop, size_t bytes, vow_stream *ret[2]);

/* Reads fulfil with a vow_buf:
 *   read        1 to max bytes (max 0 is misuse), as soon as there are any; size 0: the
 *               end of the stream
 *   read_exact  n bytes
 *   read_until  up to and with the first `delimiter`; more than max bytes: EMSGSIZE
 * An end of the stream inside the last two rejects with ECONNRESET; what was read stays
 * for the next read. */
#define vow_stream_read(s, max) vow_stream_read_at(s, max, VOW_HERE)
#define vow_stream_read_exact(s, n) vow_stream_read_exact_at(s, n, VOW_HERE)
#define vow_stream_read_until(s, delimiter, max) \
    vow_stream_read_until_at(s, delimiter, max, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_stream_read_at(vow_stream *s, size_t max, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_stream_read_exact_at(vow_stream *s, size_t n,
                                                            const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_stream_read_until_at(vow_stream *s, char delimiter,
                                                            size_t max, const char *where);

/* Writes fulfil with the number of bytes written (vow_int):
 *   write       all of them. Keeps `bytes` until the promise settles or is dropped
 *   write_some  as many as are taken without waiting twice, at least one. Keeps `bytes`
 *   write_buf   all of a buffer. Takes it (NULL: ENOMEM)
 *   writev      all of `count` parts. Keeps the array and what it points to
 * A reader that is gone: EPIPE or ECONNRESET, and no signal. */
#define vow_stream_write(s, bytes, size) vow_stream_write_at(s, bytes, size, VOW_HERE)
#define vow_stream_write_some(s, bytes, size) vow_stream_write_some_at(s, bytes, size, VOW_HERE)
#define vow_stream_write_buf(s, buf) vow_stream_write_buf_at(s, buf, VOW_HERE)
#define vow_stream_writev(s, parts, count) vow_stream_writev_at(s, parts, count, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_stream_write_at(vow_stream *s, const void *bytes,
                                                       size_t size, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_stream_write_some_at(vow_stream *s, const void *bytes,
                                                            size_t size, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_stream_write_buf_at(vow_stream *s, vow_buf *buf,
                                                           const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_stream_writev_at(vow_stream *s, const struct iovec *parts,
                                                        int count, const char *where);
VOW_API uint64_t vow_stream_written(const vow_stream *s); /* bytes taken below, ever */

/* Moves bytes until the end of `from`, or `most` of them (0: no limit); fulfils with their
 * number. Both streams are busy meanwhile (its read, its write); what `to` does not take is
 * not read. Rejects with what went wrong, as "pump read" or "pump write". Cancelled: what was
 * read and not yet written stays in `from` for the next read. */
#define vow_pump(from, to, most) vow_pump_at(from, to, most, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_pump_at(vow_stream *from, vow_stream *to, uint64_t most,
                                               const char *where);

/* Ends our side of the stream: the other reads its end. Counts as a write; fulfils with none
 * when it is done, which for all but TLS is at once. A pipe's writing end closes. Cancelled: it
 * may have been done. */
#define vow_stream_shutdown(s) vow_stream_shutdown_at(s, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_stream_shutdown_at(vow_stream *s, const char *where);
/* Closes now; operations in flight reject with ECANCELED, later ones with EBADF, waits of
 * vow_ready on its descriptor with EBADF. Looks. The last vow_stream_unref closes too. */
VOW_API void vow_stream_close(vow_stream *s);
VOW_API vow_loop *vow_stream_loop(const vow_stream *s); /* NULL once it is freed */
VOW_API int vow_stream_fd(const vow_stream *s); /* -1: closed, or there is none */

VOW_API vow_stream *vow_stream_ref(vow_stream *s);
VOW_API vow_stream *vow_stream_unref(vow_stream *s); /* NULL ok; returns NULL */
VOW_API vow_value vow_stream_value(vow_stream *s);   /* takes one reference; NULL: none */
VOW_API vow_stream *vow_stream_of(vow_value v);      /* looks; another type panics */
VOW_API const vow_type *vow_stream_type(void);

VOW_END
#endif
