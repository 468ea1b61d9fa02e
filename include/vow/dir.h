/* SPDX-License-Identifier: MIT
 *
 * vow/dir.h - directories: making them, reading them, walking and removing whole trees.
 *
 *     vow_dir *d = vow_dir_open(loop, ".", VOW_DIR_DEEP);
 *     vow_promise *p = vow_dir_next(d);   // a vow_entry, or nothing at the end
 *
 * All goes through the pool for files, removing through that for copies. Errors are those of
 * the system calls, with the path in the message. Paths are copied; NULL is misuse. Loop's
 * thread only.
 */
#ifndef VOW_DIR_H
#define VOW_DIR_H

#include "file.h"

VOW_BEGIN

/* Makes the directory and those above it that are missing; one that is there is fine,
 * anything else: EEXIST, ENOTDIR. `mode` less the umask is its permissions; those above can
 * be written to by their owner, too. Fulfils with nothing. A cancelled one may have made some,
 * or all. */
#define vow_dir_make(loop, path, mode) vow_dir_make_at(loop, path, mode, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_dir_make_at(vow_loop *loop, const char *path, unsigned mode,
                                                   const char *where);

/* Removes what is at `path`, a directory with all that is in it, a link without following it:
 * also if others move and replace things meanwhile, nothing outside the tree is touched. "."
 * and ".." as the last part and "/": EINVAL. Stops at the first error, the rest stays; a
 * directory that others fill meanwhile: ENOTEMPTY. Uses two descriptors and memory for one
 * path, however deep. Cancel is noticed at each name. Fulfils with nothing. */
#define vow_dir_remove(loop, path) vow_dir_remove_at(loop, path, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_dir_remove_at(vow_loop *loop, const char *path,
                                                     const char *where);

/* Reading: entries are given one by one, in the order of the file system, "." and ".." left
 * out, and read a few dozen ahead, on demand. Memory for those and for one path, a descriptor
 * for each level that is open: however many entries there are. */

typedef struct vow_dir vow_dir;
enum {
    VOW_DIR_DEEP = 1,  /* also what is below: a directory, then all that is in it */
    VOW_DIR_FOLLOW = 2 /* links count as what they lead to; else they are links and not entered */
};

/* Gives a reader of the directory at `path` (a link there is followed); it is opened by the
 * first vow_dir_next, on the loop's pool. NULL: no memory. */
VOW_API vow_dir *vow_dir_open(vow_loop *loop, const char *path, unsigned flags);
VOW_API vow_dir *vow_dir_ref(vow_dir *d);
/* The last one ends the walk; what runs in the pool stops soon. NULL ok; returns NULL. To be
 * given back on the thread that had the loop, also when that is freed. */
VOW_API vow_dir *vow_dir_unref(vow_dir *d);

typedef struct vow_entry {
    const char *path;   /* that of vow_dir_open, a slash, and the way from there; any bytes */
    const char *name;   /* the last part of it */
    vow_file_kind kind; /* never VOW_FILE_UNKNOWN unless it vanished while it was looked at */
    unsigned depth;     /* 0: in the directory that was opened */
    uint64_t inode;
} vow_entry;
VOW_API const vow_entry *vow_entry_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_entry_type(void);

/* Fulfils with the next vow_entry, or with nothing (vow_none) at the end and ever after.
 * Rejects where a directory cannot be opened or read; the next call goes on behind it. A
 * directory that leads back to one above it (VOW_DIR_FOLLOW): ELOOP, and not entered. What is
 * changed meanwhile may be given or not; what vanishes is not an error. One at a time: EBUSY.
 * Cancel and drop lose no entry. The promise holds a reference of d. */
#define vow_dir_next(d) vow_dir_next_at(d, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_dir_next_at(vow_dir *d, const char *where);

/* The entry given last is a directory that is not to be entered. Else nothing happens. */
VOW_API void vow_dir_skip(vow_dir *d);

VOW_END
#endif
