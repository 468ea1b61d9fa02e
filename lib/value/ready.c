/* SPDX-License-Identifier: MIT
 *
 * Errors for when there is no memory for errors: immortal ones, one for each code that
 * vow itself uses, and a reserve of a few changeable ones.
 */
#include <stdatomic.h>

#include "base/mem.h"
#include "value/error.h"
#include "value/object.h"

#define READY(d, c)                             \
    {                                           \
        .count = 0, .domain = &(d), .code = (c) \
    }
#define READY_OWN(name, number, text) READY(vow__own_domain, name),

static const struct vow_error ready[] = {
    READY(vow__errno_domain, ENOMEM), READY(vow__errno_domain, ECANCELED),
    READY(vow__errno_domain, ETIMEDOUT), READY(vow__errno_domain, EDEADLK), VOW_CODES(READY_OWN)};

vow_error *vow__error_ready(int code)
{
    for (size_t i = 0; i < sizeof ready / sizeof *ready; i++)
        if (ready[i].code == code)
            return (vow_error *)&ready[i]; /* count 0: nobody writes to it */
    vow__panic("vow__error_ready: no error is ready for code %d", code);
}

/* The reserve is the process's: any thread may run out of memory. A thread that takes an
 * error has seen all that the one who gave it back did with it. */
enum { RESERVE = 64 };
static struct vow_error reserve[RESERVE];
static atomic_bool taken[RESERVE];

vow_error *vow__reserve_take(void)
{
    for (size_t i = 0; i < RESERVE; i++) {
        if (!atomic_load_explicit(&taken[i], memory_order_relaxed) &&
            !atomic_exchange_explicit(&taken[i], true, memory_order_acquire)) {
            reserve[i] = (struct vow_error){.count = 1, .reserved = true};
            vow__count_block(+1);
            return &reserve[i];
        }
    }
    return NULL;
}

void vow__reserve_give(vow_error *e)
{
    vow__count_block(-1);
    atomic_store_explicit(&taken[e - reserve], false, memory_order_release);
}
