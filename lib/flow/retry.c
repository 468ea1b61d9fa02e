/* SPDX-License-Identifier: MIT
 *
 * flow/retry.c - attempts until one succeeds, with growing and slightly random waits in
 * between.
 */
#include "base/mem.h"
#include "flow/build.h"
#include "vow/flow.h"
#include "vow/timer.h"

/* One element at a time: a wait, or an attempt. */
struct retry {
    vow_retry_policy policy; /* its seed is the state of the generator, never 0 */
    vow_step_fn *attempt;
    void *data;
    double wait;     /* ms before the next attempt, without jitter */
    unsigned made;   /* attempts, where their number is limited */
    vow_error *last; /* of the attempt before; NULL: there was none */
};

enum { WAIT, ATTEMPT };

/* xorshift64*: 53 bits of it are a number from 0 to just below 1. */
static double random_number(uint64_t *seed)
{
    uint64_t x = *seed;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    return (double)((x * UINT64_C(2685821657736338717)) >> 11) * 0x1p-53;
}

static uint64_t next_wait(struct retry *r)
{
    double most = (double)r->policy.most_ms, ms = r->wait < most ? r->wait : most;
    r->wait *= r->policy.factor;
    return (uint64_t)(ms * (1 - r->policy.jitter * random_number(&r->policy.seed)));
}

static bool is_last(struct retry *r, const vow_error *e)
{
    const vow_retry_policy *p = &r->policy;
    return vow__is_cancel(e) || (p->tries && r->made == p->tries) ||
           (p->again && !p->again(e, r->data));
}

static void give_up(vow_promise *c, vow_error *e)
{
    struct retry *r = c->state;
    if (r->last)
        r->last = vow__error_suppress(e, r->last);
    vow__combine_decide(c, vow_error_value(e));
}

static void attempt_failed(vow_promise *c, vow_error *e)
{
    struct retry *r = c->state;
    vow_loop *loop = vow__loop_of(c);
    if (is_last(r, e)) {
        give_up(c, e);
        return;
    }
    vow_error_unref(r->last);
    r->last = e;
    vow_promise *wait = vow_delay_at(loop, next_wait(r), vow__site_text(c->site));
    vow__flow_await(c, vow_promise_value(wait), WAIT);
}

static void proceed(vow_promise *c, uint64_t index, vow_value outcome)
{
    struct retry *r = c->state;
    bool failed = vow__has_kind(outcome, VOW__ERROR);
    if (index == WAIT && !failed) {
        r->made += r->policy.tries > 0;
        vow__loop_of(c)->handlers++;
        vow__flow_await(c, r->attempt(r->data), ATTEMPT);
    } else if (index == ATTEMPT && failed) {
        attempt_failed(c, outcome.as.p);
    } else {
        vow__combine_decide(c, outcome);
    }
}

static void free_retry(void *state)
{
    vow_error_unref(((struct retry *)state)->last);
    vow__free(state);
}

static const struct vow__combine_ops ops = {"retry", proceed, NULL, free_retry, false};

/* Not a number counts as the least. */
static double between(double least, double x, double most)
{
    return !(x >= least) ? least : x <= most ? x : most;
}

static vow_retry_policy sound(const vow_retry_policy *policy, uint64_t now)
{
    static const vow_retry_policy usual = VOW_RETRY_DEFAULT;
    const uint64_t longest = UINT64_C(1) << 53; /* exact as a double */
    vow_retry_policy p = policy ? *policy : usual;
    if (p.most_ms == 0 || p.most_ms > longest)
        p.most_ms = longest;
    p.factor = between(1, p.factor, 1e9);
    p.jitter = between(0, p.jitter, 1);
    p.seed = p.seed ? p.seed : now | 1;
    return p;
}

vow_promise *vow_retry_at(vow_loop *loop, const vow_retry_policy *policy, vow_step_fn *attempt,
                          void *data, vow_destroy_fn *destroy, const char *where)
{
    struct retry *r = vow__alloc(sizeof *r);
    if (r) {
        *r = (struct retry){
            .policy = sound(policy, vow_now(loop)), .attempt = attempt, .data = data};
        r->wait = (double)r->policy.first_ms;
    }
    vow_promise *c = vow__flow_new(loop, &ops, r, where);
    if (c)
        vow__flow_await(c, vow_none(), WAIT);
    return vow__flow_owning(loop, c, data, destroy, where);
}
