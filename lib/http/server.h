/* SPDX-License-Identifier: MIT
 *
 * http/server.h - the server inside: evhttp's connections, each with a deadline, and the
 * requests that they carry.
 *
 * evhttp cannot be freed, nor any of its connections, inside one of its callbacks. So no code
 * of the user's runs there: callbacks note what happened and activate `later`, an event, in
 * whose callback handlers are called and promises dropped.
 */
#ifndef VOW_HTTP_SERVER_INSIDE_H
#define VOW_HTTP_SERVER_INSIDE_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "http/fork.h"
#include "vow/buf.h"
#include "vow/error.h"
#include "vow/http_server.h"
#include "vow/loop.h"
#include "vow/resolver.h"
#include "vow/timer.h"

struct vow__http_conn {
    struct vow__http_conn *next, **at; /* in `list` */
    struct vow__http_conns *list;      /* one of the server's, or NULL */
    vow_http_server *server;
    struct evhttp_connection *evcon; /* NULL: only just accepted */
    struct bufferevent *bev;
    vow_http_incoming *in; /* its request, while that is ours */
    uint64_t since;        /* when it came into its list */
};

/* In order of `since`: all of a list have the same time to live. */
struct vow__http_conns {
    struct vow__http_conn *first, **end;
};

struct vow_http_server {
    vow_loop *loop;
    struct evhttp *http;               /* NULL: closed */
    struct evhttp_bound_socket *bound; /* NULL: stopped */
    vow_http_server *listening_next, **listening_at; /* while it is bound */
    struct event *later;
    struct vow__http_conns fresh;   /* just accepted: evhttp has yet to say what they are */
    struct vow__http_conns reading; /* a request has begun to come */
    struct vow__http_conns idle;
    struct vow__http_conns busy;    /* their request is with the handler, or being answered */
    struct vow__http_conn *current; /* whose input changed last */
    vow_http_incoming *work;        /* what `later` has to look at ... */
    vow_http_incoming **work_end;
    size_t connections, most;
    uint64_t request_ns, idle_ns, write_ms;
    vow_promise *sweep; /* the next look at the deadlines, at: */
    uint64_t sweep_at;
    vow_promise *pause; /* no descriptors: when to accept again */
    vow_http_handler *handler;
    void *data;
    vow_destroy_fn *destroy;
    vow_resolver *life; /* see struct vow_http_client */
    vow_promise *lives;
    vow_resolver *stop; /* of the promise of vow_http_server_stop */
    vow_promise *stopped;
    uint16_t port;
    unsigned forks; /* when it was made */
    bool running;   /* in `work` */
    bool free_asked, freeing;
};

enum vow__http_work { VOW__HTTP_START, VOW__HTTP_PUMP };

struct vow_http_incoming {
    vow_http_incoming *next; /* in server->work */
    vow_http_server *server;
    struct vow__http_conn *conn; /* NULL: the client has gone */
    struct evhttp_request *req;
    vow_promise *chain; /* of the handler, or of the next piece of a stream */
    char *path; /* where evhttp would give only the end of it; or NULL */
    vow_buf *body;
    vow_stream *from; /* of a streamed reply */
    struct evbuffer *piece;
    int64_t left; /* of `from`; -1: to its end */
    enum vow__http_work what;
    bool queued; /* in server->work */
};

struct vow_http_reply {
    size_t refs;
    int status, failed;
    struct vow__http_line *lines, **lines_end;
    vow_buf *body;
    vow_stream *from;
    int64_t size;
};

struct vow__http_line {
    struct vow__http_line *next;
    const char *value; /* behind the name's NUL */
    char name[];
};

/* conn.c */
void vow__http_conns_init(struct vow__http_conns *list);
struct bufferevent *vow__http_conn_new(struct event_base *base, void *server); /* evhttp's bevcb */
void vow__http_conns_adopt(vow_http_server *server); /* those that are fresh */
struct vow__http_conn *vow__http_conn_of(vow_http_server *server, struct evhttp_request *req);
void vow__http_conn_rest(struct vow__http_conn *c);    /* its request has been answered */
void vow__http_conn_occupy(struct vow__http_conn *c);  /* it has a request */
void vow__http_conns_abandon(vow_http_server *server); /* in a forked child */
void vow__http_conn_watch(
    struct vow__http_conn *c); /* the answer takes time: does the client stay? */
void vow__http_conn_kill(struct vow__http_conn *c); /* not inside evhttp */

/* incoming.c */
void vow__http_incoming_new(struct evhttp_request *req,
                            void *server); /* evhttp's generic callback */
void vow__http_incoming_attend(vow_http_incoming *in);
void vow__http_incoming_lost(vow_http_incoming *in); /* the client has gone; inside evhttp */
void vow__http_work_add(vow_http_incoming *in);
/* Takes p: fn(in) is in->chain then. False: no memory, fn will not run. */
bool vow__http_waits(vow_http_incoming *in, vow_promise *p, vow_handle_fn *fn);
void vow__http_report(vow_loop *loop, vow_error *e); /* as unhandled; takes e */

/* framing.c: is it certain what is asked for, and where the request ends? */
bool vow__http_is_clear(struct evhttp_request *req);

/* reply.c */
vow_http_reply *vow__http_reply_ref(vow_http_reply *reply);

/* answer.c: may end `in`; not inside evhttp. Takes reply; NULL: 500. */
void vow__http_reply_send(vow_http_incoming *in, vow_http_reply *reply);
void vow__http_reply_pump(vow_http_incoming *in);

/* accept.c */
int vow__http_listen(vow_http_server *server, const char *address, uint16_t port);
                                                        /* 0 or an errno number */
void vow__http_listen_no_more(vow_http_server *server); /* `bound` is evhttp's, to be freed */
void vow__http_accept_on(vow_http_server *server);      /* if there is room */
void vow__http_server_accepted(vow_http_server *server);

/* server.c */
void vow__http_server_left(vow_http_server *server); /* a connection has */

#endif
