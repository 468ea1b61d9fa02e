/* SPDX-License-Identifier: MIT
 *
 * Scopes, locks, channels and sequences in straight code; and a cancel or a drop at each point
 * where such code can be.
 */
#include "flow/common.h"

static vow_value send_three(void *ch)
{
    for (int i = 1; i <= 3; i++)
        if (vow_await(vow_channel_send(ch, vow_v(i)), NULL) != 0)
            return vow_fail(EIO, "send");
    vow_channel_close(ch);
    return vow_none();
}

static vow_value receive_sum(void *ch)
{
    int64_t sum = 0;
    vow_value v;
    while (vow_await(vow_channel_receive(ch), &v) == 0 && !vow_is_end(v))
        sum = 10 * sum + vow_as_int(v);
    return vow_v(sum);
}

/* scenario 126 */
TEST(two_fibers_over_a_channel_without_capacity)
{
    vow_channel *ch = vow_channel_new(loop, 0);
    vow_promise *sends = vow_spawn(loop, send_three, ch, NULL);
    vow_promise *sum = vow_spawn(loop, receive_sum, ch, NULL);
    vow_poll(loop);
    OUTCOME(sum, "123");
    OUTCOME(sends, "none");
    vow_channel_unref(ch);
}

struct patient {
    vow_scope *scope;
    struct trace seen;
};
static vow_value wait_within(void *data)
{
    struct patient *p = data;
    for (int i = 0; i < 3; i++)
        trace_add(&p->seen, "%s",
                  code_name(vow_await(vow_within(p->scope, vow_delay(vow_current(), 50)), NULL)));
    return vow_none();
}

TEST(every_await_within_a_scope_that_is_over_fails_at_once)
{
    struct patient p = {.scope = vow_scope_new(loop, VOW_FAIL_FAST)};
    EQ_INT(vow_scope_deadline(p.scope, 20), 0);
    vow_promise *fiber = vow_spawn(loop, wait_within, &p, NULL); /* no child: is not cancelled */
    vow_clock_advance(loop, 20);
    EQ_TRACE(p.seen, "ETIMEDOUT ETIMEDOUT ETIMEDOUT");
    OUTCOME(fiber, "none");
    vow_scope_free(p.scope);
}

/* Everything that can be waited for, one after the other, and what shows that it was given back. */
struct ward {
    vow_semaphore *s;
    vow_mutex *m;
    vow_condition *c;
    vow_channel *in, *out;
    vow_rate *rate;
    vow_once *once;
    vow_stock *stock;
    vow_scope *scope;
    int made, gone, ended;
};

static void thing_goes(void *data) { ((struct ward *)data)->gone++; }
static vow_value make_thing(void *data)
{
    ((struct ward *)data)->made++;
    return vow_box(data, thing_goes);
}
static vow_value slowly(UNUSED void *data) { return vow_v(vow_delay(vow_current(), 2)); }
static vow_value child(UNUSED void *data) { return vow_v(vow_delay(vow_current(), 3)); }

static vow_value visit_all(void *data)
{
    struct ward *w = data;
    vow_value held[3] = {vow_none(), vow_none(), vow_none()}, v = vow_none();
    int code = vow_await(vow_semaphore_acquire(w->s, 2), &held[0]);
    if (code == 0)
        code = vow_await(vow_mutex_lock(w->m), &held[1]);
    if (code == 0) {
        vow_permit *permit = vow_permit_of(held[1]);
        held[1] = vow_none();
        code = vow_await(vow_condition_wait(w->c, permit), &held[1]);
    }
    if (code == 0)
        code = vow_await(vow_channel_receive(w->in), NULL);
    if (code == 0)
        code = vow_await(vow_channel_send(w->out, vow_text("out")), NULL);
    for (int i = 0; i < 3 && code == 0; i++)
        code = vow_await(vow_rate_take(w->rate, 1), NULL);
    if (code == 0)
        code = vow_await(vow_once_run(w->once, slowly, w), NULL);
    if (code == 0)
        code = vow_await(vow_stock_take(w->stock), &held[2]);
    if (code == 0) {
        vow_scope_start(w->scope, child, w);
        code = vow_await(vow_scope_join(w->scope), NULL);
    }
    vow_release(v);
    for (int i = 0; i < 3; i++)
        vow_release(held[i]);
    return code == 0 ? vow_none() : vow_fail(code, "not all");
}

