/* SPDX-License-Identifier: MIT
 *
 * vow/buf.h - counted bytes with slices that share them.
 *
 *     vow_buf *b = vow_buf_new(4096);                // NULL: no memory
 *     ssize_t n = read(fd, vow_buf_bytes(b), vow_buf_size(b));
 *     vow_buf *line = vow_buf_slice(b, 0, 80);       // no bytes copied
 *
 * Reference counts are not atomic: move buffers between threads, never share them.
 */
#ifndef VOW_BUF_H
#define VOW_BUF_H

#include "value.h"

VOW_BEGIN

typedef struct vow_buf vow_buf;

/* Gives a buffer of `size` bytes (not cleared), aligned to 16; NULL: no memory.
 * One byte behind the end is always there and 0 after vow_buf_new. */
VOW_API vow_buf *vow_buf_new(size_t size);
VOW_API vow_buf *vow_buf_copy(const void *bytes, size_t size);

/* Bytes [from, from + size) of b as a buffer of their own that keeps b's memory
 * alive; cut at b's end. Looks at b; gives; NULL: no memory. */
VOW_API vow_buf *vow_buf_slice(vow_buf *b, size_t from, size_t size);

/* Shortens b to `size` bytes; growing is not possible and does nothing. */
VOW_API void vow_buf_shrink(vow_buf *b, size_t size);

VOW_API vow_buf *vow_buf_ref(vow_buf *b);
VOW_API vow_buf *vow_buf_unref(vow_buf *b); /* NULL ok; returns NULL */

VOW_API uint8_t *vow_buf_bytes(vow_buf *b); /* borrowed; never NULL */
VOW_API size_t vow_buf_size(const vow_buf *b);

/* As a value. vow_buf_value takes b (NULL: an error value, ENOMEM). */
VOW_API vow_value vow_buf_value(vow_buf *b);
VOW_API vow_buf *vow_buf_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_buf_type(void);

VOW_END
#endif
