/* SPDX-License-Identifier: MIT
 *
 * opencl/find.c - from a promise to the operation behind it: a table of lists, by address.
 * An address stands for one promise as long as that is pending, and only so long it is here.
 */
#include "opencl/op.h"

enum { SMALLEST = 64 };

static size_t place_of(const struct vow__cl_home *home, const vow_promise *p)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)p >> 6) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32) & (home->table_size - 1);
}

struct vow__cl_op *vow__cl_find(const struct vow__cl_home *home, const vow_promise *p)
{
    struct vow__cl_op *op = home->known ? home->table[place_of(home, p)] : NULL;
    while (op && op->promise != p)
        op = op->table_next;
    return op;
}

static void put(struct vow__cl_home *home, struct vow__cl_op *op)
{
    struct vow__cl_op **at = &home->table[place_of(home, op->promise)];
    op->table_next = *at;
    op->table_at = at;
    if (*at)
        (*at)->table_at = &op->table_next;
    *at = op;
}

/* Without memory the lists get longer. */
static void grow(struct vow__cl_home *home)
{
    size_t old_size = home->table_size, size = old_size ? old_size * 4 : SMALLEST;
    struct vow__cl_op **old = home->table, **table = vow_alloc(size * sizeof *table);
    if (!table)
        return;
    home->table = table;
    home->table_size = size;
    for (size_t i = 0; i < old_size; i++)
        for (struct vow__cl_op *op = old[i], *next; op; op = next) {
            next = op->table_next;
            put(home, op);
        }
    vow_free(old);
}

/* Without any memory it is not found: a command that depends on it then waits for its
 * promise instead of its event. */
void vow__cl_enlist(struct vow__cl_op *op)
{
    struct vow__cl_home *home = op->home;
    if (home->known >= home->table_size)
        grow(home);
    if (!home->table)
        return;
    put(home, op);
    home->known++;
}

void vow__cl_delist(struct vow__cl_op *op)
{
    if (!op->table_at)
        return;
    *op->table_at = op->table_next;
    if (op->table_next)
        op->table_next->table_at = op->table_at;
    op->table_at = NULL;
    op->home->known--;
}
