/* SPDX-License-Identifier: MIT
 *
 * http/error.c - the domain of HTTP's errors: libcurl's codes, and statuses.
 */
#include <stdio.h>

#include "http/client.h"

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *text_of(int code)
{
    if (code < 100)
        return curl_easy_strerror((CURLcode)code);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == code)
            return statuses[i].text;
    return code < 500 ? "the server refused the request" : "the server failed";
}

static const vow_domain domain = {"http", text_of};

const vow_domain *vow_http_domain(void) { return &domain; }

/* curl's own message says more than its text for the code; what it says is in r->request. */
vow_error *vow__http_error(const vow_http_response *r, CURLcode code)
{
    if (r->failed == EMSGSIZE && vow__http_is_head_large(r))
        return vow_error_new_at(r->where, vow_errno_domain(), EMSGSIZE,
                                "headers of more than %d bytes or %d lines", VOW__HTTP_HEAD,
                                VOW__HTTP_LINES);
    if (r->failed == EMSGSIZE)
        return vow_error_new_at(r->where, vow_errno_domain(), EMSGSIZE,
                                "a body of more than %zu bytes", r->request->limit);
    if (r->failed || code == CURLE_OUT_OF_MEMORY)
        return vow_error_new_at(r->where, vow_errno_domain(), r->failed ? r->failed : ENOMEM,
                                "http");
    const char *text = r->request->text;
    return vow_error_new_at(r->where, &domain, (int)code, "%s",
                            *text ? text : curl_easy_strerror(code));
}
