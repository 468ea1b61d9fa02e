/* SPDX-License-Identifier: MIT
 *
 * http/server.c - a server's life: the work that its callbacks leave, stopping.
 */
#include "http/server.h"

#include <errno.h>

static void settle_stop(vow_http_server *s)
{
    vow_resolver *stop = s->stop;
    if (!stop || s->connections > 0)
        return;
    s->stop = NULL;
    vow_resolve(stop, vow_none());
}

void vow__http_server_left(vow_http_server *s)
{
    s->connections--;
    if (s->http)
        vow__http_accept_on(s);
    settle_stop(s);
}

/* Working. */

static void free_now(vow_http_server *s);

/* After vow_http_server_stop. */
static void close_idle(vow_http_server *s)
{
    vow__http_conns_adopt(s);
    while (s->idle.first)
        vow__http_conn_kill(s->idle.first);
}

static void work(vow_http_server *s)
{
    s->running = true;
    vow__http_conns_adopt(s);
    while (s->work) {
        vow_http_incoming *in = s->work;
        s->work = in->next;
        if (!s->work)
            s->work_end = &s->work;
        vow__http_incoming_attend(in);
    }
    if (s->http && !s->bound)
        close_idle(s);
    s->running = false;
}

static void on_later(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_http_server *s = data;
    vow_loop *loop = s->loop;
    vow_enter(loop);
    work(s);
    if (s->free_asked && !s->freeing)
        free_now(s);
    vow_leave(loop);
}

/* Closing. */

/* What the connections leave is worked off at once: nothing of evhttp's runs here. */
static void shut(vow_http_server *s)
{
    struct evhttp *http = s->http;
    if (s->bound)
        evconnlistener_disable(evhttp_bound_socket_get_listener(s->bound));
    vow__http_listen_no_more(s);
    s->http = NULL;
    s->sweep = vow_unref(s->sweep);
    s->pause = vow_unref(s->pause);
    if (http && s->forks == vow__http_forks())
        evhttp_free(http);
    else if (http)
        vow__http_conns_abandon(s);
    s->sweep = vow_unref(s->sweep);
    if (s->later) {
        work(s);
        event_free(s->later);
    }
    s->later = NULL;
}

/* The loop closes, or free_now has ended the promise itself. */
static void life_ended(void *data)
{
    vow_http_server *s = data;
    s->life = NULL;
    s->lives = vow_unref(s->lives);
    shut(s);
    if (s->free_asked && !s->freeing)
        free_now(s);
}

static void free_now(vow_http_server *s)
{
    s->freeing = true;
    shut(s);
    if (s->life)
        vow_resolve(s->life, vow_none());
    vow_unref(s->stopped);
    if (s->destroy)
        s->destroy(s->data);
    vow_free(s);
}

vow_http_server *vow_http_server_free(vow_http_server *s)
{
    if (!s)
        return NULL;
    s->free_asked = true;
    if (!s->running) /* else inside a handler of its own */
        free_now(s);
    return NULL;
}

/* Also what the loop's end calls. */
static void stop_ended(void *data) { ((vow_http_server *)data)->stop = NULL; }

vow_promise *vow_http_server_stop_at(vow_http_server *s, const char *where)
{
    if (s->stopped)
        return vow_shield_at(vow_ref(s->stopped), where);
    vow_promise *p = vow_promise_new_at(s->loop, &s->stop, where);
    bool pending = vow_state(p) == VOW_PENDING;
    vow_on_stop(s->stop, stop_ended, s, stop_ended);
    if (!pending)
        return p;
    s->stopped = p;
    vow_mark_handled(p);
    s->pause = vow_unref(s->pause);
    struct evhttp_bound_socket *bound = s->bound;
    vow__http_listen_no_more(s);
    if (bound)
        evhttp_del_accept_socket(s->http, bound);
    close_idle(s);
    settle_stop(s);
    return vow_shield_at(vow_ref(p), where);
}

/* Making. */

static void nothing_to_stop(void *data) { (void)data; }

