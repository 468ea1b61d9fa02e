/* SPDX-License-Identifier: MIT
 *
 * file/copy.c - copying files: by sharing their blocks, inside the kernel, or through
 * memory, whatever goes first. One job in the pool for copies; what it has done is posted to
 * the loop, at most one post at a time.
 */
#include <errno.h>
#include <unistd.h>

#include "adapt/pool.h"
#include "base/fd.h"
#include "base/mem.h"
#include "file/file.h"

#ifdef VOW__LINUX
#include <linux/fs.h>
#include <sys/ioctl.h>
#endif

enum {
    CHUNK = 4 << 20,   /* after each a cancel is noticed and the progress told */
    PIECE = 256 * 1024 /* of memory, where the kernel does not copy itself */
};

struct copy {
    struct vow__file_job job;
    vow_node node;      /* the progress on its way; holds the job */
    atomic_bool posted; /* it is on its way, and will say what `bytes` is by then */
    _Atomic uint64_t bytes, of_bytes;
    vow_progress_fn *progress;
    void *data;
};

static struct copy *copy_of(vow_node *node)
{
    return (struct copy *)((char *)node - offsetof(struct copy, node));
}

static void node_gone(vow_node *node) { vow__file_job_unref(copy_of(node)); }

static void tell(vow_node *node)
{
    struct copy *c = copy_of(node);
    atomic_store(&c->posted, false); /* first: what is added from now on is told by the next */
    if (!atomic_load(&c->job.unwanted))
        c->progress(atomic_load(&c->bytes), atomic_load(&c->of_bytes), c->data);
    vow__file_job_unref(c);
}

/* `more` bytes are there. False: nobody wants them. */
static bool advance(struct copy *c, uint64_t more)
{
    atomic_fetch_add(&c->bytes, more);
    if (c->progress && !atomic_exchange(&c->posted, true)) {
        atomic_fetch_add_explicit(&c->job.refs, 1, memory_order_relaxed);
        if (vow_post_node(c->job.remote, &c->node))
            vow__file_job_unref(c); /* the loop has closed */
    }
    return !atomic_load(&c->job.unwanted);
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return errno;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* From where both descriptors stand to the end. 0 or an errno number. */
static int copy_through_memory(struct copy *c, int from, int to)
{
    char *piece = vow__alloc(PIECE);
    int code = piece ? 0 : ENOMEM;
    while (!code) {
        ssize_t n = read(from, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        code = n < 0 ? errno : write_all(to, piece, n > 0 ? (size_t)n : 0);
        if (n == 0)
            break;
        if (!code && !advance(c, (uint64_t)n))
            code = ECANCELED;
    }
    vow__free(piece);
    return code;
}

#ifdef VOW__LINUX
static bool share_blocks(struct copy *c, int from, int to)
{
    if (ioctl(to, FICLONE, from))
        return false;
    advance(c, atomic_load(&c->of_bytes));
    return true;
}

/* Other file systems, older kernels, sandboxes, files that only say what they hold when they
 * are read. A real error comes again. */
static int copy_in_kernel(struct copy *c, int from, int to)
{
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, CHUNK, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOSPC)
            return ENOSPC;
        if (n == 0 && atomic_load(&c->bytes) > 0)
            return 0;
        if (n <= 0)
            return copy_through_memory(c, from, to);
        if (!advance(c, (uint64_t)n))
            return ECANCELED;
    }
}

static int copy_bytes(struct copy *c, int from, int to)
{
    return share_blocks(c, from, to) ? 0 : copy_in_kernel(c, from, to);
}
#else
static int copy_bytes(struct copy *c, int from, int to) { return copy_through_memory(c, from, to); }
#endif

/* The other half of copy_in_pool: `from` is open. *ret_call says what went wrong. */
static int copy_from(struct copy *c, int from, const char **ret_call)
{
    struct vow__temp temp;
    struct stat s;
    *ret_call = "copy";
    int code = fstat(from, &s) ? errno : vow__not_regular(&s);
    if (code)
        return code;
    atomic_store(&c->of_bytes, (uint64_t)s.st_size);
    code = vow__temp_open(&temp, c->job.to, 0600);
    if (!code)
        code = copy_bytes(c, from, temp.fd);
    if (!code && atomic_load(&c->job.unwanted))
        code = ECANCELED; /* an empty file, or shared blocks: nobody has looked */
    if (!code)
        vow__temp_keep_mode(&temp, s.st_mode & 0777);
    if (!code)
        code = vow__temp_place(&temp, false, ret_call);
    vow__temp_end(&temp);
    return code;
}

static vow_value copy_in_pool(void *data)
{
    struct copy *c = data;
    const char *call = "open";
    int from = vow__fd_open(AT_FDCWD, c->job.path, O_RDONLY | VOW__OPEN_FLAGS, 0);
    int code = from < 0 ? errno : copy_from(c, from, &call);
    if (from >= 0)
        close(from);
    return code ? vow__file_failed(&c->job, call, code == ENXIO ? EINVAL : code) : vow_none();
}

vow_promise *vow_file_copy_at(vow_loop *loop, const char *from, const char *to,
                              vow_progress_fn *progress, void *data, const char *where)
{
    VOW_CHECK(from && to, "vow_file_copy at %s: a path is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    struct copy *c = (struct copy *)vow__file_job_new(sizeof *c, from, to, where);
    if (!c)
        return vow__op_no_memory(loop);
    c->node = (vow_node){NULL, tell, node_gone};
    c->progress = progress;
    c->data = data;
    if (progress && !(c->job.remote = vow_remote_new(loop))) {
        int code = errno;
        vow__file_job_unref(c);
        return code == ENOMEM ? vow__op_no_memory(loop) : vow__op_failed(loop, code, "copy", where);
    }
    return vow__file_start_long(loop, vow__pool_copies(), &c->job, copy_in_pool);
}
