/* SPDX-License-Identifier: MIT
 *
 * http/conn.c - a server's connections. evhttp only knows time limits that start anew with
 * every byte; so each connection stands in a list of those that wait for the same thing, oldest
 * first, and one timer looks at their heads.
 */
#include "http/server.h"

void vow__http_conns_init(struct vow__http_conns *list) { list->end = &list->first; }

static void leave(struct vow__http_conn *c)
{
    if (!c->list)
        return;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    else
        c->list->end = c->at;
    c->list = NULL;
    c->next = NULL;
}

static void sweep_by(vow_http_server *s, uint64_t ns);

/* live_ns 0: without a deadline. */
static void join(struct vow__http_conns *list, struct vow__http_conn *c, uint64_t live_ns)
{
    leave(c);
    c->since = vow_now(c->server->loop);
    c->list = list;
    c->at = list->end;
    *list->end = c;
    list->end = &c->next;
    if (live_ns)
        sweep_by(c->server, c->since + live_ns);
}

/* Deadlines. */

static void kill_due(struct vow__http_conns *list, uint64_t live_ns, uint64_t now)
{
    while (live_ns && list->first && list->first->since + live_ns <= now)
        vow__http_conn_kill(list->first);
    if (live_ns && list->first)
        sweep_by(list->first->server, list->first->since + live_ns);
}

static vow_value on_sweep(vow_value v, void *data)
{
    vow_http_server *s = data;
    uint64_t now = vow_now(s->loop);
    s->sweep = vow_unref(s->sweep);
    if (vow_is_error(v))
        return vow_none(); /* the loop closes */
    kill_due(&s->reading, s->request_ns, now);
    kill_due(&s->idle, s->idle_ns, now);
    return vow_none();
}

/* Too early does no harm. Without memory for the timer the next connection tries again. */
static void sweep_by(vow_http_server *s, uint64_t ns)
{
    if (s->sweep && s->sweep_at <= ns)
        return;
    vow_unref(s->sweep);
    s->sweep_at = ns;
    s->sweep = vow_handle(vow_delay_until(s->loop, ns), on_sweep, s);
    if (vow_state(s->sweep) == VOW_REJECTED) {
        vow_mark_handled(s->sweep);
        s->sweep = vow_unref(s->sweep);
    }
}

/* Coming and going. */

/* The first byte of a request ends a connection's idleness. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *data)
{
    (void)input;
    struct vow__http_conn *c = data;
    vow_http_server *s = c->server;
    s->current = c;
    if (info->n_added > 0 && c->list == &s->idle)
        join(&s->reading, c, s->request_ns);
}

static void forget(struct vow__http_conn *c)
{
    vow_http_server *s = c->server;
    leave(c);
    if (s->current == c)
        s->current = NULL;
    vow_free(c);
    vow__http_server_left(s);
}

/* Inside evhttp, which frees the connection next. */
static void on_close(struct evhttp_connection *evcon, void *data)
{
    (void)evcon;
    struct vow__http_conn *c = data;
    if (c->in)
        vow__http_incoming_lost(c->in);
    forget(c);
}

/* evhttp makes a buffer of its own where it is given none; that connection then has neither
 * deadline nor requests (vow__http_incoming_new). */
struct bufferevent *vow__http_conn_new(struct event_base *base, void *server)
{
    vow_http_server *s = server;
    struct timeval limit = {(time_t)(s->write_ms / 1000), (suseconds_t)(s->write_ms % 1000 * 1000)};
    struct vow__http_conn *c = vow_alloc(sizeof *c);
    if (c)
        c->bev = bufferevent_socket_new(base, -1, 0);
    if (!c || !c->bev || !evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c)) {
        if (c && c->bev)
            bufferevent_free(c->bev);
        vow_free(c);
        return NULL;
    }
    bufferevent_set_timeouts(c->bev, NULL, s->write_ms ? &limit : NULL);
    bufferevent_incref(c->bev); /* until it is adopted */
    c->server = s;
    s->connections++;
    join(&s->fresh, c, 0);
    event_active(s->later, EV_TIMEOUT, 0);
    vow__http_server_accepted(s);
    return c->bev;
}

/* Now evhttp has put its own callbacks on the buffer, or has freed it already. */
static void adopt(struct vow__http_conn *c)
{
    vow_http_server *s = c->server;
    bufferevent_data_cb on_read, on_write;
    bufferevent_event_cb on_event;
    void *evcon;
    bufferevent_getcb(c->bev, &on_read, &on_write, &on_event, &evcon);
    if (on_event) {
        c->evcon = evcon;
        evhttp_connection_set_closecb(c->evcon, on_close, c);
        join(&s->idle, c, s->idle_ns);
    }
    bufferevent_decref(c->bev);
    if (!on_event)
        forget(c);
}

void vow__http_conns_adopt(vow_http_server *server)
{
    while (server->fresh.first)
        adopt(server->fresh.first);
}

/* Parsing a request takes bytes from its connection's input, so that it is the current one. */
struct vow__http_conn *vow__http_conn_of(vow_http_server *server, struct evhttp_request *req)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    struct vow__http_conn *c = server->current;
    if (!c || c->bev != bev)
        return NULL;
    if (!c->evcon)
        adopt(c);
    return c;
}

/* Pipelined requests wait in the buffer, which takes no more than this of them. */
void vow__http_conn_occupy(struct vow__http_conn *c)
{
    enum { AHEAD = 16 * 1024 };
    join(&c->server->busy, c, 0);
    bufferevent_setwatermark(c->bev, EV_READ, 0, AHEAD);
}

/* What came meanwhile is the next request. */
void vow__http_conn_rest(struct vow__http_conn *c)
{
    vow_http_server *s = c->server;
    c->in = NULL;
    bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
    if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
        join(&s->reading, c, s->request_ns);
    else
        join(&s->idle, c, s->idle_ns);
    if (!s->bound)
        event_active(s->later, EV_TIMEOUT, 0); /* stopping: it is closed there */
}

/* evhttp stops reading while a request is answered, and ends the program when its callback
 * for input is called then: so without one. */
void vow__http_conn_watch(struct vow__http_conn *c)
{
    bufferevent_data_cb on_read, on_write;
    bufferevent_event_cb on_event;
    void *evcon;
    bufferevent_getcb(c->bev, &on_read, &on_write, &on_event, &evcon);
    bufferevent_setcb(c->bev, NULL, on_write, on_event, evcon);
    bufferevent_enable(c->bev, EV_READ);
}

/* evhttp would shut the parent's connections down: its memory stays, without events. */
void vow__http_conns_abandon(vow_http_server *server)
{
    struct vow__http_conns *lists[] = {&server->fresh, &server->reading, &server->idle,
                                       &server->busy};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        while (lists[i]->first) {
            struct vow__http_conn *c = lists[i]->first;
            bufferevent_disable(c->bev, EV_READ | EV_WRITE);
            if (c->in)
                vow__http_incoming_lost(c->in);
            forget(c);
        }
}

void vow__http_conn_kill(struct vow__http_conn *c) { evhttp_connection_free(c->evcon); }
