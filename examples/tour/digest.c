/* SPDX-License-Identifier: MIT
 *
 * digest.c - counting and SHA-256 (libcrypto's EVP) on worker threads.
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
    vow_loop *loop;
    vow_pool *pool;
    EVP_MD_CTX *evp;
    struct summary so_far;
    char path[]; /* of a file; "" for pieces */
};

static struct digest *new_of(vow_loop *loop, vow_pool *pool, const char *path)
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
    d->loop = loop;
    d->pool = pool;
    strcpy(d->path, path);
    return d;
}

struct digest *digest_new(vow_loop *loop, vow_pool *pool) { return new_of(loop, pool, ""); }

void digest_unref(struct digest *d)
{
    if (d == NULL || --d->holders > 0)
        return;
    EVP_MD_CTX_free(d->evp);
    free(d);
}

static void let_go(void *data) { digest_unref(data); }

static bool add_bytes(struct digest *d, const uint8_t *bytes, size_t size)
{
    const uint8_t *end = bytes + size, *line = bytes;
    while (line < end && (line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        d->so_far.lines++;
        line++;
    }
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

vow_promise *digest_add(struct digest *d, vow_buf *bytes)
{
    struct piece *piece = malloc(sizeof *piece);
    if (piece == NULL) {
        vow_buf_unref(bytes);
        return vow_rejected(d->loop, vow_error_new(vow_errno_domain(), ENOMEM, "digest"));
    }
    *piece = (struct piece){d, bytes};
    d->holders++;
    return vow_work(d->loop, d->pool, add_piece, piece, piece_free);
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
    vow_promise *p = vow_work(d->loop, d->pool, stream, d, let_go);
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

vow_promise *digest_file(vow_loop *loop, vow_pool *pool, const char *path)
{
    struct digest *d = new_of(loop, pool, path);
    if (d == NULL)
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENOMEM, "digest"));
    vow_promise *p = vow_file_read(loop, path, DIGEST_WHOLE);
    p = vow_then_catch(p, whole, not_whole, d);
    p = vow_then(p, end, d);
    return vow_attach(p, d, unwanted);
}
