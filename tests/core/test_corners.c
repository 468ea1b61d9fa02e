/* SPDX-License-Identifier: MIT
 *
 * Corners that only the measuring of coverage found untested.
 */
#include <unistd.h>

#include "core/common.h"

/* No memory. */

TEST(a_refused_promise_that_was_told_and_is_refused_again_is_told_again)
{
    struct trace seen = {""};
    struct lines lines = exhaust_lines(loop);
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_resolved(loop, vow_v(1));
    drain(loop);
    p = vow_then(p, never_called, NULL);
    drain(loop);
    vow_test_fail_allocation(0, false);
    EQ_INT(error_code(p), ENOMEM);
    EQ_TRACE(seen, "unhandled!ENOMEM unhandled!ENOMEM");
    EXPECT_UNHANDLED(2);
    vow_unref(p);
    give_lines_back(&lines);
}

TEST_PLAIN(a_refused_promise_outlives_its_loop)
{
    vow_loop *loop_ = vow_loop_new();
    struct lines lines = exhaust_lines(loop_);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_resolved(loop_, vow_v(1));
    vow_test_fail_allocation(0, false);
    vow_mark_handled(p);
    give_lines_back(&lines);
    vow_loop_free(loop_);
    EQ_INT(error_code(p), ENOMEM);
    CHECK(vow_test_blocks() > 0);
    vow_unref(p);
    EQ_UINT(vow_test_blocks(), 0);
}

TEST(a_source_detached_without_memory_survives_the_cancel_of_its_only_branch)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    struct op op = {0};
    vow_promise *source = op_start(loop, &op);
    vow_promise *branch = vow_handle(vow_ref(source), note_value, &a);
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_detach(source, NULL, NULL, NULL);
    vow_test_fail_allocation(0, false);
    vow_cancel(branch);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED");
    EQ_INT(op.stops, 0);
    vow_resolve(op.r, vow_v(1));
    vow_unref(branch);
    give_lines_back(&lines);
}

/* Foreign thenables that drop the promise they are to settle. */

struct dropper {
    vow_promise *p, *follow;
    vow_resolver *kept;
};

static void *dropper_ref(void *object) { return object; }
static void dropper_unref(UNUSED void *object) {}
static void dropper_then(void *object, vow_resolver *r)
{
    struct dropper *d = object;
    d->p = vow_unref(d->p);
    if (d->follow != NULL)
        vow_resolve(r, vow_v(d->follow));
    else
        d->kept = r;
}
static const vow_type dropper_type = {.size = sizeof(vow_type),
                                      .name = "dropper",
                                      .ref = dropper_ref,
                                      .unref = dropper_unref,
                                      .then = dropper_then};

TEST(a_thenable_may_drop_its_promise_and_then_give_it_one_to_follow)
{
    struct op op = {0};
    struct dropper d = {.follow = op_start(loop, &op)};
    d.p = vow_resolved(loop, vow_of(&dropper_type, &d));
    drain(loop);
    EQ_INT(op.stops, 1);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_thenable_may_drop_its_promise_and_keep_the_resolver)
{
    int destroyed = 0;
    struct dropper d = {0};
    d.p = vow_resolved(loop, vow_of(&dropper_type, &d));
    drain(loop);
    CHECK(d.kept != NULL && !vow_is_wanted(d.kept));
    vow_resolve(d.kept, counted(&destroyed));
    EQ_INT(destroyed, 1);
}

static void cancel_let_go_and_settle(void *object, vow_resolver *r)
{
    struct dropper *d = object;
    vow_cancel(d->p);
    vow_mark_handled(d->p);
    d->p = vow_unref(d->p);
    vow_resolve(r, vow_v(1));
}
static const vow_type cancelling_type = {.size = sizeof(vow_type),
                                         .name = "cancelling",
                                         .ref = dropper_ref,
                                         .unref = dropper_unref,
                                         .then = cancel_let_go_and_settle};

TEST(a_thenable_may_cancel_its_promise_and_let_it_go_before_it_settles_it)
{
    struct dropper d = {0};
    d.p = vow_resolved(loop, vow_of(&cancelling_type, &d));
    drain(loop);
    EQ_UINT(vow_stats(loop).live, 0);
    vow_promise *one = vow_resolved(loop, vow_v(1)), *two = vow_resolved(loop, vow_v(2));
    CHECK(one != two); /* the line was not given back twice */
    vow_unref(one);
    vow_unref(two);
}

