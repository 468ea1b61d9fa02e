/* SPDX-License-Identifier: MIT
 *
 * server.h - the HTTP/1.0 server that the tour without arguments asks for pages: it serves
 * the files below the working directory on a free port of the loopback address.
 */
#ifndef TOUR_SERVER_H
#define TOUR_SERVER_H

#include <vow.h>

struct server *server_new(vow_loop *loop); /* NULL: errno says why */
unsigned server_port(const struct server *server);

/* Takes no more clients; fulfils when the last one is served. Looks. */
vow_promise *server_stop(struct server *server);
void server_free(struct server *server); /* NULL ok; drops what is still going on */

#endif
