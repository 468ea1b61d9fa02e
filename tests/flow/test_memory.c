/* SPDX-License-Identifier: MIT
 *
 * Combinators without memory: every allocation fails once, and promises run out after every
 * number of them. The outcome is what it would have been, or ENOMEM; nothing is lost, and
 * the data is destroyed once.
 */
#include "common.h"

#include <stdlib.h>

#include "core/loop.h"

static vow_value delay_or_value(size_t index, UNUSED void *data)
{
    return index % 2 ? vow_v((int)index) : vow_v(vow_delay(vow_current(), 1));
}
static vow_value sum_later(vow_value so_far, size_t index, UNUSED void *data)
{
    vow_loop *loop = vow_current();
    int64_t sum = vow_as_int(so_far) + (int64_t)index;
    return index % 2 ? vow_v(sum) : vow_v(vow_resolved(loop, vow_v(sum)));
}
static vow_value nearly(void *data) /* the third time is enough */
{
    int *made = data;
    if (++*made % 3 == 0)
        return vow_text("enough");
    return *made % 2 ? VOW_AGAIN : vow_v(vow_resolved(vow_current(), VOW_AGAIN));
}
static vow_value third_try(void *data)
{
    int *made = data;
    return ++*made % 3 == 0 ? vow_v(7) : vow_fail(EIO, "not yet");
}
static vow_value recover(UNUSED const vow_error *e, UNUSED void *data) { return vow_none(); }

/* What is tried: makes a promise; `data` is given to what takes data, to be destroyed. */
static vow_promise *try_all(vow_loop *loop, void *data)
{
    vow_promise *attached = vow_attach(value(loop, 2), data, count_destroy);
    return vow_all(loop, vow_delay(loop, 1), attached, vow_resolved(loop, vow_text("x")));
}
static vow_promise *try_all_settled(vow_loop *loop, void *data)
{
    vow_promise *attached = vow_attach(value(loop, 2), data, count_destroy);
    return vow_all_settled(loop, vow_delay(loop, 1), attached,
                           vow_catch(value(loop, 1), recover, NULL));
}
static vow_promise *try_any(vow_loop *loop, void *data)
{
    vow_promise *attached = vow_attach(vow_delay(loop, 5), data, count_destroy);
    return vow_any(loop, attached, vow_resolved(loop, vow_v(1)));
}
static vow_promise *try_any_failing(vow_loop *loop, void *data)
{
    vow_promise *attached = vow_attach(failure(loop, EPIPE), data, count_destroy);
    return vow_any(loop, attached, failure(loop, EIO));
}
static vow_promise *try_race(vow_loop *loop, void *data)
{
    vow_promise *loser = vow_catch(vow_delay(loop, 5), recover, NULL);
    return vow_race(loop, vow_attach(loser, data, count_destroy), vow_delay(loop, 1));
}
static vow_promise *try_race_of_nobody(vow_loop *loop, void *data)
{
    return vow_attach(vow_race_n(loop, 0, NULL), data, count_destroy);
}
static vow_promise *try_timeout(vow_loop *loop, void *data)
{
    vow_promise *slow = vow_attach(vow_delay(loop, 50), data, count_destroy);
    return vow_timeout(vow_context(slow, "the slow one"), 5);
}
static vow_promise *try_deadline(vow_loop *loop, void *data)
{
    vow_promise *quick = vow_attach(vow_delay(loop, 5), data, count_destroy);
    return vow_deadline(quick, vow_now(loop) + 50 * 1000000);
}
static int made; /* by the functions below; always a multiple of 3 after a success */
static vow_promise *try_repeat(vow_loop *loop, void *data)
{
    made = 0;
    return vow_attach(vow_repeat_with(loop, nearly, &made, NULL), data, count_destroy);
}
static void give_back(void *data) { count_destroy(*(void **)data), free(data); }
static void *indirect(void *data)
{
    void **box = malloc(sizeof *box);
    *box = data;
    return box;
}
static vow_promise *try_interval(vow_loop *loop, void *data)
{
    made = 0;
    return vow_attach(vow_interval(loop, 3, nearly, &made), data, count_destroy);
}
static vow_promise *try_map(vow_loop *loop, void *data)
{
    return vow_map_with(loop, 5, 2, delay_or_value, indirect(data), give_back);
}
static vow_promise *try_for_each(vow_loop *loop, void *data)
{
    return vow_for_each_with(loop, 5, 0, delay_or_value, indirect(data), give_back);
}
static vow_promise *try_reduce(vow_loop *loop, void *data)
{
    return vow_reduce_with(loop, 5, vow_v(1), sum_later, indirect(data), give_back);
}
static vow_promise *try_retry(vow_loop *loop, void *data)
{
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    made = 0;
    return vow_attach(vow_retry(loop, &policy, third_try, &made), data, count_destroy);
}
static vow_promise *try_nested(vow_loop *loop, void *data)
{
    vow_promise *race = vow_race(loop, try_map(loop, data), pending(loop));
    return vow_timeout(vow_all(loop, race, vow_any(loop, vow_delay(loop, 2), value(loop, 3))), 50);
}