static void settle_twice(UNUSED void *object, vow_resolver *r)
{
    vow_resolve(r, vow_v(1));
    vow_resolve(r, vow_v(2));
}
static const vow_type twice_type = {.size = sizeof(vow_type),
                                    .name = "twice",
                                    .ref = dropper_ref,
                                    .unref = dropper_unref,
                                    .then = settle_twice};

TEST_PANICS(a_thenable_cannot_settle_twice_in_its_own_hook, "the resolver was used already")
{
    int object;
    vow_promise *p = vow_resolved(loop, vow_of(&twice_type, &object));
    drain(loop);
    vow_unref(p);
}

/* A cancel whose stop hook drops everything, inside the handler of one of the inputs. */

static void stop_and_drop(void *data)
{
    vow_promise **held = data;
    *held = vow_unref(*held);
}

static vow_value cancel_held(UNUSED vow_value v, void *data)
{
    vow_promise **held = data;
    vow_cancel(*held);
    return vow_v(1);
}

TEST(a_stop_hook_may_drop_what_is_being_cancelled_inside_the_handler_of_an_input)
{
    int destroyed = 0;
    vow_promise *tail = NULL;
    vow_resolver *r;
    vow_promise *first = vow_promise_new(loop, &r);
    vow_on_stop(r, stop_and_drop, &tail, NULL);
    vow_promise *second = vow_then(vow_resolved(loop, counted(&destroyed)), cancel_held, &tail);
    tail = vow_then(vow_all(loop, first, second), never_called, NULL);
    drain(loop);
    CHECK(tail == NULL);
    EQ_INT(destroyed, 1);
    EQ_UINT(vow_stats(loop).live, 0);
}

/* Stop hooks. */

TEST_PANICS(a_resolver_has_one_destroy_function, "the resolver has a stop hook already")
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, NULL, &op, op_destroy);
    vow_on_stop(r, NULL, &op, op_destroy);
    vow_unref(p);
}

TEST(a_stop_hook_without_a_destroy_function_may_come_too_late)
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_cancel(p);
    vow_on_stop(r, op_stop, &op, NULL);
    vow_resolver_drop(r);
    EQ_INT(op.stops, 0);
    vow_unref(p);
}

/* Types that do not count, places that were not recorded. */

static int references;
static void *uncounted_ref(void *object)
{
    references++;
    return object;
}
static void uncounted_unref(UNUSED void *object) { references--; }
static const vow_type uncounted_type = {
    .size = sizeof(vow_type), .name = "uncounted", .ref = uncounted_ref, .unref = uncounted_unref};

static vow_value keep_argument(vow_value v, UNUSED void *data) { return vow_keep(v); }

TEST(an_object_that_does_not_tell_its_references_may_be_kept_and_returned)
{
    references = 1;
    vow_promise *p = vow_resolved(loop, vow_of(&uncounted_type, &references));
    p = vow_then(p, keep_argument, NULL);
    drain(loop);
    EQ_PTR(vow_as(vow_peek(p), &uncounted_type), &references);
    EQ_INT(references, 1);
    vow_unref(p);
    EQ_INT(references, 0);
}

static vow_value give_argument_away(vow_value v, UNUSED void *data) { return v; }

TEST_PANICS(misuse_is_told_without_places_too, "places are not recorded")
{
    int destroyed = 0;
    vow_places(false);
    vow_loop *other = vow_loop_new();
    vow_promise *p = vow_then(vow_resolved(other, counted(&destroyed)), give_argument_away, NULL);
    vow_drain(other, SIZE_MAX);
    vow_unref(p);
}

TEST_PLAIN(an_environment_that_asks_for_neither_places_nor_a_quarantine)
{
    setenv("VOW_DEBUG", "nothing that there is", 1);
    vow_loop *loop_ = vow_loop_new();
    vow_promise *p = vow_resolved(loop_, vow_v(1));
    vow_unref(p);
    vow_promise *q = vow_resolved(loop_, vow_v(2));
    EQ_PTR(p, q); /* used again at once */
    vow_unref(q);
    vow_loop_free(loop_);
    unsetenv("VOW_DEBUG");
}

