/* SPDX-License-Identifier: MIT
 *
 * file/watch_scan.h - one look through a tree, on a worker's thread: each folder is watched
 * first and read then, so that what comes into being meanwhile is found or told, or both.
 */
#ifndef VOW_FILE_WATCH_SCAN_H
#define VOW_FILE_WATCH_SCAN_H

#include <stdatomic.h>

#include "file/watch.h"

/* What is in a folder. */
struct vow__found {
    bool is_folder;
    bool over; /* its event has come, or it is gone */
    char text[];
};

/* Found, each after the one above it. */
struct vow__folder {
    struct vow__watched *node;  /* to be, in the node of another one; NULL: it was taken over */
    struct vow__watched *known; /* what it became; valid while all are taken over */
    int id;                     /* -1: it was gone, or cannot be watched */
    bool half;                  /* watched, but not read: as if it had not been found */
    vow_value error;            /* why, to be told; or none */
    bool is_new;                /* it was not watched before: what is in it is told */
    size_t above;
    struct vow__found **names; /* sorted */
    size_t count, room;
};

struct vow__scan {
    atomic_uint refs;     /* the list's that it is in, the worker's, a promise's */
    atomic_bool unwanted; /* stop soon */
    atomic_bool busy;     /* a worker has it, or will: nobody else touches what is the worker's */
    struct vow__scan *next;
    vow_watch *watch;
    vow_promise *job; /* in the pool; NULL: not begun, or done */
    int fd;           /* of the watch; the last reference closes it if `owns_fd` */
    bool owns_fd;
    uint32_t mask;
    char *path;

    /* What is looked through. */
    bool is_add;    /* a vow_watch_add, of `what`; else a folder of `root` */
    bool sweeps;    /* of all of root's: what is not found is not there */
    bool discarded; /* root is not watched any more */
    int what;
    struct vow__watched *root, *above; /* above: where the folder is; NULL: it is root itself */
    vow_resolver *resolver;            /* of vow_watch_add; or NULL */
    const char *where;

    /* The worker's. */
    struct vow__folder *folders;
    size_t count, room;

    /* Found; the folder and name to be told next. */
    size_t at_folder, at_name;
    vow_value error; /* how it ended, to be told; or none */
    bool again;      /* ... for want of something that may be there later */
};

/* NULL: no memory. Copies path. */
struct vow__scan *vow__scan_new(vow_watch *w, const char *path, int what);
void vow__scan_forget_found(struct vow__scan *s);
void vow__scan_unref(void *s);
void vow__scans_forget(struct vow__scan **list);
/* Worker's thread: a vow_work_fn. */
vow_value vow__scan_run(void *s);

/* watch_tree.c: what it has found belongs to its tree, unless that is not wanted any more. */
void vow__tree_take_over(vow_watch *w, struct vow__scan *s);
/* watch_look.c: takes the list. */
void vow__looks_begin(vow_watch *w, struct vow__scan *list);

#endif
