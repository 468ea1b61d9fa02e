/* SPDX-License-Identifier: MIT
 *
 * http/accept.c - listening, and pausing with that.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

enum { PAUSE_MS = 100 }; /* when there are no descriptors: the clients wait in the backlog */

static struct evconnlistener *listener_of(vow_http_server *s)
{
    return evhttp_bound_socket_get_listener(s->bound);
}

void vow__http_accept_on(vow_http_server *s)
{
    if (s->bound && !s->pause && !(s->most && s->connections >= s->most))
        evconnlistener_enable(listener_of(s));
}

void vow__http_server_accepted(vow_http_server *s)
{
    if (s->most && s->connections >= s->most)
        evconnlistener_disable(listener_of(s));
}

static vow_value end_pause(vow_value v, void *data)
{
    vow_http_server *s = data;
    s->pause = vow_unref(s->pause);
    if (!vow_is_error(v))
        vow__http_accept_on(s);
    return vow_none();
}

/* Who listens in this thread, which is their loops'. evhttp takes the listener's data for itself,
 * so that the listener is all there is to know its server by when it cannot accept. */
static _Thread_local vow_http_server *listening;

static vow_http_server *server_of(const struct evconnlistener *listener)
{
    vow_http_server *s = listening;
    while (s && listener_of(s) != listener)
        s = s->listening_next;
    return s;
}

static void enter(vow_http_server *s)
{
    s->listening_next = listening;
    s->listening_at = &listening;
    if (listening)
        listening->listening_at = &s->listening_next;
    listening = s;
}

void vow__http_listen_no_more(vow_http_server *s)
{
    if (!s->bound)
        return;
    *s->listening_at = s->listening_next;
    if (s->listening_next)
        s->listening_next->listening_at = s->listening_at;
    s->bound = NULL;
}

/* Inside evhttp. Without a pause the descriptor, which stays readable, would keep the loop
 * spinning; it does where there is not even memory for one. */
static void cannot_accept(struct evconnlistener *listener, void *data)
{
    (void)data; /* evhttp's own */
    vow_http_server *s = server_of(listener);
    if (!s || s->pause)
        return;
    s->pause = vow_handle(vow_delay(s->loop, PAUSE_MS), end_pause, s);
    if (vow_state(s->pause) == VOW_REJECTED) {
        vow_mark_handled(s->pause);
        s->pause = vow_unref(s->pause);
    } else {
        evconnlistener_disable(listener);
    }
}

/* A listening descriptor, or minus an errno number. */
static int open_listening(const char *address, uint16_t port)
{
    vow_address a;
    int failed = vow_address_ip(&a, address ? address : "127.0.0.1", port);
    if (failed)
        return -failed;
    int one = 1, fd = socket(vow_address_family(&a), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&a.storage, a.size) || listen(fd, SOMAXCONN)) {
        failed = errno;
        close(fd);
        return -failed;
    }
    return fd;
}

/* 0 or an errno number; takes fd. */
static int listen_with(vow_http_server *s, int fd)
{
    vow_address a;
    int failed = vow_address_local(&a, fd);
    struct evconnlistener *listener =
        evconnlistener_new(vow_loop_base(s->loop), NULL, NULL,
                           LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
    if (!listener) {
        close(fd);
        return ENOMEM;
    }
    s->port = vow_address_port(&a);
    s->bound = evhttp_bind_listener(s->http, listener);
    if (!s->bound) {
        evconnlistener_free(listener);
        return ENOMEM;
    }
    enter(s);
    evconnlistener_set_error_cb(listener, cannot_accept);
    errno = 0;
    if (!failed && evconnlistener_enable(listener))
        failed = errno ? errno : ENOMEM;
    return failed;
}

int vow__http_listen(vow_http_server *s, const char *address, uint16_t port)
{
    int fd = open_listening(address, port);
    return fd < 0 ? -fd : listen_with(s, fd);
}