static const struct {
    const char *name;
    vow_promise *(*make)(vow_loop *loop, void *data);
    const char *outcome;
} tries[] = {{"all", try_all, "[none 2 'x']"},
             {"all_settled", try_all_settled, "[none 2 1]"},
             {"any", try_any, "1"},
             {"any, failing", try_any_failing, "!EAGGREGATE[!EPIPE !EIO]"},
             {"race", try_race, "none"},
             {"race of nobody", try_race_of_nobody, "!ENONE"},
             {"timeout", try_timeout, "!ETIMEDOUT(!ECANCELED(!ECANCELED))"},
             {"deadline", try_deadline, "none"},
             {"repeat", try_repeat, "'enough'"},
             {"interval", try_interval, "'enough'"},
             {"map", try_map, "[none 1 none 3 none]"},
             {"for_each", try_for_each, "none"},
             {"reduce", try_reduce, "11"},
             {"retry", try_retry, "7"},
             {"nested", try_nested, "[[none 1 none 3 none] 3]"}};
enum { TRIES = sizeof tries / sizeof *tries };

/* Refusals, and errors of inputs that were dropped unseen when their combinator was refused. */
static void count_unhandled(const vow_error *e, const char *where, UNUSED bool late, void *data)
{
    int code = vow_error_code(e);
    if (code != ENOMEM && code != EIO && code != EPIPE && code != VOW_ENONE)
        FAIL("unhandled: %s, made at %s", code_name(code), where);
    ++*(size_t *)data;
}

/* False: memory was short, the outcome says so. */
static bool attempt(vow_loop *loop, int which, size_t short_of)
{
    struct outcome o = {"", 0};
    int destroyed = 0;
    vow_value v;
    vow_run(loop, tries[which].make(loop, &destroyed), &v);
    outcome_add_value(&o, v);
    vow_release(v);
    vow_poll(loop);
    if (destroyed != 1)
        FAIL("%s, %zu: destroyed %d times", tries[which].name, short_of, destroyed);
    if (strcmp(o.text, tries[which].outcome) == 0)
        return true;
    if (strstr(o.text, "ENOMEM") == NULL)
        FAIL("%s, %zu: %s", tries[which].name, short_of, o.text);
    return false;
}

TEST(every_allocation_of_every_combinator_may_fail)
{
    size_t unhandled = 0;
    vow_on_unhandled(loop, count_unhandled, &unhandled);
    for (int i = 0; i < TRIES; i++) {
        size_t live = vow_stats(loop).live;
        CHECK(attempt(loop, i, 0));
        size_t blocks = vow_test_blocks(); /* the heap of timers has grown */
        for (size_t n = 1;; n++) {
            vow_test_fail_allocation(n, false);
            bool same = attempt(loop, i, n);
            bool failed = vow_test_failed();
            vow_test_fail_allocation(0, false);
            if (vow_stats(loop).live != live || vow_test_blocks() != blocks)
                FAIL("%s, allocation %zu: something is left", tries[i].name, n);
            if (!failed && same)
                break;
            CHECK(n < 100);
        }
    }
    EXPECT_UNHANDLED(unhandled);
}

/* Slabs cannot be had; everything else can. */
static void *no_slabs(UNUSED void *context, void *block, size_t size)
{
    if (size == 0) {
        free(block);
        return NULL;
    }
    return size >= VOW_SLAB_BYTES ? NULL : realloc(block, size);
}

/* All promises but `left` of the loop's first slab. */
enum { LINES = VOW_SLAB_BYTES / 64 };
struct hoard {
    vow_promise *held[LINES];
    size_t n;
};
static void fill(struct hoard *hoard, vow_loop *loop)
{
    for (;;) {
        vow_promise *p = pending(loop);
        if (vow_state(p) == VOW_REJECTED) {
            vow_mark_handled(p);
            vow_unref(p);
            return;
        }
        hoard->held[hoard->n++] = p;
    }
}
static void leave(struct hoard *hoard, size_t n)
{
    while (n-- > 0)
        vow_unref(hoard->held[--hoard->n]);
}

TEST(promises_may_run_out_at_every_point_of_every_combinator)
{
    static struct hoard hoard;
    size_t unhandled = 0;
    vow_on_unhandled(loop, count_unhandled, &unhandled);
    vow_run(loop, vow_delay(loop, 1), NULL); /* the heap of timers is there */
    vow_set_allocator(&(vow_allocator){no_slabs, NULL});
    fill(&hoard, loop);
    for (int i = 0; i < TRIES; i++) {
        for (size_t n = 0;; n++) {
            leave(&hoard, n);
            size_t live = vow_stats(loop).live;
            bool same = attempt(loop, i, n);
            if (vow_stats(loop).live != live)
                FAIL("%s, %zu promises: something is left", tries[i].name, n);
            fill(&hoard, loop);
            if (same)
                break;
            CHECK(n < 100);
        }
    }
    leave(&hoard, hoard.n);
    vow_set_allocator(NULL);
    EXPECT_UNHANDLED(unhandled);
}

TEST(a_refusal_of_an_input_is_told_once_by_that_of_the_whole)
{
    static struct hoard hoard;
    vow_set_allocator(&(vow_allocator){no_slabs, NULL});
    fill(&hoard, loop);
    vow_promise *p = vow_all(loop, vow_delay(loop, 1), vow_delay(loop, 2));
    vow_promise *q = vow_timeout(vow_race(loop, vow_delay(loop, 1)), 50);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_poll(loop);
    OUTCOME(p, "!ENOMEM");
    OUTCOME(q, "!ENOMEM");
    leave(&hoard, hoard.n);
    vow_set_allocator(NULL); /* and nothing was reported */
}