static void keep_text(const char *line, void *data) { snprintf(data, 200, "%s", line); }

TEST_PLAIN(an_unhandled_rejection_is_told_without_its_place_where_none_was_recorded)
{
    char text[300] = "";
    int fds[2], kept = dup(STDERR_FILENO);
    vow_places(false);
    vow_loop *loop_ = vow_loop_new();
    CHECK(pipe(fds) == 0);
    vow_unref(vow_rejected(loop_, eio()));
    dup2(fds[1], STDERR_FILENO);
    vow_drain(loop_, SIZE_MAX);
    dup2(kept, STDERR_FILENO);
    CHECK(read(fds[0], text, sizeof text - 1) > 0);
    HAS_TEXT(text, "vow: unhandled rejection:\n");
    for (int i = 0; i < 2; i++)
        close(fds[i]);
    close(kept);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_promise_is_dumped_without_its_place_where_none_was_recorded)
{
    char text[200] = "";
    vow_resolver *r;
    vow_places(false);
    vow_loop *loop_ = vow_loop_new();
    vow_promise *p = vow_promise_new(loop_, &r);
    vow_dump_promise(p, keep_text, text);
    EQ_TEXT(text, "promise, 1 handle");
    vow_unref(p);
    vow_resolver_drop(r);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_quarantine_of_a_closed_loop_is_given_up_with_the_loop)
{
    vow_loop *loop_ = vow_loop_new();
    vow_loop_quarantine(loop_, 10);
    for (int i = 0; i < 5; i++)
        vow_unref(vow_resolved(loop_, vow_v(i)));
    EQ_UINT(vow_loop_close(loop_), 0);
    vow_loop_quarantine(loop_, 0);
    vow_loop_free(loop_);
    EQ_UINT(vow_test_blocks(), 0);
}

/* Order and ownership, where faults had gone unnoticed. */

TEST(a_handlers_result_settles_its_promise_in_the_same_job)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), same, NULL);
    vow_promise *q = vow_catch(vow_resolved(loop, vow_v(2)), never_caught, NULL);
    p = vow_then(p, note_value, &a);
    q = vow_then(q, note_value, &b);
    drain(loop);
    EQ_TRACE(seen, "a=1 b=2");
    vow_unref(p);
    vow_unref(q);
}

static void take_over(vow_loop *loop, vow_value v, const char *expected)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *settled = vow_resolved(loop, v);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &settled);
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(2)), same, NULL);
    p = vow_then(p, note_value, &a);
    q = vow_then(q, note_value, &b);
    drain(loop);
    EQ_TRACE(seen, expected);
    vow_unref(p);
    vow_unref(q);
}

TEST(a_settled_promise_that_a_handler_returns_is_taken_over_in_the_same_job)
{
    int destroyed = 0;
    take_over(loop, vow_v(1), "a=1 b=2");
    take_over(loop, counted(&destroyed), "a=box b=2");
    EQ_INT(destroyed, 1);
}

TEST(rejecting_with_a_promise_inside_the_error_does_not_follow_it)
{
    vow_resolver *r, *inner;
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_promise_new(loop, &inner);
    vow_mark_handled(p);
    vow_reject(r, vow_error_of_value(vow_v(q)));
    EQ_INT(error_code(p), VOW_EVALUE);
    EQ_PTR(vow_error_payload(vow_error_of(p)).as.p, q);
    vow_unref(p);
    vow_resolver_drop(inner);
}

struct owner {
    vow_promise *own;
    int destroyed;
};
static void count_and_drop(void *data)
{
    struct owner *owner = data;
    owner->destroyed++;
    owner->own = vow_unref(owner->own);
}

TEST(data_is_destroyed_once_though_its_destructor_drops_its_own_promise)
{
    struct owner owner = {NULL, 0};
    owner.own = vow_attach(vow_resolved(loop, vow_v(1)), &owner, count_and_drop);
    drain(loop);
    EQ_INT(owner.destroyed, 1);
}

static vow_value is_not_destroyed(UNUSED vow_value v, void *destroyed)
{
    EQ_INT(*(int *)destroyed, 0);
    return vow_none();
}

