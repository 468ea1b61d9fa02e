/* SPDX-License-Identifier: MIT
 *
 * url.h - the URLs that the tour understands.
 */
#ifndef TOUR_URL_H
#define TOUR_URL_H

#include <stdbool.h>

struct url {
    const char *host, *port, *path; /* path begins with '/' */
    char *block;                    /* what they point into */
};

bool url_is(const char *text);                          /* SCHEME://...: not a file's name    */
const char *url_parse(const char *text, struct url *u); /* NULL, or what is wrong with it */
void url_done(struct url *u);

#endif
