/* SPDX-License-Identifier: MIT
 *
 * A million links on a thread with a 64 KiB stack: nothing in the core recurses. (Fewer
 * links and more stack where a sanitizer wants room for itself.)
 */
#include "core/common.h"
#include "vow/flow.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
enum { LINKS = 100000, STACK_BYTES = 1024 * 1024 };
#else
enum { LINKS = 1000000, STACK_BYTES = 64 * 1024 };
#endif

static size_t links(void) { return getenv("VOW_TEST_SLOW") ? LINKS / 10 : LINKS; }

static void *with_loop(void *data)
{
    void (*body)(vow_loop *, size_t) = *(void (**)(vow_loop *, size_t))data;
    vow_loop *loop = vow_loop_new();
    body(loop, links());
    EQ_UINT(vow_stats(loop).live, 0);
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_loop_free(loop);
    return NULL;
}

static void on_small_stack(void (*body)(vow_loop *loop, size_t n))
{
    harness_on_stack(STACK_BYTES, with_loop, &body);
}

static void settle_chain(vow_loop *loop, size_t n)
{
    vow_resolver *r;
    vow_promise *p = chain_of(vow_promise_new(loop, &r), n, add_one, NULL);
    vow_resolve(r, vow_v(0));
    drain(loop);
    EQ_UINT((size_t)vow_as_int(vow_peek(p)), n);
    vow_unref(p);
}

static void reject_chain(vow_loop *loop, size_t n)
{
    vow_resolver *r;
    vow_promise *p = chain_of(vow_promise_new(loop, &r), n, never_called, NULL);
    vow_mark_handled(p);
    vow_reject(r, eio());
    drain(loop);
    EQ_INT(error_code(p), EIO);
    vow_unref(p);
}

static void cancel_chain(vow_loop *loop, size_t n)
{
    struct op op = {0};
    vow_promise *p = chain_of(op_start(loop, &op), n, never_called, NULL);
    vow_cancel(p);
    EQ_INT(op.stops, 1);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

static void drop_chain(vow_loop *loop, size_t n)
{
    struct op op = {0};
    vow_unref(chain_of(op_start(loop, &op), n, never_called, NULL));
    EQ_INT(op.stops, 1);
}

/* scenario 53 */
TEST_PLAIN(a_chain_of_a_million_settles_on_a_small_stack) { on_small_stack(settle_chain); }
TEST_PLAIN(a_chain_of_a_million_rejects_on_a_small_stack) { on_small_stack(reject_chain); }
TEST_PLAIN(a_chain_of_a_million_is_cancelled_on_a_small_stack) { on_small_stack(cancel_chain); }
/* scenario 53 */
TEST_PLAIN(a_chain_of_a_million_is_dropped_on_a_small_stack) { on_small_stack(drop_chain); }

struct row {
    vow_promise **p;
    vow_resolver **r;
    size_t n;
};
static struct row row_of(vow_loop *loop, size_t n)
{
    struct row row = {malloc(n * sizeof *row.p), malloc(n * sizeof *row.r), n};
    for (size_t i = 0; i < n; i++)
        row.p[i] = vow_promise_new(loop, &row.r[i]);
    return row;
}
static void free_row(struct row *row)
{
    for (size_t i = 0; i < row->n; i++)
        vow_unref(row->p[i]);
    free(row->p);
    free(row->r);
}

/* Each follows the next and is held: none may be spliced out. */
static void follow_chain(vow_loop *loop, size_t n)
{
    struct row row = row_of(loop, n);
    for (size_t i = 0; i + 1 < n; i++)
        vow_resolve(row.r[i], vow_v(vow_ref(row.p[i + 1])));
    vow_resolve(row.r[n - 1], vow_v(42));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(row.p[0])), 42);
    free_row(&row);
}

static void drop_followers(vow_loop *loop, size_t n)
{
    struct op op = {0};
    struct row row = row_of(loop, n);
    for (size_t i = 0; i + 1 < n; i++)
        vow_resolve(row.r[i], vow_v(vow_ref(row.p[i + 1])));
    vow_on_stop(row.r[n - 1], op_stop, &op, op_destroy);
    for (size_t i = n - 1; i > 0; i--)
        row.p[i] = vow_unref(row.p[i]);
    EQ_INT(op.stops, 0);
    free_row(&row);
    EQ_INT(op.stops, 1);
}

TEST_PLAIN(a_million_followers_settle_on_a_small_stack) { on_small_stack(follow_chain); }
TEST_PLAIN(a_million_followers_are_dropped_on_a_small_stack) { on_small_stack(drop_followers); }

