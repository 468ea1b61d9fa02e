/* SPDX-License-Identifier: MIT
 *
 * Once, the cache whose loads are shared, the stock of objects.
 */
#include "sync/common.h"

struct source {
    struct trace seen;
    struct op op;
    int calls;
    vow_value (*give)(struct source *source);
};

static vow_value give_op(struct source *s) { return vow_v(op_start_slow(vow_current(), &s->op)); }

static vow_value run_source(void *data)
{
    struct source *s = data;
    s->calls++;
    return s->give(s);
}

static void source_init(struct source *s)
{
    memset(s, 0, sizeof *s);
    s->op = (struct op){&s->seen, "op", NULL};
    s->give = give_op;
}

TEST(once_runs_once_for_all_who_ask)
{
    struct source s;
    source_init(&s);
    vow_once *once = vow_once_new(loop);
    vow_promise *a = vow_once_run(once, run_source, &s), *b = vow_once_run(once, run_source, &s);
    EQ_INT(s.calls, 0); /* not inside the call */
    vow_poll(loop);
    op_resolve(&s.op, vow_text("ready"));
    vow_clock_advance(loop, 10);
    OUTCOME(a, "'ready'");
    OUTCOME(b, "'ready'");
    OUTCOME(vow_once_run(once, run_source, &s), "'ready'");
    EQ_INT(s.calls, 1);
    vow_once_free(once);
    CHECK(vow_once_free(NULL) == NULL);
}

static vow_value seven(UNUSED void *data) { return vow_v(7); }

TEST(data_of_a_run_is_destroyed_when_it_has_ended_or_is_not_needed)
{
    int gone = 0;
    vow_once *once = vow_once_new(loop);
    vow_promise *a = vow_once_run_with(once, seven, &gone, count_destroy);
    vow_promise *b = vow_once_run_with(once, seven, &gone, count_destroy);
    EQ_INT(gone, 1); /* b's: a's call is under way */
    vow_poll(loop);
    EQ_INT(gone, 2);
    OUTCOME(vow_once_run_with(once, seven, &gone, count_destroy), "7");
    EQ_INT(gone, 3);
    OUTCOME(a, "7");
    OUTCOME(b, "7");
    vow_once_free(once);
}

TEST(once_that_failed_is_tried_again)
{
    struct source s;
    source_init(&s);
    vow_once *once = vow_once_new(loop);
    vow_promise *a = quiet(vow_once_run(once, run_source, &s));
    vow_promise *b = quiet(vow_once_run(once, run_source, &s));
    vow_poll(loop);
    op_resolve(&s.op, vow_fail(EIO, "x"));
    vow_clock_advance(loop, 10);
    OUTCOME(a, "!EIO");
    OUTCOME(b, "!EIO");
    a = vow_once_run(once, run_source, &s);
    vow_poll(loop);
    EQ_INT(s.calls, 2);
    op_resolve(&s.op, vow_v(1));
    vow_clock_advance(loop, 10);
    OUTCOME(a, "1");
    vow_once_free(once);
}

TEST(what_is_shared_is_cancelled_when_the_last_who_waits_has_gone)
{
    struct source s;
    source_init(&s);
    vow_once *once = vow_once_new(loop);
    vow_promise *a = quiet(vow_once_run(once, run_source, &s)),
                *b = vow_once_run(once, run_source, &s);
    vow_poll(loop);
    vow_cancel(a);
    vow_poll(loop);
    OUTCOME(a, "!ECANCELED");
    EQ_TRACE(s.seen, "");
    vow_unref(b);
    EQ_TRACE(s.seen, "op-stopped");
    struct source other;
    source_init(&other);
    a = vow_once_run(once, run_source, &other); /* does not join what is being cancelled */
    vow_poll(loop);
    EQ_INT(other.calls, 1);
    op_resolve(&other.op, vow_v(2));
    vow_clock_advance(loop, 20);
    OUTCOME(a, "2");
    EQ_TRACE(s.seen, "op-stopped op-clean op-cleaned");
    vow_once_free(once);
}

TEST(once_that_goes_lets_those_finish_who_wait)
{
    struct source s;
    source_init(&s);
    vow_once *once = vow_once_new(loop);
    vow_promise *a = vow_once_run(once, run_source, &s);
    vow_once_free(once);
    vow_poll(loop);
    op_resolve(&s.op, vow_text("late"));
    vow_clock_advance(loop, 10);
    OUTCOME(a, "'late'");
}

/* A load that gives the key and how often it was asked. */
struct loads {
    int n;
    bool fail;
};
static vow_value finish_load(UNUSED vow_value v, void *key) { return vow_textf("%s", (char *)key); }
static vow_value load(const char *key, void *data)
{
    struct loads *l = data;
    l->n++;
    if (l->fail)
        return vow_fail(EIO, "load %s", key);
    return vow_v(vow_then(vow_delay(vow_current(), 10), finish_load, (void *)key));
}

