/* SPDX-License-Identifier: MIT
 *
 * http/token.c - the names of methods and headers: where anything else was let through, it
 * could end a line, or be read differently by whoever is next.
 */
#include <string.h>
#include <strings.h>

#include "http/token.h"

static bool is_token_character(char c)
{
    bool letter = (c | 32) >= 'a' && (c | 32) <= 'z', digit = c >= '0' && c <= '9';
    return letter || digit || (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool vow__http_is_token(const char *text)
{
    const char *end = text;
    while (is_token_character(*end))
        end++;
    return end > text && !*end;
}

bool vow__http_is_framing(const char *name)
{
    return !strcasecmp(name, "content-length") || !strcasecmp(name, "transfer-encoding");
}
