/* SPDX-License-Identifier: MIT
 *
 * map and for_each.
 */
#include "common.h"

/* What all the functions of these tests keep: how many calls are unfinished. */
struct calls {
    vow_loop *loop;
    struct trace seen;
    int made, running, most;
    int fails_at; /* index; -1: none */
    vow_promise *own;
};

static void begin_call(struct calls *calls)
{
    calls->made++;
    calls->running++;
    calls->most = calls->running > calls->most ? calls->running : calls->most;
}
static void end_call(void *data) { ((struct calls *)data)->running--; }

/* Takes 1 to 7 ms, in no order. */
static vow_value square_later(size_t index, void *data)
{
    struct calls *calls = data;
    begin_call(calls);
    vow_promise *wait = vow_delay(calls->loop, 1 + index * 5 % 7);
    vow_promise *both = vow_all(calls->loop, wait, value(calls->loop, (int)(index * index)));
    return vow_v(vow_attach(both, calls, end_call));
}

static vow_value square(size_t index, void *data)
{
    ((struct calls *)data)->made++;
    return vow_v((int)(index * index));
}

TEST(map_gives_results_in_the_order_of_the_indices)
{
    struct calls calls = {.loop = loop};
    vow_promise *p = vow_map(loop, 5, 0, square, &calls);
    EQ_INT(calls.made, 0); /* never inside the call */
    vow_poll(loop);
    OUTCOME(p, "[0 1 4 9 16]");
    p = vow_map(loop, 4, 0, square_later, &calls);
    vow_clock_advance(loop, 7);
    OUTCOME(p, "[[none 0] [none 1] [none 4] [none 9]]");
}

TEST(for_each_gives_nothing)
{
    struct calls calls = {.loop = loop};
    vow_promise *p = vow_for_each(loop, 5, 2, square, &calls);
    vow_poll(loop);
    OUTCOME(p, "none");
    EQ_INT(calls.made, 5);
}

TEST(map_of_nothing_is_an_empty_array)
{
    int destroyed = 0;
    OUTCOME(vow_map(loop, 0, 3, square, NULL), "[]");
    OUTCOME(vow_for_each(loop, 0, 3, square, NULL), "none");
    vow_promise *p = vow_map_with(loop, 0, 0, square, &destroyed, count_destroy);
    vow_poll(loop);
    EQ_INT(destroyed, 1);
    OUTCOME(p, "[]");
}

/* scenario 83 */
TEST(never_more_than_the_limit_are_unfinished_and_never_fewer_while_some_are_left)
{
    for (int limit = 1; limit <= 9; limit++) {
        struct calls calls = {.loop = loop};
        vow_promise *p = vow_for_each(loop, 50, (size_t)limit, square_later, &calls);
        vow_poll(loop);
        while (vow_state(p) == VOW_PENDING) {
            EQ_INT(calls.running, 50 - calls.made < 1 ? calls.running : limit);
            vow_clock_advance(loop, 1);
        }
        EQ_INT(calls.most, limit);
        EQ_INT(calls.made, 50);
        OUTCOME(p, "none");
    }
}

TEST(without_a_limit_all_are_started)
{
    struct calls calls = {.loop = loop};
    vow_promise *p = vow_for_each(loop, 5000, 0, square_later, &calls);
    vow_poll(loop);
    EQ_INT(calls.running, 5000);
    vow_clock_advance(loop, 7);
    OUTCOME(p, "none");
}

TEST(a_limit_above_the_number_is_no_limit)
{
    struct calls calls = {.loop = loop};
    vow_promise *p = vow_for_each(loop, 5, 1000, square_later, &calls);
    vow_poll(loop);
    EQ_INT(calls.running, 5);
    vow_clock_advance(loop, 7);
    OUTCOME(p, "none");
}

static vow_value some_at_once(size_t index, void *data)
{
    return index % 3 == 0 ? square_later(index, data) : square(index, data);
}

TEST(calls_that_end_at_once_and_others_may_mix)
{
    struct calls calls = {.loop = loop};
    vow_promise *p = vow_map(loop, 7, 2, some_at_once, &calls);
    vow_clock_advance(loop, 100);
    OUTCOME(p, "[[none 0] 1 4 [none 9] 16 25 [none 36]]");
    EQ_INT(calls.most, 2);
}

enum { MANY = 1000000 };

TEST(a_million_plain_results_neither_recurse_nor_starve)
{
    struct calls calls = {.loop = loop};
    vow_promise *p = vow_map(loop, MANY, 4, square, &calls);
    vow_drain(loop, 1000);
    CHECK(calls.made > 100 && calls.made <= 1000);
    vow_poll(loop);
    EQ_INT(calls.made, MANY);
    EQ_INT(vow_as_int(vow_at(vow_peek(p), 1000)), 1000000);
    vow_unref(p);
}

