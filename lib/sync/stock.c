/* SPDX-License-Identifier: MIT
 *
 * sync/stock.c - objects that are lent and come back: a semaphore says how many may be out, its
 * permit is part of the loan.
 */
#include <errno.h>

#include "base/mem.h"
#include "core/loop.h"
#include "value/value.h"
#include "vow/reuse.h"
#include "vow/sync.h"
#include "vow/timer.h"

struct idle {
    vow_value object;
    uint64_t since; /* ns */
};

struct vow_stock {
    vow_loop *loop;
    vow_stock_policy policy;
    void *data;
    vow_semaphore *places;
    size_t refs, count; /* the program's and loans'; idle objects, oldest first */
    bool freed;
    struct idle idle[]; /* room for `most`: coming back allocates nothing */
};

struct vow_loan {
    size_t refs;
    vow_stock *stock;
    vow_permit *permit; /* NULL: still waits for its turn */
    vow_value object;
    bool ready; /* `object` may be lent again */
};

static void unref_stock(vow_stock *stock)
{
    if (--stock->refs == 0)
        vow__free(stock);
}

static void release_idle(vow_stock *stock)
{
    while (stock->count > 0)
        vow__release(stock->idle[--stock->count].object);
}

vow_stock *vow_stock_new(vow_loop *loop, const vow_stock_policy *policy, void *data)
{
    VOW_CHECK(policy->most && policy->make, "vow_stock_new: a stock of nothing");
    vow__check_loop(loop, "vow_stock_new");
    vow_stock *stock = vow__alloc_zeroed(sizeof *stock + policy->most * sizeof(struct idle));
    if (!stock)
        return NULL;
    stock->loop = loop;
    stock->policy = *policy;
    stock->data = data;
    stock->refs = 1;
    stock->places = vow_semaphore_new(loop, policy->most);
    if (stock->places)
        return stock;
    vow__free(stock);
    return NULL;
}

vow_stock *vow_stock_free(vow_stock *stock)
{
    if (!stock)
        return NULL;
    stock->freed = true;
    stock->places = vow_semaphore_free(stock->places);
    release_idle(stock);
    unref_stock(stock);
    return NULL;
}

size_t vow_stock_idle(const vow_stock *stock) { return stock->count; }

/* Loans. */

vow_loan *vow_loan_ref(vow_loan *loan)
{
    loan->refs++;
    return loan;
}

/* The object is back before the permit, so that who comes next finds it. */
vow_loan *vow_loan_unref(vow_loan *loan)
{
    if (!loan)
        return NULL;
    vow_stock *stock = loan->stock;
    vow__check_loop(stock->loop, "giving a loan back");
    if (--loan->refs > 0)
        return NULL;
    vow_value object = loan->object;
    if (loan->ready && !stock->freed) {
        stock->idle[stock->count++] = (struct idle){object, vow_now(stock->loop)};
        object = vow_none();
    }
    vow_permit_unref(loan->permit);
    vow__free(loan);
    vow__release(object);
    unref_stock(stock);
    return NULL;
}

static void *ref_loan(void *loan) { return vow_loan_ref(loan); }
static void unref_loan(void *loan) { vow_loan_unref(loan); }
static size_t count_loan(const void *loan) { return ((const vow_loan *)loan)->refs; }
static const vow_type loan_type = {.size = sizeof(vow_type),
                                   .name = "loan",
                                   .ref = ref_loan,
                                   .unref = unref_loan,
                                   .count = count_loan};

vow_loan *vow_loan_of(vow_value v) { return vow_as(v, &loan_type); }
vow_value vow_loan_object(const vow_loan *loan) { return loan->object; }
void vow_loan_spoil(vow_loan *loan) { loan->ready = false; }

/* Taking: the turn, then idle objects until one is well, then a new one. */

static vow_value lend(vow_loan *loan)
{
    loan->ready = true;
    return vow_of(&loan_type, vow_loan_ref(loan));
}

static vow_value made(vow_value v, void *data)
{
    vow_loan *loan = data;
    loan->object = vow_keep(v);
    return lend(loan);
}

/* What a function gave, of whatever kind, as a promise. */
static vow_promise *promise_of(vow_loop *loop, vow_value v)
{
    return vow__has_kind(v, VOW__PROMISE) ? v.as.p : vow_resolved(loop, v);
}

static bool too_old(const vow_stock *stock, const struct idle *idle)
{
    uint64_t ms = stock->policy.idle_ms;
    return ms != 0 && (vow_now(stock->loop) - idle->since) / 1000000 >= ms;
}

static vow_value look_on(vow_loan *loan);

static vow_value checked(vow_value v, void *data)
{
    vow_loan *loan = data;
    if (vow_is(v, vow_bool_type()) && vow_as_bool(v))
        return lend(loan);
    vow_value object = loan->object;
    loan->object = vow_none();
    vow__release(object);
    return look_on(loan);
}

static vow_value check_failed(const vow_error *e, void *data)
{
    if (vow_error_is(e, vow_errno_domain(), ECANCELED))
        return vow_rethrow(e); /* it is the take that was cancelled */
    return checked(vow_none(), data);
}

static vow_value look_on(vow_loan *loan)
{
    vow_stock *stock = loan->stock;
    if (stock->freed)
        return vow_fail(ESHUTDOWN, "the stock was freed");
    while (stock->count > 0) {
        struct idle idle = stock->idle[--stock->count];
        if (too_old(stock, &idle)) {
            vow__release(idle.object);
            continue;
        }
        loan->object = idle.object;
        if (!stock->policy.check)
            return lend(loan);
        vow_promise *p = promise_of(stock->loop, stock->policy.check(idle.object, stock->data));
        return vow_promise_value(vow_then_catch(p, checked, check_failed, loan));
    }
    vow_promise *p = promise_of(stock->loop, stock->policy.make(stock->data));
    return vow_promise_value(vow_then(p, made, loan));
}

static vow_value on_turn(vow_value v, void *data)
{
    vow_loan *loan = data;
    loan->permit = vow_permit_ref(vow_permit_of(v));
    return look_on(loan);
}

vow_promise *vow_stock_take_at(vow_stock *stock, const char *where)
{
    vow__check_loop(stock->loop, "vow_stock_take");
    vow_loan *loan = vow__alloc_zeroed(sizeof *loan);
    if (!loan)
        return vow__refuse(stock->loop, NULL, NULL, NULL);
    loan->refs = 1;
    loan->stock = stock;
    stock->refs++;
    vow_promise *p = vow_semaphore_acquire_at(stock->places, 1, where);
    return vow_then_at(p, on_turn, loan, unref_loan, where);
}
