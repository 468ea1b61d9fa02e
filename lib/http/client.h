/* SPDX-License-Identifier: MIT
 *
 * http/client.h - the client inside: a client turns one curl multi handle on its loop; a request
 * is an easy handle being set up; a response is that handle under way and afterwards.
 *
 * No code of the user's runs inside a call into curl, and nothing settles there: curl's
 * callbacks only note what happened (vow__http_news), and what follows from it is done when
 * curl has returned (client.c). So a handle may be removed wherever the user asks for it.
 */
#ifndef VOW_HTTP_CLIENT_H
#define VOW_HTTP_CLIENT_H

#include <curl/curl.h>
#include <errno.h>

#include "http/fork.h"
#include "vow/error.h"
#include "vow/http.h"
#include "vow/loop.h"
#include "vow/resolver.h"
#include "vow/stream.h"

struct vow__http_watch;

/* What a client asks of each of its requests. */
struct vow__http_setup {
    char *ca_file, *proxy; /* copies, or NULL */
    bool insecure;
};

struct vow_http_client {
    vow_loop *loop;
    CURLM *multi;        /* NULL: the client or its loop was closed */
    struct event *timer; /* when curl wants to be called without an event */
    struct vow__http_watch *watches;
    vow_http_response *active; /* in the multi handle */
    vow_http_response *news;   /* those of `active` that have something to be done */
    vow_resolver *life;        /* of a promise that is pending as long as the loop is open ... */
    vow_promise *lives;        /* ... whose end is how the client hears of it */
    struct vow__http_setup setup;
    bool *gone;     /* set by vow_http_client_free while `after_curl` runs */
    unsigned forks; /* when it was made */
    bool broken;    /* a callback of curl's was refused memory that no transfer owns */
};

struct vow_http_request {
    CURL *easy;
    struct curl_slist *headers;
    vow_buf *body;      /* what curl sends; of a stream the part that was read last */
    size_t sent;        /* of body */
    vow_stream *source; /* the body comes from it; NULL: `body` is all */
    int64_t source_left; /* bytes that are still to come from it; -1: not known */
    bool source_ended;
    vow_http_progress_fn *progress;
    void *progress_data;
    uint64_t progress_now[4]; /* received, of; sent, of */
    size_t limit;             /* SIZE_MAX: none */
    long version;             /* as vow_http_request_set was told */
    int failed;               /* an errno number for the promise that sends it */
    bool has_type, strict, follows, is_post, is_head;
    char text[CURL_ERROR_SIZE];
};

enum {
    VOW__HTTP_HELD = 64 * 1024, /* bytes that wait for a reader */
    VOW__HTTP_HEAD = 256 * 1024, /* most bytes of headers ... */
    VOW__HTTP_LINES = 1000       /* ... and lines: libcurl's work grows with their square */
};

struct vow_http_response {
    size_t refs; /* the program's, one of the promise of the head, one of the stream */
    vow_loop *loop;
    vow_http_client *client;                 /* while under way, else NULL */
    vow_http_response *next, **at;           /* in client->active */
    vow_http_response *news_next, **news_at; /* in client->news; at NULL: not in it */
    vow_http_request *request;
    vow_resolver *head;  /* until the head, or all of a whole one, is here */
    vow_stream *stream;  /* reads the body; holds us; NULL: none was asked for, or closed */
    vow_promise *upload; /* of the next bytes from request->source */
    vow_buf *held;       /* the body, or the part of it that waits: */
    size_t from, to;     /* these bytes of it */
    uint64_t total;      /* bytes of body seen */
    size_t head_bytes, head_lines; /* of the headers that are coming */
    vow_error *error;    /* why it ended; NULL: well */
    int failed;          /* noted inside curl: an errno number */
    bool whole;          /* fetched: the body is kept */
    bool head_known;     /* the last headers are complete */
    bool streamed;       /* the stream was made */
    bool paused;         /* curl was told to wait for room */
    bool starved;        /* ... for bytes to send */
    bool told;           /* progress has news */
    const char *where;
};

/* client.c */
int vow__http_attach(vow_http_client *client, vow_http_response *r); /* 0 or an errno number */
void vow__http_detach(vow_http_response *r);                         /* also one that is not */
void vow__http_news(vow_http_response *r);
bool vow__http_was_broken(vow_http_client *client); /* since it was last asked */

/* request.c */
void vow__http_request_ready(vow_http_request *q, const struct vow__http_setup *setup, bool whole);

/* transfer.c */
void vow__http_prepare(vow_http_response *r);               /* sets curl's callbacks */
void vow__http_attend(vow_http_response *r);                /* does what the news ask for */
void vow__http_finish(vow_http_response *r, CURLcode code); /* curl has done with it */
void vow__http_fail(vow_http_response *r, vow_error *e);    /* ends it; takes e */
int vow__http_go_on(vow_http_response *r);                  /* after a pause: 0, or it has ended */

/* upload.c */
size_t vow__http_on_upload(char *bytes, size_t one, size_t room, void *data);
int vow__http_on_rewind(void *data, curl_off_t to, int from);
void vow__http_feed(vow_http_response *r);

static inline bool vow__http_is_head_large(const vow_http_response *r)
{
    return r->head_bytes > VOW__HTTP_HEAD || r->head_lines > VOW__HTTP_LINES;
}

/* error.c */
vow_error *vow__http_error(const vow_http_response *r, CURLcode code);

#endif
