/* SPDX-License-Identifier: MIT
 *
 * http/client.c - curl's multi handle on a loop: its descriptors and its timer are events of
 * the loop's base, and what its callbacks have noted is done when it has returned.
 */
#include <event2/event.h>
#include <pthread.h>
#include <string.h>

#include "http/client.h"

/* A descriptor of curl's. */
struct vow__http_watch {
    struct vow__http_watch *next, **at;
    vow_http_client *client;
    struct event *event;
};

static bool curl_is_ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void) { curl_is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

static bool is_forked(const vow_http_client *client) { return client->forks != vow__http_forks(); }

bool vow__http_was_broken(vow_http_client *client)
{
    bool broken = client->broken;
    client->broken = false;
    return broken;
}

/* What is in the multi handle. */

void vow__http_news(vow_http_response *r)
{
    if (r->news_at || !r->client)
        return;
    r->news_at = &r->client->news;
    r->news_next = r->client->news;
    if (r->news_next)
        r->news_next->news_at = &r->news_next;
    r->client->news = r;
}

static void no_news(vow_http_response *r)
{
    if (!r->news_at)
        return;
    *r->news_at = r->news_next;
    if (r->news_next)
        r->news_next->news_at = r->news_at;
    r->news_at = NULL;
}

int vow__http_attach(vow_http_client *client, vow_http_response *r)
{
    CURLMcode code = curl_multi_add_handle(client->multi, r->request->easy);
    if (code)
        return ENOMEM; /* all else would be a handle used twice */
    if (vow__http_was_broken(client)) { /* no timer: nobody would begin it */
        curl_multi_remove_handle(client->multi, r->request->easy);
        return ENOMEM;
    }
    r->client = client;
    r->at = &client->active;
    r->next = client->active;
    if (r->next)
        r->next->at = &r->next;
    client->active = r;
    return 0;
}

/* In a forked child the connection is the parent's: curl would say goodbye on it. */
void vow__http_detach(vow_http_response *r)
{
    vow_http_client *client = r->client;
    if (!client)
        return;
    no_news(r);
    r->upload = vow_unref(r->upload);
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    r->client = NULL;
    if (is_forked(client))
        r->request->easy = NULL;
    else
        curl_multi_remove_handle(client->multi, r->request->easy);
}

static void fail_all(vow_http_client *client, const vow_domain *domain, int code)
{
    while (client->active)
        vow__http_fail(client->active,
                       vow_error_new_at(client->active->where, domain, code, "http"));
}

/* Calling curl. */

static void shut(vow_http_client *client, const vow_domain *domain, int code);

/* Whoever curl told us about, then whoever it gave something to. User's code runs in here: it
 * may free the client. */
static void after_curl(vow_http_client *client)
{
    bool gone = false;
    client->gone = &gone;
    CURLMsg *message;
    int left;
    while (!gone && client->multi && (message = curl_multi_info_read(client->multi, &left))) {
        char *r;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
        if (message->msg == CURLMSG_DONE)
            vow__http_finish((vow_http_response *)(void *)r, message->data.result);
    }
    while (!gone && client->news) {
        vow_http_response *r = client->news;
        no_news(r);
        vow__http_attend(r);
    }
    if (gone)
        return;
    client->gone = NULL;
    if (vow__http_was_broken(client))
        fail_all(client, vow_errno_domain(), ENOMEM);
}

static void call_curl(vow_http_client *client, curl_socket_t fd, int what)
{
    vow_loop *loop = client->loop;
    int running;
    vow_enter(loop);
    if (is_forked(client)) {
        shut(client, vow_own_domain(), VOW_EFORK);
    } else {
        if (curl_multi_socket_action(client->multi, fd, what, &running))
            client->broken = true;
        after_curl(client);
    }
    vow_leave(loop); /* the client may be gone */
}

static void on_timer(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    call_curl(data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(evutil_socket_t fd, short events, void *data)
{
    struct vow__http_watch *w = data;
    call_curl(w->client, fd,
              (events & EV_READ ? CURL_CSELECT_IN : 0) |
                  (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

/* Called by curl. */

static int set_timer(CURLM *multi, long ms, void *data)
{
    (void)multi;
    vow_http_client *client = data;
    struct timeval limit = {ms / 1000, ms % 1000 * 1000};
    if (ms < 0 || ms > INT32_MAX / 2) /* or the time limit that stands for none (request.c) */
        event_del(client->timer);
    else if (event_add(client->timer, &limit))
        client->broken = true;
    return 0;
}

static void forget(struct vow__http_watch *w)
{
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    if (w->event)
        event_free(w->event);
    vow_free(w);
}

static struct vow__http_watch *new_watch(vow_http_client *client, curl_socket_t fd)
{
    struct vow__http_watch *w = vow_alloc(sizeof *w);
    if (!w)
        return NULL;
    w->client = client;
    w->at = &client->watches;
    w->next = client->watches;
    if (w->next)
        w->next->at = &w->next;
    client->watches = w;
    w->event = event_new(vow_loop_base(client->loop), fd, 0, on_ready, w);
    if (w->event && !curl_multi_assign(client->multi, fd, w))
        return w;
    forget(w);
    return NULL;
}

/* 0 or an errno number. */
static int watch(vow_http_client *client, struct vow__http_watch *w, curl_socket_t fd, int what)
{
    short events = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                           (what & CURL_POLL_OUT ? EV_WRITE : 0));
    if (!w)
        w = new_watch(client, fd);
    if (!w)
        return ENOMEM;
    event_del(w->event);
    errno = 0;
    if (event_assign(w->event, vow_loop_base(client->loop), fd, events, on_ready, w) ||
        event_add(w->event, NULL))
        return errno ? errno : ENOMEM;
    return 0;
}

/* -1 would end every transfer of the multi handle, now and later. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *watched)
{
    vow_http_client *client = data;
    char *private = NULL;
    int failed = 0;
    if (what != CURL_POLL_REMOVE)
        failed = watch(client, watched, fd, what);
    else if (watched)
        forget(watched);
    if (!failed)
        return 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    vow_http_response *r = (vow_http_response *)(void *)private;
    if (r && r->client) {
        r->failed = failed;
        vow__http_news(r);
    } else {
        client->broken = true;
    }
    return 0;
}

/* The client itself. */

/* No more than vow's side of it in a forked child, where the connections are the parent's. */
static void shut(vow_http_client *client, const vow_domain *domain, int code)
{
    fail_all(client, domain, code);
    CURLM *multi = client->multi;
    client->multi = NULL;
    if (multi && !is_forked(client))
        curl_multi_cleanup(multi);
    while (client->watches)
        forget(client->watches);
    if (client->timer)
        event_free(client->timer);
    client->timer = NULL;
}

/* The loop closes, or vow_http_client_free has ended the promise itself. */
static void life_ended(void *data)
{
    vow_http_client *client = data;
    client->life = NULL;
    client->lives = vow_unref(client->lives);
    shut(client, vow_own_domain(), VOW_ECLOSED);
}

static void nothing_to_stop(void *data) { (void)data; }

static bool live(vow_http_client *client)
{
    vow_promise *p = vow_promise_new(client->loop, &client->life);
    bool pending = vow_state(p) == VOW_PENDING;
    vow_mark_handled(p);
    if (!pending) {
        vow_resolver_abandon(client->life);
        client->life = NULL;
        vow_unref(p);
        return false;
    }
    client->lives = p;
    vow_on_stop(client->life, nothing_to_stop, client, life_ended);
    return true;
}

static char *copied(const char *text)
{
    char *copy = vow_alloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* False: no memory. Nothing is multiplexed: where transfers of one connection pause at will,
 * libcurl 7.88 breaks the framing, and later ones let a paused transfer hold up the others. */
static bool set_up(vow_http_client *client, const vow_http_options *o)
{
    struct vow__http_setup *setup = &client->setup;
    CURLM *multi = client->multi;
    if (o->ca_file && !(setup->ca_file = copied(o->ca_file)))
        return false;
    if (o->proxy && !(setup->proxy = copied(o->proxy)))
        return false;
    setup->insecure = o->insecure;
    return !(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
             curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) ||
             curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer) ||
             curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) ||
             curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) ||
             curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)o->connections) ||
             curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)o->per_host));
}

vow_http_client *vow_http_client_new(vow_loop *loop, const vow_http_options *options)
{
    static const vow_http_options defaults = {0};
    pthread_once(&once, begin);
    vow_http_client *client = curl_is_ready ? vow_alloc(sizeof *client) : NULL;
    if (client && !vow_loop_is_closed(loop)) {
        client->loop = loop;
        client->forks = vow__http_forks();
        client->multi = curl_multi_init();
        client->timer = evtimer_new(vow_loop_base(loop), on_timer, client);
        if (client->multi && client->timer && set_up(client, options ? options : &defaults) &&
            live(client))
            return client;
    }
    int code = client && !client->loop ? ESHUTDOWN : ENOMEM;
    vow_http_client_free(client);
    errno = code;
    return NULL;
}

vow_http_client *vow_http_client_free(vow_http_client *client)
{
    if (!client)
        return NULL;
    if (client->gone)
        *client->gone = true;
    shut(client, vow_errno_domain(), ECANCELED);
    if (client->life)
        vow_resolve(client->life, vow_none());
    vow_free(client->setup.ca_file);
    vow_free(client->setup.proxy);
    vow_free(client);
    return NULL;
}
