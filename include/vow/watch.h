/* SPDX-License-Identifier: MIT
 *
 * vow/watch.h - what changes in files and directories (Linux: inotify).
 *
 *     vow_watch *w = vow_watch_new(loop);
 *     vow_promise *added = vow_watch_add(w, ".", VOW_WATCH_ALL);
 *     vow_promise *p = vow_watch_next(w);   // a vow_change
 *
 * One watch is one descriptor and may look after thousands of paths: a user may have many
 * paths, but few watches (128, if nobody changed it). Nobody waiting means no reading: the
 * kernel keeps some 16,000 changes, and says so when it has lost some. Loop's thread only.
 *
 * With VOW_WATCH_TREE what is below a directory is watched, too, also what will be: new ones
 * and those that are moved there are looked through in the pool for files, during which nothing
 * is told, and what is found in them is told as VOW_WATCH_CREATED, once. Links are not followed.
 * Each directory takes one of the paths that a user may have. A directory that is there and
 * cannot be watched (EACCES, ENOSPC: no room for another) is one rejection of vow_watch_next,
 * which goes on behind it. After VOW_WATCH_OVERFLOW vow looks for new directories itself. When
 * the tree itself has moved (VOW_WATCH_MOVED, from is NULL), remove it and add it again.
 */
#ifndef VOW_WATCH_H
#define VOW_WATCH_H

#include "promise.h"

VOW_BEGIN

typedef struct vow_watch vow_watch;

/* What has happened; for vow_watch_add several of them, or'ed. */
enum {
    VOW_WATCH_CREATED = 1,     /* in a directory; also moved there from elsewhere */
    VOW_WATCH_MODIFIED = 2,    /* bytes written, or cut */
    VOW_WATCH_WRITTEN = 4,     /* closed by somebody who had it open for writing */
    VOW_WATCH_DELETED = 8,     /* a name is gone; also moved elsewhere */
    VOW_WATCH_MOVED = 16,      /* from one watched place to another; or the watched path itself */
    VOW_WATCH_ATTRIBUTES = 32, /* permissions, owner, times, number of links */
    VOW_WATCH_ALL = 63,
    VOW_WATCH_ENDED = 64,     /* always told: nothing more comes of this id, its path is gone */
    VOW_WATCH_OVERFLOW = 128, /* always told: changes were lost, look at everything again */
    VOW_WATCH_TREE = 256      /* only for vow_watch_add: with all that is below it, now and later */
};
typedef struct vow_change {
    int what;         /* one of them */
    int id;           /* of vow_watch_add; -1: an overflow */
    const char *path; /* that of vow_watch_add, and in a directory a slash and the way there */
    const char *name; /* the last part, in a watched directory; "": the watched path itself */
    const char *from; /* moved: the path before, NULL: the watched path itself has moved */
    bool is_directory;
    uint32_t cookie; /* not 0: half of a move, or a whole one; equal for both halves */
} vow_change;
VOW_API const vow_change *vow_change_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_change_type(void);

/* Gives a watch of nothing yet; NULL and errno: ENOMEM, EMFILE (descriptors, or watches of
 * this user), ENOSYS (no inotify), ESHUTDOWN. */
VOW_API vow_watch *vow_watch_new(vow_loop *loop);
VOW_API vow_watch *vow_watch_ref(vow_watch *w);
/* The last one ends it; a vow_watch_next in flight holds one. NULL ok; returns NULL. To be
 * given back on the thread that had the loop, also when that is freed. */
VOW_API vow_watch *vow_watch_unref(vow_watch *w);

/* Watches `path` (a link is followed) for `what`; fulfils with its id (vow_int), changes from
 * then on are told. The same file or directory again: the same id, and only this `what`; in a
 * tree that w watches: EEXIST. (A tree leaves out what w watches already, and what is below
 * that.) It is found in the pool for files unless that does not wait. Nothing to watch for:
 * EINVAL; no room for another: ENOSPC, and nothing of a tree is watched; else as stat(2).
 * Cancel: it may be watched all the same, a tree is not. In a forked child: VOW_EFORK. */
#define vow_watch_add(w, path, what) vow_watch_add_at(w, path, what, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_watch_add_at(vow_watch *w, const char *path, int what,
                                                    const char *where);
/* No more of this id, not even what is known already. 0, or EINVAL: no such id. */
VOW_API int vow_watch_remove(vow_watch *w, int id);

/* Fulfils with the next vow_change. The two halves of a move within what w watches are one
 * change, if both are there; rarely they come apart, as a VOW_WATCH_DELETED and a
 * VOW_WATCH_CREATED with the same cookie. Equal changes in a row may be told once. One at a
 * time: EBUSY. Cancel and drop lose no change. In a forked child: VOW_EFORK. */
#define vow_watch_next(w) vow_watch_next_at(w, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_watch_next_at(vow_watch *w, const char *where);

VOW_END
#endif
