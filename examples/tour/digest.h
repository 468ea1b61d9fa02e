/* SPDX-License-Identifier: MIT
 *
 * digest.h - what the tour finds out about an input: its bytes, its lines, its SHA-256.
 * Lines are counted on the device where there is one; all else, and the lines of what is too
 * big to be read whole, on the worker threads of a pool.
 */
#ifndef TOUR_DIGEST_H
#define TOUR_DIGEST_H

#include <vow.h>

#include "device.h"

struct summary {
    uint64_t bytes, lines; /* lines as wc -l counts them: newlines */
    char sha256[65];
};

/* A type of vow's values: summary_value(), summary_of(), ... */
VOW_TYPE_DECLARE(summary, struct summary)

/* Files of at most this many bytes are read whole, bigger ones streamed by a worker. */
enum { DIGEST_WHOLE = 1 << 20 };

/* With what digests are made. */
struct means {
    vow_loop *loop;
    vow_pool *pool;
    struct device *device; /* NULL: there is none */
};

/* Fulfils with the summary of a file. Keeps means, copies path. */
vow_promise *digest_file(const struct means *means, const char *path);

/* A digest of bytes that come in pieces. Counted; of the loop's thread. NULL: no memory.
 * Keeps means. */
struct digest *digest_new(const struct means *means);
void digest_unref(struct digest *digest); /* NULL ok */

/* Adds a piece, fulfils with nothing when that is done: only then comes the next one.
 * Looks at digest, takes piece. */
vow_promise *digest_add(struct digest *digest, vow_buf *piece);

/* The summary of all pieces, as a value; nothing can be added after that. */
vow_value digest_end(struct digest *digest);

#endif
