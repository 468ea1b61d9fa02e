/* SPDX-License-Identifier: MIT
 *
 * http/token.h - the names of methods and headers.
 */
#ifndef VOW_HTTP_TOKEN_H
#define VOW_HTTP_TOKEN_H

#include <stdbool.h>

bool vow__http_is_token(const char *text); /* RFC 9110, 5.6.2; an empty one is none */

/* A header that says where a body ends. They are not for the program to give: a second one, or
 * one of another body, would make the rest of it the next message. */
bool vow__http_is_framing(const char *name);

#endif