TEST(a_hundred_who_ask_for_a_key_share_one_load)
{
    struct loads l = {0, false};
    vow_promise *got[100];
    char key[] = "alice";
    vow_cache *cache = vow_cache_new(loop, 1000, 10, load, &l);
    for (int i = 0; i < 100; i++)
        got[i] = vow_cache_get(cache, key);
    key[0] = 'X'; /* it has its own copy */
    vow_promise *bob = vow_cache_get(cache, "bob");
    vow_clock_advance(loop, 10);
    for (int i = 0; i < 100; i++)
        OUTCOME(got[i], "'alice'");
    OUTCOME(bob, "'bob'");
    EQ_INT(l.n, 2);
    OUTCOME(vow_cache_get(cache, "alice"), "'alice'");
    EQ_INT(l.n, 2);
    vow_cache_free(cache);
}

static void get_and_drop(vow_loop *loop, vow_cache *cache, const char *key)
{
    vow_promise *p = vow_cache_get(cache, key);
    vow_clock_advance(loop, 10);
    OUTCOME(p, vow_as_text(vow_peek(p))[0] ? outcome_of(p).text : "");
}

TEST(a_value_is_kept_for_its_time_unless_it_is_dropped)
{
    struct loads l = {0, false};
    vow_cache *cache = vow_cache_new(loop, 50, 10, load, &l);
    get_and_drop(loop, cache, "a");
    vow_clock_advance(loop, 49);
    get_and_drop(loop, cache, "a");
    EQ_INT(l.n, 1);
    vow_clock_advance(loop, 1);
    get_and_drop(loop, cache, "a");
    EQ_INT(l.n, 2);
    vow_cache_drop(cache, "a");
    vow_cache_drop(cache, "never seen");
    get_and_drop(loop, cache, "a");
    EQ_INT(l.n, 3);
    vow_cache_free(cache);
    CHECK(vow_cache_free(NULL) == NULL);
}

TEST(with_no_time_only_the_load_is_shared)
{
    struct loads l = {0, false};
    vow_cache *cache = vow_cache_new(loop, 0, 10, load, &l);
    vow_promise *a = vow_cache_get(cache, "a"), *b = vow_cache_get(cache, "a");
    vow_clock_advance(loop, 10);
    OUTCOME(a, "'a'");
    OUTCOME(b, "'a'");
    EQ_INT(l.n, 1);
    get_and_drop(loop, cache, "a");
    EQ_INT(l.n, 2);
    vow_cache_free(cache);
}

TEST(what_was_asked_for_longest_ago_goes_first)
{
    struct loads l = {0, false};
    char key[2] = "a";
    vow_cache *cache = vow_cache_new(loop, VOW_FOREVER, 20, load, &l);
    for (key[0] = 'a'; key[0] < 'a' + 20; key[0]++)
        get_and_drop(loop, cache, key);
    get_and_drop(loop, cache, "a");
    EQ_INT(l.n, 20);
    get_and_drop(loop, cache, "new"); /* in the place of b */
    get_and_drop(loop, cache, "a");
    EQ_INT(l.n, 21);
    get_and_drop(loop, cache, "b");
    EQ_INT(l.n, 22);
    vow_cache_free(cache);
}

TEST(an_error_is_not_kept_nor_what_was_dropped_meanwhile)
{
    struct loads l = {0, true};
    vow_cache *cache = vow_cache_new(loop, VOW_FOREVER, 20, load, &l);
    vow_promise *p = quiet(vow_cache_get(cache, "a"));
    vow_poll(loop);
    OUTCOME(p, "!EIO");
    l.fail = false;
    p = vow_cache_get(cache, "a");
    vow_poll(loop);
    vow_cache_drop(cache, NULL);
    vow_clock_advance(loop, 10);
    OUTCOME(p, "'a'");
    get_and_drop(loop, cache, "a");
    EQ_INT(l.n, 3);
    p = vow_cache_get(cache, "c");
    vow_unref(p); /* nobody wants it: as if it had not been asked for */
    vow_poll(loop);
    get_and_drop(loop, cache, "c");
    vow_cache_free(cache);
}

/* A stock of numbered boxes. */
struct factory {
    int made, gone;
    vow_value well; /* what check gives */
    bool slow, fail;
};
static void object_goes(void *data) { ((struct factory *)data)->gone++; }
static vow_value finish_object(UNUSED vow_value v, void *data)
{
    return vow_box(data, object_goes);
}
static vow_value make_object(void *data)
{
    struct factory *f = data;
    if (f->fail)
        return vow_fail(EPIPE, "no more");
    f->made++;
    if (f->slow)
        return vow_v(vow_then(vow_delay(vow_current(), 10), finish_object, f));
    return vow_box(f, object_goes);
}
static vow_value check_object(UNUSED vow_value object, void *data)
{
    struct factory *f = data;
    return f->slow ? vow_v(vow_delay(vow_current(), 10)) : vow_keep(f->well);
}

