/* SPDX-License-Identifier: MIT
 *
 * url.c - http://HOST[:PORT][/PATH], strictly: what is sent to a server must not contain
 * anything that could end a line of the request.
 */
#include "url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool url_is(const char *text)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return scheme > 0 && strncmp(text + scheme, "://", 3) == 0;
}

static bool printable(const char *text)
{
    while (isgraph((unsigned char)*text))
        text++;
    return *text == '\0';
}

/* Cuts "host:port" or "[address]:port" in place. */
static const char *split_authority(char *text, struct url *u)
{
    char *colon = strrchr(text, ':');
    if (*text == '[') {
        char *bracket = strchr(text, ']');
        if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':'))
            return "its address has no ]";
        *bracket = '\0';
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
    }
    if (colon != NULL) {
        *colon = '\0';
        u->port = colon + 1;
    }
    u->host = *text == '[' ? text + 1 : text;
    if (*u->host == '\0')
        return "it names no host";
    size_t digits = strspn(u->port, "0123456789");
    if (digits == 0 || u->port[digits] != '\0' || digits > 5 || atoi(u->port) > 65535)
        return "its port is no number up to 65535";
    return strpbrk(u->host, "@/?#[]") ? "its host has odd characters" : NULL;
}

const char *url_parse(const char *text, struct url *u)
{
    *u = (struct url){.port = "80"};
    if (strncmp(text, "http://", 7) != 0)
        return "only http:// is spoken here";
    if (!printable(text))
        return "it has blanks or odd characters";
    text += 7;
    /* the authority, NUL, then the path from its slash, without the part for the browser */
    size_t authority = strcspn(text, "/?#"), rest = strcspn(text + authority, "#");
    char *block = calloc(1, authority + rest + 3);
    if (block == NULL)
        return "there is no memory for it";
    memcpy(block, text, authority);
    char *path = block + authority + 1;
    if (text[authority] != '/')
        *path++ = '/';
    memcpy(path, text + authority, rest);
    u->block = block;
    u->path = block + authority + 1;
    const char *wrong = split_authority(block, u);
    if (wrong != NULL)
        url_done(u);
    return wrong;
}

void url_done(struct url *u)
{
    free(u->block);
    u->block = NULL;
}