TEST(a_value_lives_until_its_last_handler_has_returned)
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, counted(&destroyed));
    vow_promise *q = vow_then(vow_ref(p), is_not_destroyed, &destroyed);
    p = vow_then(p, is_not_destroyed, &destroyed);
    drain(loop);
    EQ_INT(destroyed, 1);
    vow_unref(q);
    vow_unref(p);
    destroyed = 0;
    vow_resolver *r;
    p = vow_then(vow_promise_new(loop, &r), is_not_destroyed, &destroyed);
    vow_resolve(r, counted(&destroyed));
    drain(loop);
    EQ_INT(destroyed, 1);
    vow_unref(p);
}

TEST(a_value_that_passes_two_ways_arrives_both_ways)
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, counted(&destroyed));
    vow_promise *q = vow_catch(vow_ref(p), never_caught, NULL);
    p = vow_catch(p, never_caught, NULL);
    drain(loop);
    EQ_TEXT(vow_type_name(vow_peek(p)), "box");
    EQ_TEXT(vow_type_name(vow_peek(q)), "box");
    vow_unref(p);
    vow_unref(q);
    EQ_INT(destroyed, 1);
}

TEST(a_late_consumer_that_is_cancelled_leaves_the_value_to_those_before_it)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_ref(source), note_value, &a);
    vow_resolve(r, vow_text("text"));
    vow_promise *late = vow_handle(source, note_value, &b);
    vow_cancel(late);
    drain(loop);
    EQ_TRACE(seen, "a=text b!ECANCELED");
    vow_unref(p);
    vow_unref(late);
}

TEST(a_follower_that_was_cut_off_keeps_its_place_when_its_handle_goes)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r, *followed_r;
    vow_promise *followed = vow_promise_new(loop, &followed_r), *p = vow_promise_new(loop, &r);
    vow_promise *q = vow_handle(vow_ref(p), note_value, &a);
    vow_resolve(r, vow_v(vow_ref(followed)));
    vow_cancel(p);
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED");
    vow_unref(q);
    vow_unref(followed);
    vow_resolver_drop(followed_r);
}

TEST(a_consumer_that_is_cancelled_leaves_the_value_to_a_late_one)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_handle(vow_ref(source), note_value, &a);
    vow_resolve(r, vow_text("text"));
    vow_promise *late = vow_then(source, note_value, &b);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED b=text");
    vow_unref(p);
    vow_unref(late);
}

struct canceller {
    vow_promise *victim;
    int *destroyed;
};
static vow_value cancel_the_next(UNUSED vow_value v, void *data)
{
    struct canceller *c = data;
    vow_cancel(c->victim);
    EQ_INT(*c->destroyed, 0);
    return vow_none();
}

TEST(a_value_lives_under_its_handler_though_that_cancels_the_last_other_consumer)
{
    struct trace seen = {""};
    struct note b = {&seen, "b"};
    int destroyed = 0;
    struct canceller c = {NULL, &destroyed};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_ref(source), cancel_the_next, &c);
    c.victim = vow_handle(source, note_value, &b);
    vow_resolve(r, counted(&destroyed));
    drain(loop);
    EQ_TRACE(seen, "b!ECANCELED");
    EQ_INT(destroyed, 1);
    vow_unref(p);
    vow_unref(c.victim);
}

/* Followers whose last handle goes. */

TEST(a_follower_may_be_let_go_when_what_it_follows_has_settled)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r, *followed_r;
    vow_promise *followed = vow_promise_new(loop, &followed_r), *p = vow_promise_new(loop, &r);
    vow_promise *q = vow_then(vow_ref(p), note_value, &a);
    vow_resolve(r, vow_v(vow_ref(followed)));
    vow_resolve(followed_r, vow_v(1));
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "a=1");
    vow_unref(q);
    vow_unref(followed);
}

TEST(a_follower_that_two_wait_for_stays_between_when_its_handle_goes)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r, *followed_r;
    vow_promise *followed = vow_promise_new(loop, &followed_r), *p = vow_promise_new(loop, &r);
    vow_promise *q = vow_then(vow_ref(p), note_value, &a);
    vow_promise *other = vow_then(vow_ref(p), note_value, &b);
    vow_resolve(r, vow_v(vow_ref(followed)));
    vow_unref(p);
    vow_resolve(followed_r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1 b=1");
    vow_unref(q);
    vow_unref(other);
    vow_unref(followed);
}