static vow_stock *new_stock(vow_loop *loop, struct factory *f, bool check)
{
    vow_stock_policy policy = {2, 100, make_object, check ? check_object : NULL};
    return vow_stock_new(loop, &policy, f);
}

TEST(an_object_is_lent_again_and_at_most_so_many_are_out)
{
    struct factory f = {.made = 0};
    vow_stock *stock = new_stock(loop, &f, false);
    vow_promise *a = vow_stock_take(stock), *b = vow_stock_take(stock), *c = vow_stock_take(stock);
    vow_poll(loop);
    IS(a, "loan");
    IS(c, "pending");
    EQ_PTR(vow_unbox(vow_loan_object(vow_loan_of(vow_peek(b)))), &f);
    vow_unref(a);
    vow_poll(loop);
    IS(c, "loan");
    EQ_INT(f.made, 2);
    vow_loan_spoil(vow_loan_of(vow_peek(c)));
    vow_unref(c);
    EQ_INT(f.gone, 1);
    vow_unref(b);
    EQ_UINT(vow_stock_idle(stock), 1);
    vow_stock_free(stock);
    EQ_INT(f.gone, 2);
    CHECK(vow_stock_free(NULL) == NULL);
}

TEST(an_object_that_fails_its_check_or_is_too_old_is_replaced)
{
    struct factory f = {.well = vow_bool(true)};
    vow_stock *stock = new_stock(loop, &f, true);
    for (int i = 0; i < 5; i++) {
        vow_promise *p = vow_stock_take(stock);
        vow_poll(loop);
        OUTCOME(p, "loan");
        if (i == 1)
            f.well = vow_bool(false); /* the third is made anew */
        if (i == 2)
            f.well = vow_fail(EIO, "unwell"); /* the fourth too */
        if (i == 3) {
            vow_release(f.well);
            f.well = vow_bool(true);
            vow_clock_advance(loop, 100); /* and the fifth */
        }
    }
    EQ_INT(f.made, 4);
    EQ_INT(f.gone, 3);
    vow_stock_free(stock);
}

TEST(a_take_that_is_cancelled_leaves_its_place)
{
    struct factory f = {.slow = true};
    vow_stock *stock = new_stock(loop, &f, true);
    vow_promise *a = vow_stock_take(stock), *b = quiet(vow_stock_take(stock));
    vow_promise *c = quiet(vow_stock_take(stock)), *d = vow_stock_take(stock);
    vow_poll(loop);
    vow_cancel(c); /* waits for its turn */
    vow_cancel(b); /* is being made */
    vow_clock_advance(loop, 10);
    OUTCOME(b, "!ECANCELED");
    OUTCOME(c, "!ECANCELED");
    vow_clock_advance(loop, 10);
    IS(d, "loan");
    vow_unref(a);
    EQ_UINT(vow_stock_idle(stock), 1);
    a = quiet(vow_stock_take(stock));
    vow_poll(loop);
    vow_cancel(a); /* is being checked: nobody knows how it is */
    vow_poll(loop);
    OUTCOME(a, "!ECANCELED");
    EQ_UINT(vow_stock_idle(stock), 0);
    vow_stock_free(stock); /* a loan may outlive it */
    vow_unref(d);
    EQ_INT(f.made, 3);
    EQ_INT(f.gone, 2);
}

TEST(what_make_fails_with_is_the_takes_error_and_the_place_is_free_again)
{
    struct factory f = {.fail = true};
    vow_stock *stock = new_stock(loop, &f, false);
    for (int i = 0; i < 3; i++) {
        vow_promise *p = quiet(vow_stock_take(stock));
        vow_poll(loop);
        OUTCOME(p, "!EPIPE");
    }
    vow_promise *p = vow_stock_take(stock);
    vow_mark_handled(p);
    vow_stock_free(stock);
    vow_poll(loop);
    FAILS_WITH(p, ESHUTDOWN);
}

TEST_PANICS(a_stock_of_nothing_is_misuse, "a stock of nothing")
{
    vow_stock_policy policy = {0, 0, make_object, NULL};
    vow_stock_new(loop, &policy, NULL);
}

static vow_value hand_on(vow_value v, UNUSED void *data) { return vow_keep(v); }

TEST(a_loan_passes_through_handlers_and_comes_back_at_last)
{
    struct factory f = {.made = 0};
    vow_stock *stock = new_stock(loop, &f, false);
    vow_promise *p = vow_then(vow_stock_take(stock), hand_on, NULL);
    vow_poll(loop);
    IS(p, "loan");
    EQ_UINT(vow_stock_idle(stock), 0);
    vow_unref(p);
    EQ_UINT(vow_stock_idle(stock), 1);
    CHECK(vow_loan_unref(NULL) == NULL);
    vow_stock_free(stock);
}
