/* SPDX-License-Identifier: MIT
 *
 * adapt/connect.h - a connection to be: what the program wants is in sock_connect.c, the race
 * of the addresses in eyeballs.c.
 */
#ifndef VOW_ADAPT_CONNECT_H
#define VOW_ADAPT_CONNECT_H

#include "adapt/pause.h"
#include "vow/sock.h"

struct vow__connecting;

/* One address. */
struct vow__attempt {
    struct vow__connecting *op;
    const vow_address *address; /* one of op->addresses */
    struct event *event;        /* of fd; NULL: not waiting */
    int fd;                     /* -1: not begun, or failed */
    vow_error *error;           /* how it failed, or NULL */
};

struct vow__connecting {
    size_t count; /* of the wait for the addresses, and of the promise of the connection */
    vow_loop *loop;
    vow_resolver *resolver;
    vow_connect_options options; /* `local` is NULL or &local */
    vow_address local;
    vow_value addresses;           /* none while they are looked up */
    struct vow__attempt *attempts; /* `n`, in the order to begin them */
    size_t n, begun, waiting;      /* waiting: begun and without an answer */
    struct vow__attempt *full;     /* a unix listener's queue had no room; or NULL */
    struct vow__pause pause;       /* until the next begins, or the full one is tried again */
    vow_stream *stream;            /* to be; NULL once delivered */
    const char *where;
    char name[]; /* "host:service"; "" for addresses */
};

/* eyeballs.c. Takes a reference of op and addresses. */
vow_promise *vow__connect_race(struct vow__connecting *op, vow_value addresses);
void vow__connect_stop(struct vow__connecting *op); /* closes all that is open */

/* sock_connect.c */
void vow__connect_release(void *op);

#endif