TEST(a_million_results_of_for_each_take_constant_memory)
{
    struct calls calls = {.loop = loop};
    size_t bytes = vow_stats(loop).bytes;
    vow_promise *p = vow_for_each(loop, MANY, 16, square, &calls);
    vow_poll(loop);
    EQ_UINT(vow_stats(loop).bytes, bytes);
    OUTCOME(p, "none");
}

/* Operation `index` of those in data; "NAME+" when it starts. */
static vow_value start_op(size_t index, void *data)
{
    struct op *op = &((struct op *)data)[index];
    trace_add(op->seen, "%s+", op->name);
    return vow_v(op_start_slow(vow_current(), op));
}

/* scenario 82 */
TEST(an_early_failure_stops_new_calls_cancels_the_running_ones_and_waits_for_them)
{
    struct trace seen = {""};
    struct op ops[] = {
        {&seen, "a", NULL}, {&seen, "b", NULL}, {&seen, "c", NULL}, {&seen, "d", NULL}};
    vow_promise *p = vow_for_each_with(loop, 4, 3, start_op, ops, op_destroy);
    vow_mark_handled(p);
    vow_poll(loop);
    op_resolve(&ops[1], vow_fail(EIO, NULL));
    vow_clock_advance(loop, 10); /* its own clean-up */
    IS(p, "pending");
    vow_clock_advance(loop, 10); /* that of the others */
    EQ_TRACE(seen, "a+ b+ c+ b-clean b-cleaned a-stopped c-stopped a-clean c-clean a-cleaned "
                   "c-cleaned ~a");
    OUTCOME(p, "!EIO");
}

static vow_value fail_at(size_t index, void *data)
{
    struct calls *calls = data;
    calls->made++;
    return (int)index == calls->fails_at ? vow_fail(EIO, "number %zu", index)
                                         : vow_v(vow_delay(calls->loop, 5));
}

/* scenario 84 */
TEST(a_mapper_that_fails_at_once_ends_it_and_no_call_is_made_after)
{
    for (int i = 0; i < 5; i++) {
        struct calls calls = {.loop = loop, .fails_at = i};
        vow_promise *p = vow_map(loop, 5, 0, fail_at, &calls);
        vow_mark_handled(p);
        vow_poll(loop);
        EQ_INT(calls.made, i + 1);
        EQ_UINT(vow_stats(loop).timers, 0);
        OUTCOME(p, "!EIO");
    }
}

static vow_value break_op(size_t index, void *data)
{
    struct op *op = &((struct op *)data)[index];
    return index < 2 ? vow_v(vow_catch(op_start(vow_current(), op), op_break, op))
                     : vow_fail(EIO, NULL);
}

TEST(errors_of_cancelled_calls_are_suppressed_by_the_first_one)
{
    struct trace seen = {""};
    struct op ops[] = {{&seen, "a", NULL}, {&seen, "b", NULL}};
    vow_promise *p = vow_map(loop, 3, 0, break_op, ops);
    vow_mark_handled(p);
    vow_poll(loop);
    OUTCOME(p, "!EIO+EPROTO+EPROTO");
}

/* Cancels or drops after `turns` handlers: whatever the point, all started ones are cleaned
 * up, the data is destroyed once and last. */
static void end_after(vow_loop *loop, int turns, bool cancel)
{
    struct trace seen = {""};
    struct op ops[] = {{&seen, "a", NULL}, {&seen, "b", NULL}, {&seen, "c", NULL}};
    vow_promise *p = vow_map_with(loop, 3, 2, start_op, ops, op_destroy);
    for (int i = 0; i < turns; i++) {
        vow_drain(loop, 1);
        if (i == 4)
            op_resolve(&ops[0], vow_v(1));
        if (i == 5)
            vow_clock_advance(loop, 10);
    }
    if (cancel)
        vow_cancel(p);
    else
        p = vow_unref(p);
    vow_clock_advance(loop, 30);
    size_t length = strlen(seen.text);
    EQ_TEXT(seen.text + length - 3, "~a ");
    CHECK(strchr(seen.text, '~') == seen.text + length - 3);
    if (cancel)
        OUTCOME(p, "!ECANCELED");
    for (int i = 0; i < 3; i++)
        CHECK(ops[i].r == NULL);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_map_may_be_cancelled_or_dropped_at_every_point)
{
    for (int turns = 0; turns < 9; turns++) {
        end_after(loop, turns, true);
        end_after(loop, turns, false);
    }
}

