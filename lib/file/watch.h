/* SPDX-License-Identifier: MIT
 *
 * file/watch.h - what a watch is: what it watches is in watch_paths.c and watch_add.c, what
 * has changed in watch_read.c, which folders a tree has in watch_tree.c,
 * the looks for them in watch_look.c and watch_scan.c, who waits in watch.c.
 */
#ifndef VOW_FILE_WATCH_H
#define VOW_FILE_WATCH_H

#include "adapt/record.h"
#include "loop/watch.h"
#include "vow/watch.h"

enum { VOW__WATCH_BYTES = 8192 }; /* the longest event takes 272 */

/* What inotify watches: the path of a vow_watch_add, or a folder below that. */
struct vow__watched {
    int id;                     /* inotify's */
    int what;                   /* a root's: as it was added */
    bool gone;                  /* about to be forgotten */
    unsigned mark;              /* of the last scan that found it */
    struct vow__watched *root;  /* what was added, whose id the program knows; or itself */
    struct vow__watched *above; /* the folder that it is in; NULL: this is a root */
    size_t folders;             /* watched ones that are in it */
    struct vow__folder *told;   /* what was told of it, one of w->told's; or NULL */
    char *name;                 /* a root's: its path as given */
};

struct vow_watch {
    struct vow__member member;
    size_t count; /* references; one is the waiter's, and one that of each vow_watch_add */
    int fd;       /* -1: this is a forked child, the parent's it is */
    struct vow__watch watch;
    vow_resolver *waiter;         /* of vow_watch_next, or NULL */
    struct vow__record_home home; /* of the change given last */
    struct vow__record *back;     /* it has come back, and is the next one; or NULL */
    struct vow__watched **paths;  /* sorted by id */
    size_t paths_count, paths_room;
    struct vow__scan *scans;  /* the first is under way: until they are done nothing is told */
    struct vow__scan *listed; /* what they found is to be told, before all else */
    struct vow__scan *told;   /* ... was told: events of before it was found say it again */
    unsigned marks;           /* made so far */
    size_t at, size;          /* [at, size) of `bytes` was read and not told */
    _Alignas(8) char bytes[VOW__WATCH_BYTES];
};

static inline bool vow__is_tree(const struct vow__watched *node)
{
    return node->root->what & VOW_WATCH_TREE;
}

/* What is said of something, before it is a change. */
struct vow__news {
    int what;
    const struct vow__watched *folder, *from_folder; /* folder NULL: an overflow */
    const char *name, *from;                         /* from NULL: no whole move */
    bool is_directory;
    uint32_t cookie;
};

/* watch.c: the waiting one, if there is one, gets what is to be told, or waits for more. */
void vow__watch_settle(vow_watch *w);

/* watch_paths.c */
struct vow__watched *vow__watched_new(const char *name, size_t length); /* NULL: no memory */
void vow__watched_free(struct vow__watched *node);                      /* NULL ok */
struct vow__watched *vow__watched_find(const vow_watch *w, int id);     /* NULL: none */
bool vow__watched_reserve(vow_watch *w, size_t more);                   /* false: no memory */
void vow__watched_insert(vow_watch *w, struct vow__watched *node);      /* reserved */
void vow__watched_move(struct vow__watched *node, struct vow__watched *above);
struct vow__watched *vow__watched_below(const vow_watch *w, const struct vow__watched *above,
                                        const char *name); /* the folder of this name; NULL */
bool vow__watched_is_in(const struct vow__watched *node, const struct vow__watched *top);
/* And what is below it; `only_below`: but not itself. */
void vow__watched_forget(vow_watch *w, struct vow__watched *top, bool only_below);
void vow__watched_forget_unmarked(vow_watch *w, const struct vow__watched *root, unsigned mark);
void vow__watched_forget_all(vow_watch *w);
/* The path of what is called `name` in node ("": its own): its size with the NUL, and itself,
 * with what follows it. */
size_t vow__watched_size(const struct vow__watched *node, const char *name);
char *vow__watched_write(const struct vow__watched *node, const char *name, char *text);
vow_value vow__watched_failed(const char *path, int code, const char *where);

/* watch_add.c: inotify itself. */
uint32_t vow__watch_mask(int what); /* 0: there is nothing to watch for */
void vow__unwatch(vow_watch *w, int id);

/* watch_read.c. True: *ret is the next change, or an error; false: nothing yet. */
bool vow__watch_take(vow_watch *w, vow_value *ret);
/* NULL: no memory. It is as good as delivered. */
struct vow__record *vow__change_new(vow_watch *w, const struct vow__news *news);
vow_value vow__change_value(struct vow__record *change);
int vow__change_id(const struct vow__record *change);

/* watch_tree.c: what an event does to the trees, in two steps, of which only the first may fail.
 * `to`: the other half of a move, or NULL. */
struct inotify_event;
struct vow__growth {
    struct vow__scan *scans; /* to come */
    char *name;              /* new, of a folder that has moved */
};
bool vow__tree_prepare(vow_watch *w, const struct inotify_event *e, const struct inotify_event *to,
                       struct vow__growth *ret); /* false: no memory */
void vow__tree_change(vow_watch *w, const struct inotify_event *e, const struct inotify_event *to,
                      struct vow__growth *growth);
void vow__tree_unprepare(struct vow__growth *growth);

/* watch_look.c */
vow_promise *vow__looks_add(vow_watch *w, const char *path, int what, const char *where);
bool vow__looks_take(vow_watch *w, vow_value *ret); /* false: there is nothing that was found */
/* Was this told when its folder was found? Says so once. */
bool vow__looks_told(vow_watch *w, const struct inotify_event *e);
void vow__looks_forget_told(vow_watch *w); /* what happened before they ended was read */
void vow__looks_forget_root(vow_watch *w, const struct vow__watched *root);
void vow__looks_close(vow_watch *w); /* the loop does */
void vow__looks_end(vow_watch *w);   /* the watch does; the last of them closes its descriptor */

#endif
