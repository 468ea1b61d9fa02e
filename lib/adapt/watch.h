/* SPDX-License-Identifier: MIT
 *
 * adapt/watch.h - what a watch is: what it watches is in watch_paths.c, what has changed in
 * watch_read.c, who waits for it in watch.c.
 */
#ifndef VOW_ADAPT_WATCH_H
#define VOW_ADAPT_WATCH_H

#include "adapt/record.h"
#include "loop/watch.h"
#include "vow/watch.h"

enum { VOW__WATCH_BYTES = 8192 }; /* the longest event takes 272 */

struct vow__watched {
    int id;
    char *path;
};

struct vow_watch {
    struct vow__member member;
    size_t count; /* references; one is the waiter's */
    int fd;       /* -1: this is a forked child, the parent's it is */
    struct vow__watch watch;
    vow_resolver *waiter;         /* of vow_watch_next, or NULL */
    struct vow__record_home home; /* of the change given last */
    struct vow__record *back;     /* it has come back, and is the next one; or NULL */
    struct vow__watched *paths;   /* sorted by id */
    size_t paths_count, paths_room;
    size_t at, size; /* [at, size) of `bytes` was read and not told */
    _Alignas(8) char bytes[VOW__WATCH_BYTES];
};

/* watch_paths.c */
const char *vow__watched_path(const vow_watch *w, int id); /* NULL: none */
void vow__watched_forget(vow_watch *w, int id);
void vow__watched_forget_all(vow_watch *w);

/* watch_read.c. True: *ret is the next change, or an error; false: nothing yet. */
bool vow__watch_take(vow_watch *w, vow_value *ret);

#endif
