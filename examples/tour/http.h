/* SPDX-License-Identifier: MIT
 *
 * http.h - pages by https and http.
 */
#ifndef TOUR_HTTP_H
#define TOUR_HTTP_H

#include <vow.h>
#include <vow/http.h>

#include "digest.h"

bool url_is(const char *text); /* SCHEME://...: not a file's name */

/* Fulfils with the summary (digest.h) of the page at `url`. It passes through in pieces of
 * 64 KiB, so its size is not limited. What is no page rejects in HTTP's domain. Keeps means,
 * copies url. */
vow_promise *http_digest(vow_http_client *client, const struct means *means, const char *url);

#endif
