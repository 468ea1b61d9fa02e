/* SPDX-License-Identifier: MIT
 *
 * http/response.c - sending a request, and what its response says. The headers are kept by
 * the easy handle, which also knows them in any case.
 */
#include "http/client.h"

#include "vow/type.h"

VOW_TYPE_DEFINE(vow_http_response, vow_http_response, vow_http_response_ref,
                vow_http_response_unref)

vow_http_response *vow_http_response_ref(vow_http_response *r)
{
    if (r)
        r->refs++;
    return r;
}

vow_http_response *vow_http_response_unref(vow_http_response *r)
{
    if (!r || --r->refs > 0)
        return NULL;
    vow__http_detach(r);
    vow_http_request_free(r->request);
    vow_buf_unref(r->held);
    vow_error_unref(r->error);
    vow_free(r);
    return NULL;
}

/* Sending. */

/* Nobody wants the response any more: it goes with the promise. */
static void stop_head(void *data) { (void)data; }

/* Also when the loop closes, with the head still to come. */
static void head_ended(void *data)
{
    vow_http_response *r = data;
    r->head = NULL;
    vow_http_response_unref(r);
}

static vow_promise *rejected(vow_loop *loop, const vow_domain *domain, int code, const char *where)
{
    return vow_rejected_at(loop, vow_error_new_at(where, domain, code, "http"), where);
}

static vow_promise *start(vow_http_client *client, vow_http_response *r)
{
    vow_resolver *head;
    vow_promise *p = vow_promise_new_at(client->loop, &head, r->where);
    bool pending = vow_state(p) == VOW_PENDING;
    vow_on_stop(head, stop_head, r, head_ended);
    if (!pending)
        return p; /* r is gone */
    r->head = head;
    vow__http_prepare(r);
    int failed = vow__http_attach(client, r);
    if (failed) {
        r->head = NULL;
        vow_reject(head, vow_error_new_at(r->where, vow_errno_domain(), failed, "http"));
    }
    return p;
}

/* Takes q. */
static vow_promise *send_request(vow_http_client *client, vow_http_request *q, bool whole,
                                 const char *where)
{
    vow_http_response *r = NULL;
    int failed = 0, closed = 0;
    if (client->forks != vow__http_forks())
        closed = VOW_EFORK;
    else if (!client->multi)
        closed = VOW_ECLOSED;
    if (q)
        vow__http_request_ready(q, &client->setup, whole);
    failed = q ? q->failed : ENOMEM;
    if (!failed && !closed)
        r = vow_alloc(sizeof *r);
    if (!r) {
        vow_http_request_free(q);
        return closed ? rejected(client->loop, vow_own_domain(), closed, where)
                      : rejected(client->loop, vow_errno_domain(), failed ? failed : ENOMEM, where);
    }
    r->refs = 1;
    r->loop = client->loop;
    r->request = q;
    r->whole = whole;
    r->where = where;
    return start(client, r);
}

vow_promise *vow_http_fetch_at(vow_http_client *client, vow_http_request *q, const char *where)
{
    return send_request(client, q, true, where);
}

vow_promise *vow_http_open_at(vow_http_client *client, vow_http_request *q, const char *where)
{
    return send_request(client, q, false, where);
}

vow_promise *vow_http_get_at(vow_http_client *client, const char *url, size_t limit,
                             const char *where)
{
    vow_http_request *q = vow_http_request_new("GET", url);
    vow_http_request_set(q, VOW_HTTP_LIMIT, (long)limit);
    return send_request(client, q, true, where);
}

/* Parts. */

int vow_http_status(const vow_http_response *r)
{
    long status = 0;
    if (r->request->easy)
        curl_easy_getinfo(r->request->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

int vow_http_version(const vow_http_response *r)
{
    long version = 0;
    if (r->request->easy)
        curl_easy_getinfo(r->request->easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_1_0   ? 10
           : version == CURL_HTTP_VERSION_1_1 ? 11
           : version == CURL_HTTP_VERSION_2_0 ? 20
           : version == CURL_HTTP_VERSION_3   ? 30
                                              : 0;
}

const char *vow_http_url(const vow_http_response *r)
{
    char *url = NULL;
    if (r->request->easy)
        curl_easy_getinfo(r->request->easy, CURLINFO_EFFECTIVE_URL, &url);
    return url ? url : "";
}

vow_buf *vow_http_body(vow_http_response *r) { return r->whole ? r->held : NULL; }

const char *vow_http_header_n(const vow_http_response *r, const char *name, size_t n)
{
    struct curl_header *found;
    if (!r->request->easy ||
        curl_easy_header(r->request->easy, name, n, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return NULL;
    return found->value;
}

const char *vow_http_header(const vow_http_response *r, const char *name)
{
    return vow_http_header_n(r, name, 0);
}

bool vow_http_header_at(const vow_http_response *r, size_t index, const char **ret_name,
                        const char **ret_value)
{
    struct curl_header *found = NULL;
    if (!r->request->easy)
        return false;
    do
        found = curl_easy_nextheader(r->request->easy, CURLH_HEADER, -1, found);
    while (found && index-- > 0);
    if (!found)
        return false;
    *ret_name = found->name;
    *ret_value = found->value;
    return true;
}
