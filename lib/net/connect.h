/* SPDX-License-Identifier: MIT
 *
 * net/connect.h - a connection to be: what the program wants is in connect.c, the race
 * of the addresses in eyeballs.c.
 */
#ifndef VOW_NET_CONNECT_H
#define VOW_NET_CONNECT_H

#include "adapt/pause.h"
#include "vow/sock.h"

struct vow__connecting;

/* One address. */
struct vow__attempt {
    struct vow__connecting *op;
    const vow_address *address; /* one of the addresses of its list */
    struct event *event;        /* of fd; NULL: not waiting */
    int fd;                     /* -1: not begun, or failed */
    vow_error *error;           /* how it failed, or NULL */
};

/* Addresses that came together. */
struct vow__addresses {
    vow_value value; /* one, an array of them, or none */
    struct vow__attempt *attempts;
};

/* Attempts are counted in the order to begin them: the first `cut` are the first list's, the
 * others `latest`'s, which knows all addresses that are known and that they have not. */
struct vow__connecting {
    vow_loop *loop;
    vow_resolver *resolver;
    vow_connect_options options; /* `local` is NULL or &local */
    vow_address local;
    struct vow__addresses lists[2], *latest;
    size_t cut, n, begun, waiting; /* waiting: begun and without an answer */
    struct vow__attempt *failed;   /* the last to have; or NULL */
    struct vow__attempt *full;     /* a unix listener's queue had no room; or NULL */
    struct vow__pause pause;       /* until the next begins, or the full one is tried again */
    vow_promise *all, *half;       /* look-ups, of all addresses and of IPv4's; or NULL */
    vow_stream *stream;            /* to be; NULL once delivered */
    const char *where;
    const char *host, *service; /* NULL: addresses */
    char name[];                /* "host:service"; "" for addresses */
};

/* eyeballs.c. Takes addresses: those not begun yet are these. Goes on. */
void vow__connect_join(struct vow__connecting *op, vow_value addresses);
/* If there is nothing to wait for. */
void vow__connect_go_on(struct vow__connecting *op);
void vow__connect_fail(struct vow__connecting *op, vow_value error);
void vow__connect_stop(void *op); /* closes all that is open, and looks nothing up */

#endif
