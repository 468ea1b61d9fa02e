/* SPDX-License-Identifier: MIT
 *
 * file/file.c - whole files. What the page cache holds is opened and read on the loop's
 * thread, in four system calls that cannot wait; what it does not hold, what it would take
 * long to copy, and everything on file systems that cannot promise not to wait goes on
 * where it stopped, in the pool for files.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "adapt/pool.h"
#include "base/fd.h"
#include "base/mem.h"
#include "file/file.h"

enum { READ_FLAGS = O_RDONLY | VOW__OPEN_FLAGS };
enum { FIRST_CHUNK = 4096 }; /* of a file that does not know its size, as in /proc */

/* One file being read, on either thread. */
struct reading {
    int fd;       /* -1: not open */
    vow_buf *buf; /* NULL: not known how large */
    size_t got;   /* bytes in buf; the descriptor's position too */
    size_t limit; /* SIZE_MAX: none */
    bool sized;   /* the file said how large it is: buf need not grow */
    bool at_once; /* on the loop's thread: reading must not wait */
    const char *path;
    const char *where;
};

static vow_value failure(const struct reading *r, const char *call, int code)
{
    return vow_fail_at(r->where, vow_errno_domain(), code, "%s %s", call, r->path);
}

static vow_value no_regular_file(const struct reading *r)
{
    return vow_fail_at(r->where, vow_errno_domain(), EINVAL, "read %s: no regular file", r->path);
}

/* ENXIO is how sockets and devices without a driver refuse. */
static vow_value cannot_be_opened(const struct reading *r, int code)
{
    return code == ENXIO ? no_regular_file(r) : failure(r, "open", code);
}

static void end(struct reading *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    r->buf = vow_buf_unref(r->buf);
}

/* Looks at the open file and makes the buffer. True: *ret says what is wrong. */
static bool measure(struct reading *r, vow_value *ret)
{
    struct stat s;
    int code = 0;
    if (fstat(r->fd, &s))
        code = errno;
    else if ((code = vow__not_regular(&s)) == 0 && (uint64_t)s.st_size > r->limit)
        code = EFBIG;
    if (!code) {
        r->sized = s.st_size > 0;
        r->buf = vow_buf_new(r->sized ? (size_t)s.st_size : FIRST_CHUNK);
        code = r->buf ? 0 : ENOMEM;
    }
    if (code)
        *ret = code == EINVAL ? no_regular_file(r) : failure(r, "read", code);
    return code != 0;
}

/* A full buffer of an unsized file: twice as large. 0 or an errno number. */
static int grow(struct reading *r)
{
    if (r->got > r->limit)
        return EFBIG;
    vow_buf *twice = vow_buf_new(2 * r->got);
    if (!twice)
        return ENOMEM;
    memcpy(vow_buf_bytes(twice), vow_buf_bytes(r->buf), r->got);
    vow_buf_unref(r->buf);
    r->buf = twice;
    return 0;
}

static vow_value deliver(struct reading *r)
{
    if (r->got > r->limit)
        return failure(r, "read", EFBIG);
    vow_buf *b = r->buf;
    r->buf = NULL;
    vow_buf_shrink(b, r->got);
    return vow_buf_value(b);
}

static ssize_t read_some(const struct reading *r, void *bytes, size_t size)
{
#ifdef VOW__CACHED_IO
    struct iovec part = {bytes, size};
    if (r->at_once)
        return preadv2(r->fd, &part, 1, -1, RWF_NOWAIT); /* -1: where the descriptor stands */
#endif
    return read(r->fd, bytes, size);
}

/* Reads on to the end. True: *ret is the outcome. False: it would have to wait. */
static bool read_on(struct reading *r, vow_value *ret)
{
    for (;;) {
        size_t room = vow_buf_size(r->buf) - r->got;
        int code = room == 0 && !r->sized ? grow(r) : 0;
        if (code) {
            *ret = failure(r, "read", code);
            return true;
        }
        room = vow_buf_size(r->buf) - r->got;
        ssize_t n = room ? read_some(r, vow_buf_bytes(r->buf) + r->got, room) : 0;
        if (n == 0) {
            *ret = deliver(r);
            return true;
        }
        if (n > 0) {
            r->got += (size_t)n;
        } else if (errno != EINTR) {
            if (r->at_once && (errno == EAGAIN || errno == EOPNOTSUPP))
                return false;
            *ret = failure(r, "read", errno);
            return true;
        }
    }
}

/* The pool's side. */

struct job {
    struct reading reading;
    char path[];
};

static vow_value work(void *data)
{
    struct reading *r = &((struct job *)data)->reading;
    vow_value outcome;
    if (r->fd < 0)
        r->fd = vow__fd_open(AT_FDCWD, r->path, READ_FLAGS, 0);
    if (r->fd < 0)
        return cannot_be_opened(r, errno);
    if (r->buf || !measure(r, &outcome))
        read_on(r, &outcome);
    end(r);
    return outcome;
}

static void end_job(void *data)
{
    struct job *job = data;
    end(&job->reading);
    vow__free(job);
}

/* Takes what r holds. */
static vow_promise *read_in_pool(vow_loop *loop, struct reading *r)
{
    size_t size = strlen(r->path) + 1;
    struct job *job = vow__alloc(sizeof *job + size);
    if (!job) {
        end(r);
        return vow__op_no_memory(loop);
    }
    job->reading = *r;
    job->reading.at_once = false;
    job->reading.path = memcpy(job->path, r->path, size);
    return vow_work_at(loop, vow__pool_files(), work, job, end_job, r->where);
}

/* The loop's side: true when *ret is the outcome, false when it takes the pool. */

static bool read_at_once(vow_loop *loop, struct reading *r, vow_value *ret)
{
    int fd = vow__open_cached(r->path, READ_FLAGS);
    if (fd == -EAGAIN)
        return false;
    if (fd < 0) {
        *ret = cannot_be_opened(r, -fd);
        return true;
    }
    r->fd = fd;
    r->at_once = true;
    if (measure(r, ret))
        return true;
    return vow__may_move(loop, vow_buf_size(r->buf)) && read_on(r, ret);
}

vow_promise *vow_file_read_at(vow_loop *loop, const char *path, size_t limit, const char *where)
{
    VOW_CHECK(path, "vow_file_read at %s: the path is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    struct reading r = {.fd = -1, .limit = limit ? limit : SIZE_MAX, .path = path, .where = where};
    vow_value outcome;
    if (!read_at_once(loop, &r, &outcome))
        return read_in_pool(loop, &r);
    end(&r);
    return vow_resolved_at(loop, outcome, where);
}
