/* SPDX-License-Identifier: MIT
 *
 * base/mem.h - the one door through which vow gets memory. Everything may fail;
 * every caller checks. Thread-safe as far as the installed allocator is.
 */
#ifndef VOW_BASE_MEM_H
#define VOW_BASE_MEM_H

#include <stddef.h>

void *vow__alloc(size_t size);                /* not cleared; NULL: no memory */
void *vow__alloc_zeroed(size_t size);
void *vow__resize(void *block, size_t size);  /* realloc; size > 0 */
void vow__free(void *block);                  /* NULL ok */
char *vow__copy_text(const char *s);          /* NULL: no memory */

#endif
