/* SPDX-License-Identifier: MIT
 *
 * digest.c - SHA-256 (libcrypto's EVP) on worker threads, lines on the device or there too.
 *
 * A worker cannot be stopped in the middle of what it does: after a timeout it goes on for
 * a while. So each job holds a reference of its digest, and a long one looks now and then
 * whether anybody still wants it.
 */
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

VOW_BOX_DEFINE(summary, struct summary, free)

enum { PIECE = 256 * 1024 };

/* The chain that wants the digest holds it, and every job that works on it; the count is
 * touched on the loop's thread only, the rest by one thread at a time. */
struct digest {
    unsigned holders;
    atomic_bool unwanted; /* set when the chain has let go */
    const struct means *means;
    EVP_MD_CTX *evp;
    struct summary so_far;
    char path[]; /* of a file; "" for pieces */
};

static struct digest *new_of(const struct means *means, const char *path)
{
    struct digest *d = calloc(1, sizeof *d + strlen(path) + 1);
    if (d == NULL)
        return NULL;
    d->evp = EVP_MD_CTX_new();
    if (d->evp == NULL || EVP_DigestInit_ex(d->evp, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(d->evp);
        free(d);
        return NULL;
    }
    d->holders = 1;
    atomic_init(&d->unwanted, false);
    d->means = means;
    strcpy(d->path, path);
    return d;
}

struct digest *digest_new(const struct means *means) { return new_of(means, ""); }

void digest_unref(struct digest *d)
{
    if (d == NULL || --d->holders > 0)
        return;
    EVP_MD_CTX_free(d->evp);
    free(d);
}

static void let_go(void *data) { digest_unref(data); }

static uint64_t lines_in(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = bytes + size, *line = bytes;
    uint64_t lines = 0;
    while (line < end && (line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        lines++;
        line++;
    }
    return lines;
}

/* Its lines are counted elsewhere. */
static bool add_bytes(struct digest *d, const uint8_t *bytes, size_t size)
{
    d->so_far.bytes += size;
    return EVP_DigestUpdate(d->evp, bytes, size) == 1;
}

/* ---- pieces ---- */

struct piece {
    struct digest *digest;
    vow_buf *bytes;
};

static void piece_free(void *data)
{
    struct piece *piece = data;
    digest_unref(piece->digest);
    vow_buf_unref(piece->bytes);
    free(piece);
}

/* On a worker. It only looks at the bytes: references are counted on the loop's thread. */
static vow_value add_piece(void *data)
{
    struct piece *piece = data;
    if (!add_bytes(piece->digest, vow_buf_bytes(piece->bytes), vow_buf_size(piece->bytes)))
        return vow_fail(EIO, "SHA-256");
    return vow_none();
}

/* On a worker. */
static vow_value count_piece(void *data)
{
    struct piece *piece = data;
    return vow_v((int64_t)lines_in(vow_buf_bytes(piece->bytes), vow_buf_size(piece->bytes)));
}

/* Looks at bytes; NULL: no memory. */
static struct piece *piece_new(struct digest *d, vow_buf *bytes)
{
    struct piece *piece = malloc(sizeof *piece);
    if (piece == NULL)
        return NULL;
    *piece = (struct piece){d, vow_buf_ref(bytes)};
    d->holders++;
    return piece;
}

/* Looks at bytes. */
static vow_promise *work_on(struct digest *d, vow_buf *bytes, vow_work_fn *fn)
{
    struct piece *piece = piece_new(d, bytes);
    if (piece == NULL)
        return vow_rejected(d->means->loop, vow_error_new(vow_errno_domain(), ENOMEM, "digest"));
    return vow_work(d->means->loop, d->means->pool, fn, piece, piece_free);
}

/* The device would not: a worker counts. */
static vow_value count_here(const vow_error *e, void *data)
{
    struct piece *piece = data;
    if (vow_error_is(e, vow_errno_domain(), ECANCELED))
        return vow_rethrow(e);
    return vow_v(work_on(piece->digest, piece->bytes, count_piece));
}

/* Fulfils with how many lines end in bytes. Looks at them. */
static vow_promise *count_lines(struct digest *d, vow_buf *bytes)
{
    bool has_device = d->means->device != NULL && vow_buf_size(bytes) > 0;
    struct piece *piece = has_device ? piece_new(d, bytes) : NULL;
    if (piece == NULL)
        return work_on(d, bytes, count_piece);
    vow_promise *p = device_count(d->means->device, vow_buf_ref(bytes));
    return vow_catch_with(p, count_here, piece, piece_free);
}

static vow_value on_both(vow_value both, void *data)
{
    struct digest *d = data;
    d->so_far.lines += (uint64_t)vow_as_int(vow_at(both, 0));
    return vow_none();
}

vow_promise *digest_add(struct digest *d, vow_buf *bytes)
{
    vow_promise *lines = count_lines(d, bytes), *hashed = work_on(d, bytes, add_piece);
    vow_buf_unref(bytes);
    return vow_then(vow_all(d->means->loop, lines, hashed), on_both, d);
}

vow_value digest_end(struct digest *d)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size;
    struct summary *summary = malloc(sizeof *summary);
    if (summary == NULL)
        return vow_fail(ENOMEM, "digest");
    if (EVP_DigestFinal_ex(d->evp, hash, &size) != 1) {
        free(summary);
        return vow_fail(EIO, "SHA-256");
    }
    *summary = d->so_far;
    for (unsigned i = 0; i < size && i < 32; i++)
        snprintf(&summary->sha256[2 * i], 3, "%02x", hash[i]);
    return summary_value(summary); /* takes summary */
}

/* ---- files ---- */

/* 0 or an errno number. The file is opened anew: it may have become another one. */
static int add_file(struct digest *d, int fd, uint8_t *bytes)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    for (;;) {
        ssize_t n = read(fd, bytes, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        d->so_far.lines += lines_in(bytes, (size_t)n);
        if (!add_bytes(d, bytes, (size_t)n))
            return EIO;
        if (atomic_load(&d->unwanted))
            return ECANCELED;
    }
}

/* On a worker. */
static vow_value stream(void *data)
{
    struct digest *d = data;
    uint8_t *bytes = malloc(PIECE);
    int fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int code = bytes == NULL ? ENOMEM : fd < 0 ? errno : add_file(d, fd, bytes);
    if (fd >= 0)
        close(fd);
    free(bytes);
    return code == 0 ? vow_none() : vow_fail(code, NULL);
}

static vow_value whole(vow_value v, void *data)
{
    return vow_v(digest_add(data, vow_buf_ref(vow_buf_of(v))));
}

static vow_value not_whole(const vow_error *e, void *data)
{
    struct digest *d = data;
    if (!vow_error_is(e, vow_errno_domain(), EFBIG))
        return vow_rethrow(e);
    d->holders++;
    vow_promise *p = vow_work(d->means->loop, d->means->pool, stream, d, let_go);
    return vow_v(vow_context(p, "read %s in pieces", d->path));
}

static vow_value end(vow_value v, void *data)
{
    (void)v;
    return digest_end(data);
}

static void unwanted(void *data)
{
    struct digest *d = data;
    atomic_store(&d->unwanted, true);
    digest_unref(d);
}

vow_promise *digest_file(const struct means *means, const char *path)
{
    struct digest *d = new_of(means, path);
    if (d == NULL)
        return vow_rejected(means->loop, vow_error_new(vow_errno_domain(), ENOMEM, "digest"));
    vow_promise *p = vow_file_read(means->loop, path, DIGEST_WHOLE);
    p = vow_then_catch(p, whole, not_whole, d);
    p = vow_then(p, end, d);
    return vow_attach(p, d, unwanted);
}
