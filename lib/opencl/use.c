/* SPDX-License-Identifier: MIT
 *
 * opencl/use.c - see use.h.
 */
#include "opencl/use.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint forks;
static atomic_uint used; /* 0, or forks + 1 as it was at the first use */
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

static void after_fork_in_child(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed); /* the only thread */
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, after_fork_in_child); }

bool vow__cl_use(void)
{
    pthread_once(&fork_watch, watch_forks);
    unsigned now = atomic_load_explicit(&forks, memory_order_relaxed) + 1;
    unsigned then = 0;
    /* relaxed: nothing is handed over with it */
    return atomic_compare_exchange_strong_explicit(&used, &then, now, memory_order_relaxed,
                                                   memory_order_relaxed) ||
           then == now;
}

bool vow__cl_is_here(void)
{
    return atomic_load_explicit(&used, memory_order_relaxed) ==
           atomic_load_explicit(&forks, memory_order_relaxed) + 1;
}

vow_error *vow__cl_forked(const char *where)
{
    return vow_error_new_at(where, vow_own_domain(), VOW_EFORK,
                            "OpenCL was used before the fork: it does not work in the child");
}

vow_error *vow__cl_error(const char *where, cl_int code, const char *call)
{
    return vow_error_new_at(where, vow_cl_domain(), code, "%s", call);
}

void vow__cl_release_event(cl_event event)
{
    if (event && vow__cl_is_here())
        clReleaseEvent(event);
}

void vow__cl_release_memory(cl_mem memory)
{
    if (memory && vow__cl_is_here())
        clReleaseMemObject(memory);
}
