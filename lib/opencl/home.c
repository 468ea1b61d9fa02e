/* SPDX-License-Identifier: MIT
 *
 * opencl/home.c - what OpenCL has to do for one loop (op.h): finding it, keeping the loop
 * awake while the device works, looking at events that nobody reports, closing, forking.
 */
#include <errno.h>
#include <time.h>

#include "opencl/op.h"
#include "vow/loop.h"
#include "vow/timer.h"

/* Between two looks; and how long closing waits for the device. */
enum { FIRST_LOOK_MS = 100, LAST_LOOK_MS = 1000, PATIENCE_MS = 10000 };

static _Thread_local struct vow__cl_home *homes;

struct vow__cl_home *vow__cl_home_of(vow_loop *loop)
{
    struct vow__cl_home *home = homes;
    while (home && home->loop != loop)
        home = home->next;
    if (!home) {
        home = vow_alloc(sizeof *home);
        if (!home)
            return NULL;
        home->loop = loop;
        home->next = homes;
        home->at = &homes;
        if (homes)
            homes->at = &home->next;
        homes = home;
    }
    home->refs++;
    return home;
}

/* Nobody finds it any more, nor does a later loop at the same address. */
static void unlink_home(struct vow__cl_home *home)
{
    *home->at = home->next;
    if (home->next)
        home->next->at = home->at;
}

void vow__cl_home_unref(struct vow__cl_home *home)
{
    if (!home || --home->refs > 0)
        return;
    unlink_home(home);
    vow_free(home->table);
    vow_free(home);
}

/* Looking: for events whose callback does not come. */

static vow_value on_look(vow_value v, void *data);

/* Without memory there is no look until the next time something starts. */
static void start_looking(struct vow__cl_home *home, uint64_t ms)
{
    vow_promise *look = vow_delay(home->loop, ms);
    if (vow_state(look) == VOW_PENDING)
        look = vow_then(look, on_look, home);
    if (vow_state(look) == VOW_REJECTED) {
        vow_mark_handled(look);
        vow_unref(look);
        return;
    }
    vow_unref(home->look);
    home->look = look;
    home->look_ms = ms;
}

void vow__cl_look_soon(struct vow__cl_home *home)
{
    if (home->remote && (home->look_ms > FIRST_LOOK_MS || !home->look))
        start_looking(home, FIRST_LOOK_MS);
}

static void look_at_all(struct vow__cl_home *home)
{
    home->refs++; /* the last op may go */
    do {
        home->look_again = false;
        for (struct vow__cl_op *op = home->flight, *next; op; op = next) {
            next = op->next;
            vow__cl_op_look(op);
        }
    } while (home->look_again);
    vow__cl_home_unref(home);
}

static vow_value on_look(vow_value v, void *data)
{
    struct vow__cl_home *home = data;
    (void)v;
    home->look = vow_unref(home->look);
    uint64_t ms = home->look_ms * 2;
    home->refs++;
    look_at_all(home);
    if (home->remote && !home->look)
        start_looking(home, ms < LAST_LOOK_MS ? ms : LAST_LOOK_MS);
    vow__cl_home_unref(home);
    return vow_none();
}

/* Closing: what the device still has to do is done with when it is done with it. */

static void call_off_all(struct vow__cl_home *home)
{
    vow__cl_gates_fail(home);
    for (struct vow__cl_op *op = home->flight; op; op = op->next) {
        for (size_t i = 0; i < op->link_count; i++)
            vow__cl_gate_set(&op->links[i].gate, VOW_CL_UNWANTED);
        if (op->queue)
            vow__cl_queue_flush(op->queue);
    }
}

static void abandon_foreign(struct vow__cl_home *home)
{
    for (struct vow__cl_op *op = home->flight, *next; op; op = next) {
        next = op->next;
        if (op->command.verb->is_foreign)
            vow__cl_op_abandon(op);
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A device that takes longer keeps its memory for ever: that may not be given back. */
static void drain(struct vow__cl_home *home)
{
    uint64_t start = now_ms();
    long pause = 20000;
    home->is_closing = true;
    call_off_all(home);
    for (;;) {
        look_at_all(home);
        abandon_foreign(home);
        if (!home->flight || now_ms() - start > PATIENCE_MS)
            return;
        nanosleep(&(struct timespec){0, pause}, NULL);
        if (pause < 2000000)
            pause += pause / 2;
    }
}

static vow_value on_lost(const vow_error *e, void *data)
{
    struct vow__cl_home *home = data;
    home->refs++;
    if (vow_error_is(e, vow_own_domain(), VOW_EFORK)) {
        while (home->flight)
            vow__cl_op_lost(home->flight);
    } else {
        drain(home);
        if (home->flight) /* for ever, and so are its references */
            unlink_home(home);
    }
    vow__cl_home_unref(home);
    return vow_none();
}

static void leave(struct vow__cl_home *home)
{
    home->look = vow_unref(home->look);
    home->kept = vow_unref(home->kept);
    home->keeper = vow_remote_resolver_unref(home->keeper);
    home->remote = vow_remote_unref(home->remote);
    home->watchers = vow_pool_free(home->watchers);
}

/* 0 or an errno number. */
static int settle_in(struct vow__cl_home *home)
{
    home->remote = vow_remote_new(home->loop);
    if (!home->remote)
        return errno;
    home->is_closing = false;
    home->kept = vow_promise_new_remote(home->remote, &home->keeper);
    vow_mark_handled(home->kept); /* its handler may be dropped when it has just been rejected */
    if (vow_state(home->kept) == VOW_PENDING)
        home->kept = vow_catch(home->kept, on_lost, home);
    start_looking(home, FIRST_LOOK_MS);
    if (vow_state(home->kept) != VOW_REJECTED && home->look)
        return 0;
    vow_mark_handled(home->kept);
    leave(home);
    return ENOMEM;
}

int vow__cl_flight_begin(struct vow__cl_op *op)
{
    struct vow__cl_home *home = op->home;
    int failed = home->remote ? 0 : settle_in(home);
    if (failed)
        return failed;
    op->next = home->flight;
    op->at = &home->flight;
    if (op->next)
        op->next->at = &op->next;
    home->flight = op;
    return 0;
}

void vow__cl_flight_end(struct vow__cl_op *op)
{
    *op->at = op->next;
    if (op->next)
        op->next->at = op->at;
    op->at = NULL;
    if (!op->home->flight)
        leave(op->home);
}
