/* SPDX-License-Identifier: MIT
 *
 * file/dir_walk.h - a walk through a tree on worker threads, a few dozen entries at a time.
 * One thread has it at a time: the worker while `busy`, else the loop's.
 */
#ifndef VOW_FILE_DIR_WALK_H
#define VOW_FILE_DIR_WALK_H

#include <dirent.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "adapt/record.h"
#include "value/error.h"
#include "vow/dir.h"

enum { VOW__READ_AHEAD = 64 };

/* A directory that is open; entries of depth i come from level i. */
struct vow__level {
    DIR *dir;
    struct dirent *entry; /* read, and not in `ahead` yet: there was no memory; or NULL */
    size_t length;        /* of its path */
    dev_t device;
    ino_t inode;
};

/* Read ahead: an entry or an error. */
struct vow__ahead {
    vow_value value;
    int64_t depth;
};

struct vow__walk {
    atomic_uint refs;
    atomic_bool busy, unwanted;
    unsigned flags;
    const char *where; /* of the vow_dir_next that it works for */
    bool begun, ended;
    struct vow__level *levels;
    size_t depth, levels_room; /* how many are open */
    char *path;                /* of the last level, and room for a name behind it */
    size_t path_room;
    size_t first, count; /* of those read ahead: [first, count) */
    struct vow__ahead ahead[VOW__READ_AHEAD];
};

struct vow__walk *vow__walk_new(const char *path, unsigned flags); /* NULL: no memory */
struct vow__walk *vow__walk_ref(struct vow__walk *w);
void vow__walk_unref(struct vow__walk *w);
/* Worker's thread: fills `ahead`, which is empty. */
void vow__walk_read(struct vow__walk *w);
/* Loop's thread: the next one read ahead; false: none. */
bool vow__walk_take(struct vow__walk *w, struct vow__ahead *ret);
/* Goes on at the level before this one. */
void vow__walk_leave(struct vow__walk *w, size_t level);

vow_value vow__entry_value(struct vow__record *record); /* takes */

#endif
