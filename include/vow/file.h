/* SPDX-License-Identifier: MIT
 *
 * vow/file.h - whole files as promises.
 *
 *     vow_promise *p = vow_file_read(loop, "config.txt", 1 << 20);   // a vow_buf
 *
 * What the page cache holds is opened and read at once on the loop's thread (Linux:
 * openat2 RESOLVE_CACHED, preadv2 RWF_NOWAIT), up to 256 KiB, because copying more would
 * hold up the loop for longer than a thread takes to wake; everything else goes through a
 * pool of vow's own for files. Loop's thread only.
 */
#ifndef VOW_FILE_H
#define VOW_FILE_H

#include "buf.h"
#include "promise.h"

VOW_BEGIN

/* Fulfils with a vow_buf of the file's bytes: as many as it had when it was opened, or, where
 * the system does not say (/proc), all up to its end. Takes a copy of `path`; NULL is misuse.
 * More than `limit` bytes (0: no limit): EFBIG. FIFOs, sockets, devices: EINVAL; directories:
 * EISDIR; other errors as open(2) and read(2), with the path in the message. Cancel: a read
 * in the pool runs out in the background, its bytes are released. */
#define vow_file_read(loop, path, limit) vow_file_read_at(loop, path, limit, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_read_at(vow_loop *loop, const char *path, size_t limit,
                                                    const char *where);

VOW_END
#endif
