/* SPDX-License-Identifier: MIT
 *
 * Random programs of everything in flow.h, whose functions, destructors and stop hooks
 * cancel, drop, settle and start things themselves. The structure is checked after every
 * step; data outlives every call that uses it and is destroyed once; limits are kept.
 * Memory fails now and then. VOW_PROGRAMS=n runs n programs and says which one is running;
 * VOW_SEED=n replays that.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/structure.h"

enum { SLOTS = 16, STEPS = 300 };

struct world {
    vow_loop *loop;
    uint64_t random;
    vow_promise *handles[SLOTS];
    vow_resolver *resolvers[SLOTS];
    long owned; /* jobs and items that are not destroyed yet */
    int nesting;
    bool alone; /* what is made is not to wait for what there is already */
};
static struct world the_world, *const world = &the_world;

/* The data of one flow. */
struct job {
    bool alive;
    unsigned running, limit; /* calls that the flow waits for */
};
/* The data of one call's promise. */
struct item {
    struct job *job;
};

static unsigned pick(unsigned n)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (unsigned)(world->random >> 20) % n;
}

static void random_step(void);

static void meddle(void)
{
    if (world->nesting < 2 && pick(4) == 0) {
        world->nesting++;
        random_step();
        world->nesting--;
    }
}

static vow_promise *take_handle(void)
{
    vow_promise **slot = &world->handles[pick(SLOTS)], *p = *slot;
    *slot = NULL;
    return p;
}
static void keep_handle(vow_promise *p)
{
    vow_promise **slot = &world->handles[pick(SLOTS)], *old = *slot;
    *slot = p;
    vow_unref(old);
}

/* An operation's data is the place of its resolver. */
static void stop_operation(void *data)
{
    vow_resolver **slot = data, *r = *slot;
    *slot = NULL;
    if (r && pick(4) == 0)
        vow_resolve(r, vow_v(5));
    meddle();
}
static vow_promise *new_operation(void)
{
    vow_resolver **slot = &world->resolvers[pick(SLOTS)];
    if (*slot)
        return vow_delay(world->loop, pick(9));
    vow_promise *p = vow_promise_new(world->loop, slot);
    vow_on_stop(*slot, stop_operation, slot, NULL);
    return p;
}

static void end_item(void *data)
{
    struct item *item = data;
    CHECK(item->job->alive && item->job->running > 0);
    item->job->running--;
    world->owned--;
    free(item);
    meddle();
}
static void destroy_job(void *data)
{
    struct job *job = data;
    CHECK(job->alive && job->running == 0);
    job->alive = false;
    world->owned--;
    free(job);
    meddle();
}

static vow_value slow_clean_up(void *data)
{
    (void)data;
    meddle();
    return pick(3) ? vow_v(vow_delay(world->loop, pick(5))) : vow_none();
}
static vow_value recover(const vow_error *e, void *data)
{
    (void)data;
    meddle();
    return pick(2) ? vow_rethrow(e) : VOW_AGAIN;
}

static vow_promise *random_flow(void);

static vow_promise *random_promise(void)
{
    vow_promise *p;
    switch (pick(7)) {
    case 0:
        return vow_finally(new_operation(), slow_clean_up, NULL);
    case 1:
        return vow_catch(new_operation(), recover, NULL);
    case 2:
        return vow_resolved(world->loop, pick(2) ? VOW_AGAIN : vow_text("counted"));
    case 3:
        return world->nesting < 2 ? random_flow() : new_operation();
    case 4:
        if (!world->alone && (p = take_handle()) != NULL)
            return p;
        return vow_delay(world->loop, pick(9));
    case 5:
        return vow_shield(new_operation());
    default:
        return new_operation();
    }
}

/* What a call of a user's function does and gives. */
static vow_value call(struct job *job)
{
    CHECK(job->alive && job->running < job->limit);
    meddle();
    switch (pick(12)) {
    case 0:
        return vow_fail(EIO, "random");
    case 1:
    case 2:
        return VOW_AGAIN;
    case 3:
        return vow_text("counted");
    case 4:
        return vow_v(random_promise());
    default:
        break;
    }
    struct item *item = malloc(sizeof *item);
    *item = (struct item){job};
    job->running++;
    world->owned++;
    world->alone = true; /* it neither waits for its own flow, nor is it held by others */
    vow_promise *p = vow_attach(vow_then(random_promise(), NULL, NULL), item, end_item);
    world->alone = false;
    return vow_v(p);
}
static vow_value call_step(void *data) { return call(data); }
static vow_value call_each(size_t index, void *data)
{
    (void)index;
    return call(data);
}
static vow_value call_reduce(vow_value so_far, size_t index, void *data)
{
    (void)so_far, (void)index;
    return pick(3) ? call(data) : VOW_SAME;
}

static struct job *new_job(unsigned limit)
{
    struct job *job = malloc(sizeof *job);
    *job = (struct job){true, 0, limit ? limit : 1000};
    world->owned++;
    return job;
}

