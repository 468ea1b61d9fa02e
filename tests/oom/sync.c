/* SPDX-License-Identifier: MIT
 *
 * What is waited for, and reused, without memory.
 */
#include "oom/flow.h"

static const int seven = 7;

/* Looked at only when others have been waited for. */
static vow_promise *kept(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

static vow_value use_it(UNUSED vow_value v, UNUSED void *data)
{
    return vow_v(int_after(vow_current(), 2, &seven));
}

SCENARIO(semaphore)
{
    vow_semaphore *s = vow_semaphore_new(loop, 1);
    if (!HAVE_OR_NULL(s))
        return;
    vow_promise *p[4];
    for (int i = 0; i < 4; i++)
        p[i] =
            kept(vow_using_with(vow_semaphore_acquire(s, 1), use_it, oom_owned(), oom_give_back));
    for (int i = 0; i < 4; i++)
        EXPECT_INT(p[i], 7);
    EQ_INT(vow_semaphore_available(s), 1);
    vow_value v = vow_semaphore_try(s, 1);
    if (MADE(v))
        CHECK(vow_is(v, vow_permit_type()));
    vow_promise *waits = kept(vow_semaphore_acquire(s, 2));
    vow_cancel(waits);
    EXPECT_ERROR(waits, ECANCELED);
    vow_promise *drained = kept(vow_semaphore_close(s));
    vow_release(v);
    EXPECT_NONE(drained);
    EXPECT_ERROR(vow_semaphore_acquire(s, 1), ESHUTDOWN);
    vow_semaphore_free(s);
}

static vow_value wait_for_it(vow_value v, void *condition)
{
    return vow_v(vow_condition_wait(condition, vow_permit_ref(vow_permit_of(v))));
}
static vow_value is_permit(vow_value v, UNUSED void *data)
{
    return vow_int(vow_is(v, vow_permit_type()) ? 7 : 0);
}

static vow_promise *waiter(vow_mutex *m, vow_condition *c)
{
    return vow_then(vow_then(vow_mutex_lock(m), wait_for_it, c), is_permit, NULL);
}

SCENARIO(condition_and_flag)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_condition *c = vow_condition_new(loop);
    vow_flag *f = vow_flag_new(loop);
    if (HAVE_OR_NULL(m) && HAVE_OR_NULL(c) && HAVE_OR_NULL(f)) {
        vow_promise *a = kept(waiter(m, c));
        vow_promise *b = kept(waiter(m, c));
        vow_promise *d = kept(vow_flag_wait(f));
        EXPECT_NONE(vow_delay(loop, 1));
        vow_condition_notify_all(c);
        vow_flag_set(f);
        EXPECT_INT(a, 7);
        EXPECT_INT(b, 7);
        EXPECT_NONE(d);
        vow_value v = vow_mutex_try(m);
        CHECK(!vow_is_none(v)); /* nobody has it any more */
        if (MADE(v))
            vow_release(v);
    }
    vow_flag_free(f);
    vow_condition_free(c);
    vow_mutex_free(m);
}

SCENARIO(rate)
{
    vow_rate *r = vow_rate_new(loop, 1, 10, 1);
    if (!HAVE_OR_NULL(r))
        return;
    vow_promise *first = kept(vow_rate_take(r, 1)), *gone = kept(vow_rate_take(r, 1));
    vow_promise *second = kept(vow_rate_take(r, 1));
    vow_cancel(gone);
    if (EXPECT_NONE(first))
        EXPECT_ERROR(gone, ECANCELED);
    else
        vow_unref(gone); /* was let in before it could be cancelled */
    EXPECT_NONE(second);
    EXPECT_ERROR(vow_rate_take(r, 2), EINVAL);
    vow_rate_free(r);
}

static vow_value make_seven(UNUSED void *data)
{
    return vow_v(int_after(vow_current(), 1, &seven));
}

SCENARIO(once)
{
    vow_once *once = vow_once_new(loop);
    if (!HAVE_OR_NULL(once))
        return;
    vow_promise *a = kept(vow_once_run_with(once, make_seven, oom_owned(), oom_give_back));
    vow_promise *b = kept(vow_once_run_with(once, make_seven, oom_owned(), oom_give_back));
    EXPECT_INT(a, 7);
    EXPECT_INT(b, 7);
    EXPECT_INT(vow_once_run(once, make_seven, NULL), 7);
    vow_once_free(once);
}

static vow_value load_key(const char *key, UNUSED void *data) { return vow_text(key); }

SCENARIO(cache)
{
    vow_cache *cache = vow_cache_new(loop, VOW_FOREVER, 20, load_key, NULL);
    if (!HAVE_OR_NULL(cache))
        return;
    for (char key[] = "a"; key[0] < 'v'; key[0]++) {
        vow_promise *p = kept(vow_cache_get(cache, key)), *q = kept(vow_cache_get(cache, key));
        EXPECT_TEXT(p, key);
        EXPECT_TEXT(q, key);
    }
    vow_unref(kept(vow_cache_get(cache, "never")));
    vow_promise *late = kept(vow_cache_get(cache, "late"));
    vow_cache_free(cache);
    EXPECT_TEXT(late, "late");
    EXPECT_NONE(vow_delay(loop, 1));
}

static vow_value make_box(UNUSED void *data) { return vow_box(oom_owned(), oom_give_back); }
static vow_value check_box(UNUSED vow_value object, void *data)
{
    return vow_v(vow_then(vow_delay(vow_current(), 1), is_permit, data));
}
static vow_value use_loan(vow_value v, UNUSED void *data)
{
    CHECK(!oom_is_back(vow_unbox(vow_loan_object(vow_loan_of(v)))));
    return vow_v(int_after(vow_current(), 1, &seven));
}

SCENARIO(stock)
{
    vow_stock_policy policy = {2, 0, make_box, check_box};
    vow_stock *stock = vow_stock_new(loop, &policy, NULL);
    if (!HAVE_OR_NULL(stock))
        return;
    vow_promise *p[5];
    for (int i = 0; i < 5; i++)
        p[i] = kept(vow_using(vow_stock_take(stock), use_loan, NULL));
    for (int i = 0; i < 5; i++)
        EXPECT_INT(p[i], 7);
    vow_stock_free(stock);
}
