/* SPDX-License-Identifier: MIT
 *
 * vow/file.h - files as promises: whole ones, open ones, and what they are like.
 *
 *     vow_promise *p = vow_file_read(loop, "config.txt", 1 << 20);   // a vow_buf
 *
 * What the page cache holds is opened and read at once on the loop's thread (Linux:
 * openat2 RESOLVE_CACHED, preadv2 RWF_NOWAIT), up to 256 KiB in one turn of the loop, because
 * copying more would hold up the loop for longer than a thread takes to wake; everything else
 * goes through a pool of vow's own for files. Loop's thread only.
 *
 * Errors are those of the system calls, with the path in the message. Paths are copied; NULL
 * is misuse. Buffers are taken (NULL: ENOMEM, so that a vow_buf_copy needs no check of its
 * own); others may hold them too, but nobody may change their bytes until the promise has
 * settled. Cancel and drop: what has not begun never happens; what runs in the pool runs out
 * in the background, so that a cancelled write may have been done, in part even, unless it is
 * said below that it is all or nothing.
 */
#ifndef VOW_FILE_H
#define VOW_FILE_H

#include "buf.h"
#include "promise.h"

VOW_BEGIN

/* Whole files. */

/* Fulfils with a vow_buf of the file's bytes: as many as it had when it was opened, or, where
 * the system does not say (/proc), all up to its end. More than `limit` bytes (0: no limit):
 * EFBIG. FIFOs, sockets, devices: EINVAL; directories: EISDIR. */
#define vow_file_read(loop, path, limit) vow_file_read_at(loop, path, limit, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_read_at(vow_loop *loop, const char *path, size_t limit,
                                                    const char *where);

/* Puts a file of these bytes in the place of `path`, whether there was one or not: a temporary
 * file in the same folder is written, flushed to the disk, renamed, and the folder flushed. So
 * there is the old file or the new one, also after a crash, an error or a cancel (which may
 * come too late), never half of one; beside it, after a crash only, the temporary file, .vow-
 * and 16 digits. `mode`: its permissions; 0: those, and as far as allowed the owner and group, of
 * the file that was there (a group that cannot be kept may do no more than others), or 0666
 * less the umask. A link at `path` is replaced, not followed. Takes bytes. Fulfils with nothing. */
#define vow_file_write(loop, path, bytes, mode) vow_file_write_at(loop, path, bytes, mode, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_write_at(vow_loop *loop, const char *path,
                                                     vow_buf *bytes, unsigned mode,
                                                     const char *where);

/* Copies the regular file `from` over `to` as above, permissions too, without flushing: whole
 * or not at all. Shares the blocks where the file system can, else copies inside the kernel,
 * else through memory. progress (may be NULL) is told on the loop's thread, now and then, how
 * many bytes of how many are there (of 0: not known); never after the promise has settled,
 * was cancelled or dropped. Keeps data. Cancel is noticed every 4 MiB. Copies have threads of
 * their own. */
typedef void vow_progress_fn(uint64_t bytes, uint64_t of_bytes, void *data);
#define vow_file_copy(loop, from, to, progress, data) \
    vow_file_copy_at(loop, from, to, progress, data, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_copy_at(vow_loop *loop, const char *from,
                                                    const char *to, vow_progress_fn *progress,
                                                    void *data, const char *where);

/* rename(2): replaces what is at `to`. unlink(2): no directories (vow/dir.h). Both fulfil with
 * nothing. */
#define vow_file_rename(loop, from, to) vow_file_rename_at(loop, from, to, VOW_HERE)
#define vow_file_remove(loop, path) vow_file_remove_at(loop, path, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_rename_at(vow_loop *loop, const char *from,
                                                      const char *to, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_remove_at(vow_loop *loop, const char *path,
                                                      const char *where);

/* Open files: whatever has offsets. Counted, on any thread; no loop owns them. */

typedef struct vow_file vow_file;

/* Fulfils with a vow_file. flags and mode as open(2)'s (O_CLOEXEC, O_NOCTTY and O_NONBLOCK are
 * added). FIFOs and sockets: EINVAL; they are for vow/ready.h and streams. A cancelled O_CREAT
 * or O_TRUNC may have been done. */
#define vow_file_open(loop, path, flags, mode) vow_file_open_at(loop, path, flags, mode, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_open_at(vow_loop *loop, const char *path, int flags,
                                                    unsigned mode, const char *where);