/* At call 2 (index 2) the map itself is dropped or cancelled; the others are under way. */
static vow_value drop_own(size_t index, void *data)
{
    struct calls *calls = data;
    if (index == 2)
        calls->own = vow_unref(calls->own);
    return square_later(index, data);
}
static vow_value cancel_own(size_t index, void *data)
{
    struct calls *calls = data;
    if (index == 2)
        vow_cancel(calls->own);
    return square_later(index, data);
}
static void all_ended(void *data)
{
    struct calls *calls = data;
    EQ_INT(calls->running, 0); /* source first: no call uses the data any more */
    trace_add(&calls->seen, "destroyed");
}

TEST(a_mapper_may_drop_its_own_map)
{
    struct calls calls = {.loop = loop};
    calls.own = vow_map_with(loop, 9, 0, drop_own, &calls, all_ended);
    vow_poll(loop);
    EQ_INT(calls.made, 3);
    EQ_TRACE(calls.seen, "destroyed");
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_mapper_may_cancel_its_own_map)
{
    struct calls calls = {.loop = loop};
    calls.own = vow_map_with(loop, 9, 0, cancel_own, &calls, all_ended);
    vow_poll(loop);
    EQ_INT(calls.made, 3);
    EQ_TRACE(calls.seen, "destroyed");
    EQ_UINT(vow_stats(loop).timers, 0);
    OUTCOME(calls.own, "!ECANCELED");
}

static void drop_own_on_stop(void *data)
{
    struct calls *calls = data;
    calls->running--;
    calls->own = vow_unref(calls->own);
}
static vow_value drop_on_stop(UNUSED size_t index, void *data)
{
    struct calls *calls = data;
    vow_resolver *r;
    begin_call(calls);
    vow_promise *p = vow_promise_new(calls->loop, &r);
    vow_on_stop(r, drop_own_on_stop, calls, NULL);
    return vow_v(p);
}

TEST(a_stop_hook_may_drop_the_map_that_is_being_cancelled)
{
    struct calls calls = {.loop = loop};
    calls.own = vow_map_with(loop, 3, 0, drop_on_stop, &calls, all_ended);
    vow_poll(loop);
    EQ_INT(calls.running, 3);
    vow_cancel(calls.own);
    EQ_TRACE(calls.seen, "destroyed");
    EQ_UINT(vow_stats(loop).live, 0);
}

static vow_value give_own(UNUSED size_t index, void *data)
{
    return vow_v(vow_ref(((struct calls *)data)->own));
}

TEST(a_mapper_that_returns_its_own_map_is_a_cycle)
{
    struct calls calls = {.loop = loop};
    calls.own = vow_map(loop, 3, 0, give_own, &calls);
    vow_promise *p = vow_all_settled(loop, vow_ref(calls.own));
    vow_poll(loop);
    OUTCOME(p, "[!ECYCLE]");
    OUTCOME(calls.own, "!ECYCLE");
}

static vow_value map_inner(size_t index, void *data)
{
    return vow_v(vow_map(vow_current(), index, 2, some_at_once, data));
}

TEST(maps_nest)
{
    struct calls calls = {.loop = loop};
    vow_promise *p = vow_map(loop, 4, 3, map_inner, &calls);
    vow_clock_advance(loop, 100);
    OUTCOME(p, "[[] [[none 0]] [[none 0] 1] [[none 0] 1 4]]");
}

/* A foreign thenable and other kinds of results. */
struct later {
    int references;
};
static void *later_ref(void *object)
{
    ((struct later *)object)->references++;
    return object;
}
static void later_unref(void *object) { ((struct later *)object)->references--; }
static void later_then(UNUSED void *object, vow_resolver *resolver)
{
    vow_resolve(resolver, VOW_LIT("then"));
}
static const vow_type later_type = {.size = sizeof(vow_type),
                                    .name = "later",
                                    .ref = later_ref,
                                    .unref = later_unref,
                                    .then = later_then};

static vow_value any_kind(size_t index, void *data)
{
    struct later *later = data;
    switch (index) {
    case 0:
        later->references++;
        return vow_of(&later_type, later);
    case 1:
        return vow_text("text");
    case 2:
        return vow_array(1, (vow_value[]){vow_v(1)});
    case 3:
        return vow_v(value(vow_current(), 3));
    default:
        return vow_none();
    }
}

TEST(a_mapper_may_return_values_of_every_kind)
{
    struct later later = {0};
    vow_promise *p = vow_map(loop, 5, 1, any_kind, &later);
    vow_poll(loop);
    OUTCOME(p, "['then' 'text' [1] 3 none]");
    EQ_INT(later.references, 0);
}
