/* SPDX-License-Identifier: MIT
 *
 * adapt/names.h - addresses of hosts.
 */
#ifndef VOW_ADAPT_NAMES_H
#define VOW_ADAPT_NAMES_H

#include <netdb.h>

#include "vow/promise.h"

/* Both give the stream addresses as a box around a struct addrinfo list.
 * numeric: at once; none when the host or the service is a name; or an error value.
 * look_up: from the pool for names. Copies host and service. */
vow_value vow__names_numeric(const char *host, const char *service);
vow_promise *vow__names_look_up(vow_loop *loop, const char *host, const char *service,
                                const char *where);

#endif
