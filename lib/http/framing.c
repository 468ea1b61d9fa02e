/* SPDX-License-Identifier: MIT
 *
 * http/framing.c - what is asked for, and where a request ends. evhttp reads over what it does
 * not understand, and takes what follows for the next request; a proxy before it may see
 * another end, and so other requests (RFC 9112, 6.3 and 11.2). Of such connections no more is
 * believed.
 */
#include <string.h>
#include <strings.h>

#include "http/server.h"
#include "http/token.h"

#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

static bool can_be_chunked(const struct evhttp_request *req, const char *encoding)
{
    return !strcasecmp(encoding, "chunked") && (req->major > 1 || req->minor > 0);
}

/* RFC 9112, 3.2: "/path?query", a whole URL, or "*". */
static bool has_target(const struct evhttp_request *req)
{
    const char *target = evhttp_request_get_uri(req);
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 127 || *c == '#')
            return false;
    if (*target == '/')
        return true;
    if (req->type == EVHTTP_REQ_OPTIONS && strcmp(target, "*") == 0)
        return true;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *host = evhttp_uri_get_host(uri);
    return evhttp_uri_get_scheme(uri) && host && *host;
}

static bool has_end(struct evhttp_request *req)
{
    const char *size = NULL, *encoding = NULL;
    const struct evkeyval *line = evhttp_request_get_input_headers(req)->tqh_first;
    for (; line; line = line->next.tqe_next) {
        const char **known = !strcasecmp(line->key, "content-length")      ? &size
                             : !strcasecmp(line->key, "transfer-encoding") ? &encoding
                                                                           : NULL;
        if (!vow__http_is_token(line->key) || (known && *known && strcmp(*known, line->value)))
            return false;
        if (known)
            *known = line->value;
    }
    if (req->type == EVHTTP_REQ_HEAD) /* evhttp reads no body of it, whatever is said of one */
        return !encoding && (!size || !size[strspn(size, "0")]);
    if (encoding)
        return !size && can_be_chunked(req, encoding);
    return !size || !size[strspn(size, "0123456789")];
}

bool vow__http_is_clear(struct evhttp_request *req) { return has_target(req) && has_end(req); }