static void fan_out(vow_loop *loop, size_t n)
{
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r), **p = malloc(n * sizeof(vow_promise *));
    for (size_t i = 0; i < n; i++)
        p[i] = vow_then(vow_ref(source), same, NULL);
    for (size_t i = 0; i < n; i += 2)
        p[i] = vow_unref(p[i]);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p[n - 1])), 1);
    for (size_t i = 0; i < n; i++)
        vow_unref(p[i]);
    vow_unref(source);
    free(p);
}

/* scenario 53 */
TEST_PLAIN(a_set_of_a_million_consumers_comes_and_goes_on_a_small_stack)
{
    on_small_stack(fan_out);
}

/* A promise of a value that holds a promise of a value ... */
static void nest_values(vow_loop *loop, size_t n)
{
    vow_promise *p = vow_resolved(loop, vow_none());
    for (size_t i = 0; i < n; i++) {
        vow_value items[] = {vow_v(p)};
        p = vow_resolved(loop, vow_array(1, items));
    }
    vow_unref(p);
}

TEST_PLAIN(a_million_promises_in_each_others_values_are_freed_on_a_small_stack)
{
    on_small_stack(nest_values);
}

static vow_promise *nested_races(vow_loop *loop, struct op *op, size_t n)
{
    vow_promise *p = op_start(loop, op);
    for (size_t i = 0; i < n; i++)
        p = vow_race(loop, vow_then(p, same, NULL));
    return p;
}
static void settle_races(vow_loop *loop, size_t n)
{
    struct op op = {0};
    vow_promise *p = nested_races(loop, &op, n / 4);
    vow_resolve(op.r, vow_v(42));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    vow_unref(p);
}
static void cancel_races(vow_loop *loop, size_t n)
{
    struct op op = {0};
    vow_promise *p = nested_races(loop, &op, n / 4);
    vow_cancel(p);
    EQ_INT(op.stops, 1);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}
static void drop_races(vow_loop *loop, size_t n)
{
    struct op op = {0};
    vow_unref(nested_races(loop, &op, n / 4));
    EQ_INT(op.stops, 1);
}

TEST_PLAIN(nested_combinators_settle_on_a_small_stack) { on_small_stack(settle_races); }
TEST_PLAIN(nested_combinators_are_cancelled_on_a_small_stack) { on_small_stack(cancel_races); }
TEST_PLAIN(nested_combinators_are_dropped_on_a_small_stack) { on_small_stack(drop_races); }

/* Each destructor drops the next. */
struct link {
    vow_promise *next;
};
static void link_destroy(void *data)
{
    struct link *link = data;
    vow_unref(link->next);
    free(link);
}
static void drop_in_destructors(vow_loop *loop, size_t n)
{
    vow_promise *p = NULL;
    for (size_t i = 0; i < n; i++) {
        struct link *link = malloc(sizeof *link);
        vow_resolver *r;
        link->next = p;
        p = vow_attach(vow_promise_new(loop, &r), link, link_destroy);
        vow_resolver_abandon(r);
    }
    vow_unref(p);
}

TEST_PLAIN(destructors_that_drop_the_next_a_million_times_run_on_a_small_stack)
{
    on_small_stack(drop_in_destructors);
}

static vow_value wait_for_held(void *data) { return give_promise(vow_none(), data); }

/* Each clean-up waits for the one before, all cancelled at once. */
static void wait_for_clean_ups(vow_loop *loop, size_t n)
{
    struct op op = {0};
    struct row row = row_of(loop, n / 4);
    vow_promise *p = op_start(loop, &op);
    for (size_t i = 0; i < row.n; i++) {
        p = vow_finally(p, wait_for_held, &row.p[i]);
        vow_resolve(row.r[i], vow_none());
    }
    vow_cancel(p);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    free_row(&row);
}

TEST_PLAIN(a_chain_of_clean_ups_is_cancelled_on_a_small_stack)
{
    on_small_stack(wait_for_clean_ups);
}

static void close_chain(vow_loop *loop, size_t n)
{
    struct op op = {0};
    vow_promise *p = chain_of(op_start(loop, &op), n, never_called, NULL);
    EQ_UINT(vow_loop_close(loop), 1);
    EQ_INT(error_code(p), VOW_ECLOSED);
    vow_unref(p);
}

TEST_PLAIN(a_chain_of_a_million_ends_with_its_loop_on_a_small_stack)
{
    on_small_stack(close_chain);
}