static bool live(vow_http_server *s)
{
    vow_promise *p = vow_promise_new(s->loop, &s->life);
    bool pending = vow_state(p) == VOW_PENDING;
    vow_mark_handled(p);
    if (!pending) {
        vow_resolver_abandon(s->life);
        s->life = NULL;
        vow_unref(p);
        return false;
    }
    s->lives = p;
    vow_on_stop(s->life, nothing_to_stop, s, life_ended);
    return true;
}

/* 0 or an errno number. */
static int set_up(vow_http_server *s, const char *address, uint16_t port)
{
    vow__http_conns_init(&s->fresh);
    vow__http_conns_init(&s->reading);
    vow__http_conns_init(&s->idle);
    vow__http_conns_init(&s->busy);
    s->work_end = &s->work;
    s->later = event_new(vow_loop_base(s->loop), -1, 0, on_later, s);
    s->http = evhttp_new(vow_loop_base(s->loop));
    if (!s->later || !s->http || !live(s))
        return ENOMEM;
    evhttp_set_bevcb(s->http, vow__http_conn_new, s);
    evhttp_set_gencb(s->http, vow__http_incoming_new, s);
    evhttp_set_default_content_type(s->http, NULL);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    vow_http_server_limit(s, VOW_HTTP_BODY_BYTES, 1024 * 1024);
    vow_http_server_limit(s, VOW_HTTP_HEADER_BYTES, 16 * 1024);
    vow_http_server_limit(s, VOW_HTTP_REQUEST_MS, 30000);
    vow_http_server_limit(s, VOW_HTTP_IDLE_MS, 60000);
    vow_http_server_limit(s, VOW_HTTP_WRITE_MS, 30000);
    return vow__http_listen(s, address, port);
}

vow_http_server *vow_http_server_new_with(vow_loop *loop, const char *address, uint16_t port,
                                          vow_http_handler *handler, void *data,
                                          vow_destroy_fn *destroy)
{
    int failed = vow_loop_is_closed(loop) ? ESHUTDOWN : 0;
    vow_http_server *s = failed ? NULL : vow_alloc(sizeof *s);
    if (s) {
        s->loop = loop;
        s->forks = vow__http_forks();
        s->handler = handler;
        s->data = data;
        s->destroy = destroy;
        failed = set_up(s, address, port);
        if (!failed)
            return s;
        free_now(s);
    } else if (destroy) {
        destroy(data);
    }
    errno = failed ? failed : ENOMEM;
    return NULL;
}

vow_http_server *vow_http_server_new(vow_loop *loop, const char *address, uint16_t port,
                                     vow_http_handler *handler, void *data)
{
    return vow_http_server_new_with(loop, address, port, handler, data, NULL);
}

uint16_t vow_http_server_port(const vow_http_server *s) { return s->port; }
size_t vow_http_server_connections(const vow_http_server *s) { return s->connections; }

/* More than anybody waits, and less than what overflows. */
static uint64_t most_ms(size_t ms)
{
    const uint64_t most = UINT64_C(1000000000000);
    return ms < most ? ms : most;
}

void vow_http_server_limit(vow_http_server *s, vow_http_limit what, size_t value)
{
    if (!s->http)
        return;
    switch (what) {
    case VOW_HTTP_BODY_BYTES:
        evhttp_set_max_body_size(s->http, value ? (ssize_t)value : -1);
        break;
    case VOW_HTTP_HEADER_BYTES:
        evhttp_set_max_headers_size(s->http, value ? (ssize_t)value : -1);
        break;
    case VOW_HTTP_REQUEST_MS:
        s->request_ns = most_ms(value) * 1000000;
        break;
    case VOW_HTTP_IDLE_MS:
        s->idle_ns = most_ms(value) * 1000000;
        break;
    case VOW_HTTP_WRITE_MS:
        s->write_ms = most_ms(value);
        break;
    case VOW_HTTP_CONNECTIONS:
        s->most = value;
        vow__http_accept_on(s);
        break;
    }
}
