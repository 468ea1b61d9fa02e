/* SPDX-License-Identifier: MIT
 *
 * http.h - a small HTTP/1.0 client on vow's sockets.
 */
#ifndef TOUR_HTTP_H
#define TOUR_HTTP_H

#include <vow.h>

/* Fulfils with the summary (digest.h) of the page at `url`, http://HOST[:PORT]/PATH. The
 * page passes through in pieces of 64 KiB, so its size is not limited. What is not HTTP
 * rejects with EPROTO, an answer other than 200 in the HTTP domain. Copies url. */
vow_promise *http_digest(vow_loop *loop, vow_pool *pool, const char *url);

const vow_domain *http_domain(void); /* codes are the server's: 404, ... */

#endif