static vow_promise *random_list(void)
{
    vow_promise *inputs[4];
    size_t n = pick(5);
    world->nesting++;
    for (size_t i = 0; i < n; i++)
        inputs[i] = random_promise();
    world->nesting--;
    switch (pick(4)) {
    case 0:
        return vow_all_n(world->loop, n, inputs);
    case 1:
        return vow_all_settled_n(world->loop, n, inputs);
    case 2:
        return vow_any_n(world->loop, n, inputs);
    default:
        return vow_race_n(world->loop, n, inputs);
    }
}

static vow_promise *random_flow(void)
{
    vow_loop *loop = world->loop;
    vow_retry_policy policy = {.tries = pick(4), .first_ms = pick(5), .jitter = 0.5, .seed = 1};
    unsigned limit = pick(4);
    switch (pick(9)) {
    case 0:
        return vow_map_with(loop, pick(6), limit, call_each, new_job(limit), destroy_job);
    case 1:
        return vow_for_each_with(loop, pick(6), limit, call_each, new_job(limit), destroy_job);
    case 2:
        return vow_reduce_with(loop, pick(6), vow_text("start"), call_reduce, new_job(1),
                               destroy_job);
    case 3:
        return vow_repeat_with(loop, call_step, new_job(1), destroy_job);
    case 4:
        return vow_interval_with(loop, pick(4), call_step, new_job(1), destroy_job);
    case 5:
        return vow_retry_with(loop, &policy, call_step, new_job(1), destroy_job);
    case 6:
        return vow_timeout(random_promise(), pick(9));
    case 7:
        return vow_deadline(random_promise(), vow_now(loop) + pick(9) * 1000000);
    default:
        return random_list();
    }
}

static void resolve_random(void)
{
    vow_resolver **slot = &world->resolvers[pick(SLOTS)], *r = *slot;
    *slot = NULL;
    if (r)
        vow_resolve(r, pick(3) ? vow_text("value") : vow_fail(EPROTO, "random"));
}

static void random_step(void)
{
    vow_promise *p;
    switch (pick(12)) {
    case 0:
    case 1:
        keep_handle(random_flow());
        break;
    case 2:
    case 3:
        resolve_random();
        break;
    case 8:
        vow_test_fail_allocation(1 + pick(9), false);
        break;
    case 4:
        vow_unref(take_handle());
        break;
    case 5:
        if ((p = world->handles[pick(SLOTS)]) != NULL) {
            p = vow_ref(p); /* a stop hook may drop it */
            vow_cancel(p);
            vow_unref(p);
        }
        break;
    case 6:
        if ((p = world->handles[pick(SLOTS)]) != NULL)
            keep_handle(vow_catch(vow_ref(p), recover, NULL));
        break;
    case 7:
        if (world->nesting == 0)
            vow_clock_advance(world->loop, pick(8));
        break;
    default:
        vow_drain(world->loop, pick(20));
    }
}

static size_t held(void)
{
    size_t n = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        n += world->handles[i] != NULL;
    return n;
}

static void let_go(vow_loop *loop)
{
    world->nesting = 2; /* no more meddling */
    vow_test_fail_allocation(0, false);
    for (unsigned i = 0; i < SLOTS; i++) {
        vow_promise *p = world->handles[i];
        world->handles[i] = NULL;
        vow_unref(p);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        vow_resolver *r = world->resolvers[i]; /* a shielded operation's */
        world->resolvers[i] = NULL;
        if (r)
            vow_resolve(r, vow_none());
    }
    vow_clock_advance(loop, 100);
}

static void run_program(vow_loop *loop, uint64_t seed)
{
    *world = (struct world){.loop = loop, .random = seed * 0x9E3779B97F4A7C15u + 1};
    for (int i = 0; i < STEPS; i++) {
        random_step();
        check_structure(loop, held());
    }
    let_go(loop);
    EQ_INT(world->owned, 0);
    EQ_UINT(vow_stats(loop).live, 0);
}

static void ignore(const vow_error *e, const char *made, bool late, void *data)
{
    (void)e, (void)made, (void)late, (void)data;
}

TEST(random_programs_of_combinators_keep_everything_in_order)
{
    const char *seed = getenv("VOW_SEED"), *programs = getenv("VOW_PROGRAMS");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
    uint64_t last = seed ? first : (programs ? strtoull(programs, NULL, 0) : 300);
    for (uint64_t n = first; n <= last; n++) {
        vow_loop *own = vow_loop_new();
        vow_clock_virtual(own, true);
        vow_on_unhandled(own, ignore, NULL);
        if (programs)
            fprintf(stderr, "\rseed %llu ", (unsigned long long)n);
        run_program(own, n);
        EQ_UINT(vow_loop_close(own), 0);
        vow_loop_free(own);
        EQ_INT(world->owned, 0);
    }
    (void)loop;
}
