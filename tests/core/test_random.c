/* SPDX-License-Identifier: MIT
 *
 * test_random.c - random programs: every operation on promises, from the main line, from
 * handlers, destructors and stop hooks, with the structure checked after every step, and
 * every destructor counted. VOW_SEED=n replays one; VOW_PROGRAMS=n runs more.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/structure.h"

enum { SLOTS = 24, STEPS = 400 };

struct world {
    vow_loop *loop;
    uint64_t random;
    vow_promise *handles[SLOTS];
    vow_resolver *resolvers[SLOTS];
    long owned; /* things with a destructor that has not run yet */
    int nesting;
};
static struct world the_world, *const world = &the_world; /* handlers and hooks reach it */

static unsigned pick(unsigned n)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (unsigned)(world->random >> 20) % n;
}

static void random_step(void);

/* User code called by vow does something itself, now and then. */
static void meddle(void)
{
    if (world->nesting < 3 && pick(3) == 0) {
        world->nesting++;
        random_step();
        world->nesting--;
    }
}

static void destroy_owned(void *data)
{
    CHECK(*(int *)data == 1);
    *(int *)data = 0;
    free(data);
    world->owned--;
    meddle();
}
static void *new_owned(void)
{
    int *owned = malloc(sizeof *owned);
    *owned = 1;
    world->owned++;
    return owned;
}

static vow_promise **full_handle(void)
{
    for (unsigned i = 0, at = pick(SLOTS); i < SLOTS; i++)
        if (world->handles[(at + i) % SLOTS])
            return &world->handles[(at + i) % SLOTS];
    return NULL;
}
static vow_resolver *take_resolver(void)
{
    for (unsigned i = 0, at = pick(SLOTS); i < SLOTS; i++) {
        vow_resolver *r = world->resolvers[(at + i) % SLOTS];
        world->resolvers[(at + i) % SLOTS] = NULL;
        if (r)
            return r;
    }
    return NULL;
}
static vow_promise *take_handle(void)
{
    vow_promise **slot = full_handle(), *p = slot ? *slot : NULL;
    if (slot)
        *slot = NULL;
    return p;
}
/* Keeps p in a free slot; with none free, another one is dropped first. */
static void keep_handle(vow_promise *p)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (!world->handles[i]) {
            world->handles[i] = p;
            return;
        }
    unsigned i = pick(SLOTS);
    vow_promise *old = world->handles[i];
    world->handles[i] = p;
    vow_unref(old);
}
static void keep_resolver(vow_resolver *r)
{
    unsigned i = pick(SLOTS);
    vow_resolver *old = world->resolvers[i];
    world->resolvers[i] = r;
    vow_resolver_drop(old); /* may do anything, the last thing here */
}

/* An operation with a stop hook forgets its resolver when it is stopped. */
struct op {
    vow_resolver *r;
};
static void stop_op(void *data)
{
    struct op *op = data;
    for (unsigned i = 0; i < SLOTS; i++)
        if (world->resolvers[i] == op->r)
            world->resolvers[i] = NULL;
    if (pick(4) == 0)
        vow_resolve(op->r, vow_v(5));
    meddle();
}
static void free_op(void *data)
{
    free(data);
    world->owned--;
    meddle();
}

static vow_promise *new_pending(void)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(world->loop, &r);
    if (pick(2)) {
        struct op *op = malloc(sizeof *op);
        op->r = r;
        world->owned++;
        vow_on_stop(r, stop_op, op, free_op);
    }
    keep_resolver(r);
    return p;
}

static vow_value random_value(void)
{
    vow_promise *p;
    switch (pick(8)) {
    case 0:
        return vow_fail(EIO, "random");
    case 1:
        return vow_box(new_owned(), destroy_owned);
    case 2:
        return vow_v(new_pending());
    case 3:
        p = take_handle();
        return p ? vow_v(p) : vow_none();
    case 4:
        return vow_v(vow_error_new(vow_errno_domain(), ECANCELED, "mine"));
    default:
        return vow_v((int)pick(100));
    }
}

static vow_value on_value(vow_value v, void *data)
{
    (void)v, (void)data;
    meddle();
    return pick(5) == 0 ? VOW_SAME : random_value();
}
static vow_value on_caught(const vow_error *e, void *data)
{
    (void)data;
    meddle();
    return pick(3) == 0 ? vow_rethrow(e) : random_value();
}
static vow_value on_finally(void *data)
{
    (void)data;
    meddle();
    return random_value();
}
static void on_lost(const vow_error *e, void *data)
{
    CHECK(e != NULL && *(int *)data == 1);
    meddle();
}
static void ignore(const vow_error *e, const char *made, bool late, void *data)
{
    (void)e, (void)made, (void)late, (void)data;
    meddle();
}