static void ward_ended(void *data) { ((struct ward *)data)->ended++; }

static void open_ward(vow_loop *loop, struct ward *w)
{
    static const vow_stock_policy policy = {.most = 1, .make = make_thing};
    *w = (struct ward){.s = vow_semaphore_new(loop, 2), .m = vow_mutex_new(loop)};
    w->c = vow_condition_new(loop);
    w->in = vow_channel_new(loop, 0);
    w->out = vow_channel_new(loop, 0);
    w->rate = vow_rate_new(loop, 1, 2, 1);
    w->once = vow_once_new(loop);
    w->stock = vow_stock_new(loop, &policy, w);
    w->scope = vow_scope_new(loop, VOW_FAIL_FAST);
}

/* One step of the world outside, so that each wait ends sometime. */
static void step(vow_loop *loop, struct ward *w)
{
    vow_drain(loop, 1);
    vow_condition_notify(w->c);
    if (vow_channel_count(w->in) == 0)
        vow_unref(vow_channel_send(w->in, vow_v(1)));
    vow_release(vow_channel_drain(w->out));
    vow_clock_advance(loop, 1);
}

static void close_ward(vow_loop *loop, struct ward *w)
{
    vow_clock_advance(loop, 20);
    EQ_UINT(vow_semaphore_available(w->s), 2);
    vow_value v = vow_mutex_try(w->m);
    CHECK(!vow_is_none(v));
    vow_release(v);
    EQ_UINT(vow_stock_idle(w->stock), w->made - w->gone);
    vow_semaphore_free(w->s);
    vow_mutex_free(w->m);
    vow_condition_free(w->c);
    vow_channel_unref(w->in);
    vow_channel_unref(w->out);
    vow_rate_free(w->rate);
    vow_once_free(w->once);
    vow_stock_free(w->stock);
    vow_scope_free(w->scope);
    EQ_INT(w->gone, w->made);
    EQ_INT(w->ended, 1);
}

/* How many steps it takes undisturbed. */
static int steps_of(vow_loop *loop)
{
    struct ward w;
    open_ward(loop, &w);
    vow_promise *p = vow_spawn(loop, visit_all, &w, ward_ended);
    int steps = 0;
    for (; vow_state(p) == VOW_PENDING; steps++)
        step(loop, &w);
    OUTCOME(p, "none");
    close_ward(loop, &w);
    return steps;
}

TEST(cancelled_or_dropped_anywhere_it_gives_back_all_it_had)
{
    int steps = steps_of(loop);
    CHECK(steps > 8 && steps < 100);
    for (int at = 0; at <= 2 * steps; at++) {
        struct ward w;
        open_ward(loop, &w);
        vow_promise *p = vow_spawn(loop, visit_all, &w, ward_ended);
        vow_mark_handled(p);
        for (int i = 0; i < at / 2; i++)
            step(loop, &w);
        if (at % 2) {
            vow_unref(p);
        } else {
            vow_cancel(p);
            vow_clock_advance(loop, 20);
            CHECK(vow_state(p) != VOW_PENDING);
            vow_unref(p);
        }
        close_ward(loop, &w);
    }
}

static vow_value text_of(const char *key, UNUSED void *data) { return vow_text(key); }
static vow_value no_number(UNUSED void *data) { return vow_none(); }

