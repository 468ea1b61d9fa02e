/* SPDX-License-Identifier: MIT
 *
 * http/framing.c - where a request ends. evhttp reads over what it does not understand, and
 * takes what follows for the next request; a proxy before it may see another end, and so
 * other requests (RFC 9112, 6.3 and 11.2). Of such connections no more is believed.
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

bool vow__http_has_clear_end(struct evhttp_request *req)
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