static vow_promise *random_combination(void)
{
    vow_promise *inputs[6];
    size_t n = pick(6);
    for (size_t i = 0; i < n; i++) {
        inputs[i] = take_handle();
        if (!inputs[i])
            inputs[i] = new_pending();
    }
    switch (pick(4)) {
    case 0:
        return vow_all_n(world->loop, n, inputs);
    case 1:
        return vow_any_n(world->loop, n, inputs);
    case 2:
        return vow_all_settled_n(world->loop, n, inputs);
    default:
        return vow_race_n(world->loop, n, inputs);
    }
}

static vow_promise *random_successor(vow_promise *p)
{
    switch (pick(8)) {
    case 0:
        return vow_handle(p, on_value, NULL);
    case 1:
        return vow_catch(p, on_caught, NULL);
    case 2:
        return vow_then_catch(p, on_value, on_caught, NULL);
    case 3:
        return vow_finally(p, on_finally, NULL);
    case 4:
        return vow_context(p, "context %u", pick(9));
    case 5:
        return vow_shield(p);
    case 6:
        return vow_then_with(p, on_value, new_owned(), destroy_owned);
    default:
        return vow_then(p, on_value, NULL);
    }
}

static void step_with_handle(vow_promise *p)
{
    switch (pick(9)) {
    case 0:
        keep_handle(vow_ref(p));
        keep_handle(p);
        break;
    case 1:
        vow_unref(p);
        break;
    case 2:
        keep_handle(p);
        vow_cancel(p);
        break;
    case 3:
        vow_detach(p, pick(2) ? on_lost : NULL, new_owned(), destroy_owned);
        break;
    case 4:
        vow_mark_handled(p);
        keep_handle(p);
        break;
    default:
        keep_handle(random_successor(p));
    }
}

/* The value first: making it may stop the operation that a resolver belongs to. */
static void resolve_random(void)
{
    vow_value v = random_value();
    vow_resolver *r = take_resolver();
    if (r)
        vow_resolve(r, v);
    else
        vow_release(v);
}

static void random_step(void)
{
    vow_resolver *r;
    vow_promise *p;
    switch (pick(12)) {
    case 0:
    case 1:
        keep_handle(new_pending());
        break;
    case 2:
        keep_handle(vow_resolved(world->loop, random_value()));
        break;
    case 3:
    case 4:
        resolve_random();
        break;
    case 5:
        r = take_resolver();
        if (r && pick(4) == 0)
            vow_resolver_abandon(r);
        else
            vow_resolver_drop(r);
        break;
    case 6:
        keep_handle(random_combination());
        break;
    case 7:
        vow_drain(world->loop, pick(20));
        break;
    default:
        if ((p = take_handle()) != NULL)
            step_with_handle(p);
    }
}

static size_t held(void)
{
    size_t n = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        n += world->handles[i] != NULL;
    return n;
}

/* Gives back everything the program holds, checking on the way. */
static void let_go(vow_loop *loop)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        vow_promise *p = world->handles[i];
        world->handles[i] = NULL;
        vow_unref(p);
        vow_resolver *r = world->resolvers[i];
        world->resolvers[i] = NULL;
        vow_resolver_drop(r);
        check_structure(loop, held());
    }
    vow_drain(loop, SIZE_MAX);
}

static void run_program(vow_loop *loop, uint64_t seed)
{
    *world = (struct world){.loop = loop, .random = seed * 0x9E3779B97F4A7C15u + 1};
    for (int i = 0; i < STEPS; i++) {
        random_step();
        check_structure(loop, held());
    }
    world->nesting = 99; /* no more meddling */
    for (int i = 0; i < 4; i++)
        let_go(loop); /* handlers that run now leave new ones */
}

TEST(random_programs_keep_the_structure_and_lose_nothing)
{
    const char *seed = getenv("VOW_SEED"), *programs = getenv("VOW_PROGRAMS");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
    uint64_t last = seed ? first : (programs ? strtoull(programs, NULL, 0) : 500);
    for (uint64_t n = first; n <= last; n++) {
        vow_loop *own = vow_loop_new();
        vow_on_unhandled(own, ignore, NULL);
        run_program(own, n);
        EQ_UINT(vow_loop_close(own), 0);
        vow_loop_free(own);
        EQ_INT(world->owned, 0);
    }
    (void)loop;
}