/* No test's loop: it is freed in the middle. */
TEST_PLAIN(all_of_it_may_go_after_the_loop)
{
    static const vow_stock_policy policy = {.most = 1, .make = make_thing};
    struct ward w = {.made = 0};
    vow_loop *own = vow_loop_new();
    vow_scope *scope = vow_scope_new(own, VOW_FAIL_FAST);
    vow_scope *inner = vow_scope_new_in(scope, VOW_COLLECT);
    vow_scope_add(inner, vow_delay(own, 1000));
    vow_owner *owner = vow_owner_new(own);
    vow_channel *ch = vow_channel_new(own, 1);
    vow_value v;
    EQ_INT(vow_run(own, vow_channel_send(ch, vow_text("left")), NULL), 0);
    vow_seq *seq = vow_seq_map(vow_seq_of_channel(own, ch), (vow_then_fn *)NULL, NULL);
    vow_semaphore *s = vow_semaphore_new(own, 1);
    vow_value permit = vow_semaphore_try(s, 1);
    vow_condition *c = vow_condition_new(own);
    vow_flag *f = vow_flag_new(own);
    vow_rate *r = vow_rate_new(own, 1, 1, 1);
    vow_once *once = vow_once_new(own);
    vow_cache *cache = vow_cache_new(own, VOW_FOREVER, 9, text_of, NULL);
    vow_stock *stock = vow_stock_new(own, &policy, &w);
    EQ_INT(vow_run(own, vow_cache_get(cache, "key"), NULL), 0);
    EQ_INT(vow_run(own, vow_once_run(once, no_number, NULL), NULL), 0);
    EQ_INT(vow_run(own, vow_stock_take(stock), &v), 0);
    vow_loop_free(own);
    vow_release(v);
    vow_release(permit);
    vow_semaphore_free(s);
    vow_condition_free(c);
    vow_flag_free(f);
    vow_rate_free(r);
    vow_once_free(once);
    vow_cache_free(cache);
    vow_stock_free(stock);
    vow_seq_unref(seq);
    vow_owner_free(owner);
    vow_scope_free(inner);
    vow_scope_free(scope);
    EQ_INT(w.gone, 1);
}

static vow_value tidy_up(void *data)
{
    int *codes = data;
    codes[0] = vow_await(vow_delay(vow_current(), 100), NULL);
    codes[1] = vow_await(vow_delay(vow_current(), 5), NULL);
    return vow_none();
}

TEST(freeing_a_scope_that_is_over_leaves_the_clean_up_of_its_children_alone)
{
    int codes[2] = {-1, -1};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, vow_spawn(loop, tidy_up, codes, NULL));
    vow_poll(loop);
    vow_scope_cancel(scope);
    vow_poll(loop);
    EQ_INT(codes[0], ECANCELED);
    vow_scope_free(scope);
    vow_clock_advance(loop, 5);
    EQ_INT(codes[1], 0);
}

/* A fiber waits for what its owner has handed out, whose end frees the owner: the fiber is
 * dropped, and with it, later, what it waits for, which is running. */
struct house {
    vow_owner *owner;
    vow_promise *inner;
    int code, destroyed;
};
static void move_out(void *data)
{
    struct house *h = data;
    h->owner = vow_owner_free(h->owner);
    h->destroyed++;
}
static vow_value lodger(void *data)
{
    struct house *h = data;
    h->code = vow_await(h->inner, NULL);
    return vow_none();
}

TEST(an_owner_may_be_freed_by_the_end_of_what_another_one_of_its_promises_waits_for)
{
    struct house h = {.owner = vow_owner_new(loop)};
    vow_promise *ends = vow_attach(vow_delay(loop, 5), &h, move_out);
    h.inner = vow_own(h.owner, ends);
    vow_promise *outer = vow_own(h.owner, vow_spawn(loop, lodger, &h, NULL));
    vow_poll(loop);
    vow_clock_advance(loop, 5);
    EQ_INT(h.destroyed, 1);
    EQ_INT(h.code, ECANCELED);
    EQ_INT(vow_error_code(vow_error_of(outer)), ECANCELED);
    vow_unref(outer);
}
