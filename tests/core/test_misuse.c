/* SPDX-License-Identifier: MIT
 *
 * Misuse panics, in every build, naming the call and where the promise was made.
 */
#include <pthread.h>

#include "core/common.h"

TEST_PANICS(a_handle_that_is_NULL_is_misuse, "vow_then: the promise is NULL")
{
    vow_unref(vow_then(NULL, same, NULL));
}

TEST_PANICS(asking_NULL_for_its_state_is_misuse, "vow_state: the promise is NULL")
{
    vow_state(NULL);
}

TEST_PANICS(a_handle_handed_over_twice_is_misuse, "this handle was given away or released already")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *q = vow_then(p, same, NULL);
    vow_unref(q);
    q = vow_then(p, same, NULL);
    vow_unref(q);
}

TEST_PANICS(the_panic_names_the_place_where_the_promise_was_made, "tests/core/test_misuse.c:")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *q = vow_then(p, same, NULL);
    vow_cancel(p);
    vow_unref(q);
}

TEST_PANICS(a_handle_given_back_twice_is_misuse, "vow_unref: this handle was given away")
{
    vow_promise *p = vow_resolved(loop, vow_v(1));
    vow_unref(p);
    vow_unref(p);
}

/* scenario 13 */
TEST_PANICS(a_result_can_be_taken_once_by_running, "vow_run: this handle was given away")
{
    vow_value v;
    vow_promise *p = vow_resolved(loop, vow_v(1));
    EQ_INT(vow_run(loop, p, &v), 0);
    vow_run(loop, p, &v);
}

/* scenario 13 */
TEST_PANICS(a_promise_can_be_returned_once, "resolving with a promise: this handle was given away")
{
    vow_promise *given = vow_resolved(loop, vow_v(1)), *again = given;
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &given);
    vow_promise *q = vow_then(vow_resolved(loop, vow_none()), give_promise, &again);
    drain(loop);
    vow_unref(p);
    vow_unref(q);
}

TEST_PANICS(a_handle_that_was_given_away_cannot_be_referenced, "vow_ref: this handle")
{
    vow_promise *p = vow_resolved(loop, vow_v(1));
    vow_promise *q = vow_then(p, same, NULL);
    p = vow_ref(p);
    vow_unref(q);
}

static void *use_promise(void *data)
{
    vow_state(data);
    return NULL;
}
static void *use_loop(void *data)
{
    vow_drain(data, 1);
    return NULL;
}
static void *use_resolver(void *data)
{
    vow_resolve(data, vow_v(1));
    return NULL;
}
static void in_thread(void *(*fn)(void *), void *data)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fn, data) == 0);
    pthread_join(thread, NULL);
}

TEST_PANICS(touching_a_promise_from_another_thread_is_misuse, "belongs to another thread")
{
    vow_promise *p = vow_resolved(loop, vow_v(1));
    in_thread(use_promise, p);
    vow_unref(p);
}

TEST_PANICS(touching_a_loop_from_another_thread_is_misuse, "vow_drain: the loop")
{
    in_thread(use_loop, loop);
}

TEST_PANICS(touching_a_resolver_from_another_thread_is_misuse, "vow_resolve: the loop")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    in_thread(use_resolver, r);
    vow_unref(p);
}

/* Without a quarantine the memory of a dropped promise is soon another's. */
TEST_PANICS(the_quarantine_catches_a_stale_handle, "this handle was given away or released already")
{
    vow_loop_quarantine(loop, 16);
    vow_promise *stale = vow_resolved(loop, vow_v(1));
    vow_unref(stale);
    vow_promise *other = vow_resolved(loop, vow_v(2));
    CHECK(other != stale);
    vow_state(stale);
    vow_unref(other);
}

TEST_PANICS(the_quarantine_catches_a_stale_resolver, "the resolver was used already")
{
    vow_resolver *r;
    vow_loop_quarantine(loop, 16);
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_v(1));
    vow_unref(p);
    p = vow_resolved(loop, vow_v(2));
    vow_resolve(r, vow_v(3));
    vow_unref(p);
}

TEST_PANICS(a_value_of_nothing_where_a_promise_is_meant_is_misuse, "no promise")
{
    vow_release(vow_promise_value(NULL));
}

TEST_PANICS(a_rejection_without_an_error_is_misuse, "no error")
{
    vow_unref(vow_rejected(loop, NULL));
}

TEST_PANICS(a_resolver_has_no_argument_that_vow_same_could_mean, "VOW_SAME is for handlers")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, VOW_SAME);
    vow_unref(p);
}