VOW_API vow_file *vow_file_ref(vow_file *f);
/* The last one closes; what runs holds one. NULL ok; returns NULL. */
VOW_API vow_file *vow_file_unref(vow_file *f);
VOW_API int vow_file_fd(const vow_file *f);           /* stays the file's */
VOW_API const char *vow_file_path(const vow_file *f); /* as given to vow_file_open; borrowed */
VOW_API vow_value vow_file_value(vow_file *f);        /* takes */
VOW_API vow_file *vow_file_of(vow_value v);           /* looks; another type panics */
VOW_API const vow_type *vow_file_type(void);

/* They look at f and hold a reference of their own meanwhile.
 *   pread     a vow_buf of the bytes at `offset`: `size` of them, fewer only at the end
 *   pwrite    writes all of `bytes` at `offset`, nothing comes back
 *   append    writes them at the end, wherever that is by then; f opened with O_APPEND, else
 *             EINVAL
 *   truncate  cuts or lengthens with zeroes
 *   sync      fsync(2)
 *   fstat     a vow_file_info
 *   close     takes f, and rejects with what some file systems say of written bytes only when
 *             they are closed (NFS); f is closed once nobody holds it */
#define vow_file_pread(loop, f, offset, size) vow_file_pread_at(loop, f, offset, size, VOW_HERE)
#define vow_file_pwrite(loop, f, offset, bytes) vow_file_pwrite_at(loop, f, offset, bytes, VOW_HERE)
#define vow_file_append(loop, f, bytes) vow_file_append_at(loop, f, bytes, VOW_HERE)
#define vow_file_truncate(loop, f, size) vow_file_truncate_at(loop, f, size, VOW_HERE)
#define vow_file_sync(loop, f) vow_file_sync_at(loop, f, VOW_HERE)
#define vow_file_fstat(loop, f) vow_file_fstat_at(loop, f, VOW_HERE)
#define vow_file_close(loop, f) vow_file_close_at(loop, f, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_pread_at(vow_loop *loop, vow_file *f, uint64_t offset,
                                                     size_t size, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_pwrite_at(vow_loop *loop, vow_file *f, uint64_t offset,
                                                      vow_buf *bytes, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_append_at(vow_loop *loop, vow_file *f, vow_buf *bytes,
                                                      const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_truncate_at(vow_loop *loop, vow_file *f, uint64_t size,
                                                        const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_sync_at(vow_loop *loop, vow_file *f, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_fstat_at(vow_loop *loop, vow_file *f,
                                                     const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_close_at(vow_loop *loop, vow_file *f,
                                                     const char *where);

/* What a file is like. stat follows a link at the end of the path, lstat tells of the link.
 * Fulfil with a vow_file_info. */
typedef enum vow_file_kind {
    VOW_FILE_UNKNOWN,
    VOW_FILE_REGULAR,
    VOW_FILE_DIRECTORY,
    VOW_FILE_LINK,
    VOW_FILE_FIFO,
    VOW_FILE_SOCKET,
    VOW_FILE_DEVICE
} vow_file_kind;
typedef struct vow_file_info {
    vow_file_kind kind;
    uint32_t mode, uid, gid;                          /* mode: the permissions, 07777 */
    uint64_t bytes, disk_bytes;                       /* its length; what it takes up */
    uint64_t links, inode, device;                    /* inode and device: which file it is */
    int64_t modified_ns, changed_ns, accessed_ns;     /* since 1970 */
} vow_file_info;
#define vow_file_stat(loop, path) vow_file_stat_at(loop, path, VOW_HERE)
#define vow_file_lstat(loop, path) vow_file_lstat_at(loop, path, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_file_stat_at(vow_loop *loop, const char *path,
                                                    const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_file_lstat_at(vow_loop *loop, const char *path,
                                                     const char *where);
VOW_API const vow_file_info *vow_file_info_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_file_info_type(void);

VOW_END
#endif
