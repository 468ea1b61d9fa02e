/* SPDX-License-Identifier: MIT
 *
 * base/mem.h - the one door through which vow gets memory. Everything may fail;
 * every caller checks. Thread-safe as far as the installed allocator is.
 */
#ifndef VOW_BASE_MEM_H
#define VOW_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *vow__alloc(size_t size); /* not cleared; NULL: no memory */
void *vow__alloc_zeroed(size_t size);
void *vow__resize(void *block, size_t size); /* realloc; size > 0 */
void vow__free(void *block);                 /* NULL ok */
char *vow__copy_text(const char *s);         /* NULL: no memory */

/* Something that must be given back like a block but is none (the reserve of errors):
 * +1 and -1, so that vow_test_blocks sees when it is lost. */
void vow__count_block(int change);

/* Counts as an allocation; true: as one that is to fail (vow/test.h). For memory that does
 * not come from here one by one. */
bool vow__alloc_fails(void);

/* Every simulated failure (vow/test.h) passes here: the place for a debugger's breakpoint. */
void vow__out_of_memory_breakpoint(void);

#endif
