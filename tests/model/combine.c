/* SPDX-License-Identifier: MIT
 *
 * combine.c - the model's combinators: a promise with a list of elements, each of which
 * waits for one input, and a policy that says when it is decided.
 */
#include <errno.h>

#include "inside.h"
#include "vow/error.h"

void m_deliver(struct model *m, struct m_promise *c)
{
    if (c->elements.n == 0 && c->decided)
        m_settle(m, c, c->value);
}

void m_set_result(struct model *m, struct m_promise *c, struct m_value result)
{
    c->decided = true;
    c->value = result;
    m_release_state(m, c);
}

void m_decide(struct model *m, struct m_promise *c, struct m_value result)
{
    if (c->decided) {
        m_release(m, result);
        return;
    }
    m_set_result(m, c, result);
    m_cancel_losers(m, c);
}

/* What becomes of a loser's outcome. */
static void lose(struct model *m, struct m_promise *c, struct m_value outcome, bool late)
{
    struct m_value result = c->value;
    if (!m_is_error(outcome) || outcome.object == result.object) {
        m_release(m, outcome);
        return;
    }
    bool cancelled = m_is_cancel(outcome), joined = false;
    if (m_is_error(result) && c->as_cause)
        joined = outcome.object != m_ready(m, ECANCELED).object && m_add_cause(result, outcome);
    else if (m_is_error(result) && !cancelled)
        joined = m_suppress(result, outcome);
    if (joined)
        return;
    if (late && !cancelled)
        m_report_error(m, outcome);
    else
        m_release(m, outcome);
}

void m_let_go(struct model *m, struct m_promise *c, struct m_promise *e)
{
    struct m_promise *input = e->source;
    struct m_value outcome = m_none();
    if (input->kind == M_REJECTED) {
        outcome = m_keep(input->value);
        input->handled = true;
    }
    m_remove(&c->elements, e);
    struct m_promise *unwanted = m_leave_source(m, e);
    m_free(m, e);
    if (unwanted)
        m_drop(m, unwanted);
    lose(m, c, outcome, false);
}

/* Adding inputs. */

bool m_add_input(struct model *m, struct m_promise *c, struct m_promise *input, uint64_t index)
{
    struct m_promise *e = m_derive(m, input, M_ELEMENT);
    if (!e) {
        m_unref(m, input);
        return false;
    }
    e->handles = 0;
    e->owner = c;
    e->index = index;
    m_push(&c->elements, e);
    return true;
}

/* One more input: what a function of the user's gave. */
static void await(struct model *m, struct m_promise *c, struct m_value v, size_t index)
{
    int refused = 0;
    if (!m_wanted(c)) { /* the function has dropped its own combinator */
        m_release(m, v);
        return;
    }
    if (v.type != M_PROMISE)
        v = m_promise_value(m_resolved(m, v));
    else
        refused = m_cannot_wait(m, c, v.promise);
    if (refused)
        m_release(m, v);
    else if (!m_add_input(m, c, v.promise, index))
        refused = VOW_ECLOSED;
    if (refused)
        m_decide(m, c, m_ready(m, refused));
}

/* Policies: what one settled input means. */

static void put(struct model *m, struct m_value array, size_t index, struct m_value v)
{
    struct m_value *at = &array.object->contents.at[index], old = *at;
    *at = v;
    m_release(m, old);
}

static struct m_value call(struct model *m, struct m_promise *c, enum m_role role,
                           struct m_value in)
{
    m->handlers++;
    return m->host.call(m->host.self, role, c->who, in);
}

static void repeat_input(struct model *m, struct m_promise *c, struct m_value outcome)
{
    if (outcome.type == M_AGAIN)
        await(m, c, call(m, c, M_ON_STEP, m_none()), 0);
    else
        m_decide(m, c, outcome);
}

static void next_tick(struct model *m, struct m_promise *c)
{
    c->due += c->every;
    while (c->due < m->now)
        c->due += c->every;
    await(m, c, m_promise_value(m_delay(m, c->due - m->now)), 0);
}

static void interval_input(struct model *m, struct m_promise *c, size_t index,
                           struct m_value outcome)
{
    if (index == 0 && !m_is_error(outcome))
        await(m, c, call(m, c, M_ON_STEP, m_none()), 1);
    else if (outcome.type == M_AGAIN)
        next_tick(m, c);
    else
        m_decide(m, c, outcome);
}

enum { TRIES = 3, LONGEST_WAIT = 6 };

static void attempt_failed(struct model *m, struct m_promise *c, struct m_value error)
{
    if (m_is_cancel(error) || c->next == TRIES) {
        if (m_is_error(c->state) && m_suppress(error, c->state))
            c->state = m_none();
        m_decide(m, c, error);
        return;
    }
    m_release_state(m, c);
    c->state = error;
    uint64_t wait = c->wait < LONGEST_WAIT ? c->wait : LONGEST_WAIT;
    c->wait *= 2;
    await(m, c, m_promise_value(m_delay(m, wait)), 0);
}

static void retry_input(struct model *m, struct m_promise *c, size_t index, struct m_value outcome)
{
    if (index == 0 && !m_is_error(outcome)) {
        c->next++;
        await(m, c, call(m, c, M_ON_STEP, m_none()), 1);
    } else if (index == 1 && m_is_error(outcome)) {
        attempt_failed(m, c, outcome);
    } else {
        m_decide(m, c, outcome);
    }
}

static bool may_start(const struct m_promise *c)
{
    return c->next < c->count && c->elements.n - c->starter < c->limit;
}

static void add_starter(struct model *m, struct m_promise *c)
{
    if (c->starter || !may_start(c))
        return;
    c->starter = true;
    await(m, c, m_none(), c->count);
}

static void start_one(struct model *m, struct m_promise *c)
{
    size_t index = c->next++;
    struct m_value v = call(m, c, M_ON_EACH, m_int((int)index));
    if (m_is_error(v))
        m_decide(m, c, v);
    else
        await(m, c, v, index);
}

static void map_input(struct model *m, struct m_promise *c, size_t index, struct m_value outcome)
{
    if (m_is_error(outcome)) {
        m_decide(m, c, outcome);
        return;
    }
    if (index == c->count)
        c->starter = false;
    else if (c->policy == M_MAP)
        put(m, c->state, index, outcome);
    else
        m_release(m, outcome);
    if (may_start(c))
        start_one(m, c);
    if (!c->decided)
        add_starter(m, c);
}

static void reduce_input(struct model *m, struct m_promise *c, size_t index, struct m_value outcome)
{
    if (m_is_error(outcome) || index == c->count) {
        m_decide(m, c, outcome);
        return;
    }
    m_see(m, &outcome);
    struct m_value result = call(m, c, M_ON_ANY, outcome);
    if (result.type == M_SAME)
        result = outcome;
    else
        m_release(m, outcome);
    await(m, c, result, index + 1);
}

static void input(struct model *m, struct m_promise *c, size_t index, struct m_value outcome)
{
    bool error = m_is_error(outcome);
    switch (c->policy) {
    case M_ALL:
    case M_ALL_SETTLED:
        if (error && c->policy == M_ALL)
            m_decide(m, c, outcome);
        else
            put(m, c->state, index, outcome);
        break;
    case M_ANY:
        if (error)
            put(m, c->state.object->payload, index, outcome);
        else
            m_decide(m, c, outcome);
        break;
    case M_TIMEOUT:
        if (index == 1 && !error) {
            outcome = c->state;
            c->state = m_none();
            c->as_cause = true;
        }
        m_decide(m, c, outcome);
        break;
    case M_RACE:
        m_decide(m, c, outcome);
        break;
    case M_REPEAT:
        repeat_input(m, c, outcome);
        break;
    case M_RETRY:
        retry_input(m, c, index, outcome);
        break;
    case M_INTERVAL:
        interval_input(m, c, index, outcome);
        break;
    case M_REDUCE:
        reduce_input(m, c, index, outcome);
        break;
    case M_SCOPE:
        m_scope_input(m, c, index, outcome);
        break;
    default:
        map_input(m, c, index, outcome);
    }
}

/* No element is left, nothing is decided: the state is the result. */
static void ready(struct model *m, struct m_promise *c)
{
    if (c->elements.n > 0 || c->decided || !m_wanted(c))
        return;
    struct m_value result = c->state;
    c->state = m_none();
    if (c->policy == M_SCOPE)
        m_scope_last(m, c);
    else
        m_decide(m, c, result);
}

void m_element_settled(struct model *m, struct m_promise *e, struct m_promise *source)
{
    struct m_promise *c = e->owner;
    struct m_value outcome = e->cancelled ? m_ready(m, ECANCELED) : m_take_outcome(source);
    m_remove(&c->elements, e);
    m_free(m, e);
    m_user_begin(m, c);
    if (c->decided)
        lose(m, c, outcome, true);
    else
        input(m, c, e->index, outcome);
    ready(m, c);
    bool cancel = c->cancelled && !c->decided;
    c->cancelled = false;
    if (!m_user_end(m, c))
        return;
    if (cancel)
        m_cancel_inside(m, c);
    else
        m_deliver(m, c);
}

/* Builders. */

static struct m_value first_state(struct model *m, enum m_policy policy, size_t n)
{
    struct m_value aggregate;
    switch (policy) {
    case M_ALL:
    case M_ALL_SETTLED:
    case M_MAP:
        return m_array(m, n);
    case M_ANY:
        aggregate = m_error(m, VOW_EAGGREGATE);
        aggregate.object->payload = m_array(m, n);
        return aggregate;
    case M_TIMEOUT:
        return m_error(m, ETIMEDOUT);
    default:
        return m_none();
    }
}

static struct m_promise *new_combinator(struct model *m, enum m_policy policy, size_t n)
{
    struct m_promise *c = m_make(m, M_COMBINE);
    if (!c)
        return NULL;
    c->policy = policy;
    c->count = n;
    c->state = first_state(m, policy, n);
    return c;
}

struct m_promise *m_combine(struct model *m, enum m_policy policy, size_t n,
                            struct m_promise **inputs)
{
    if (policy == M_RACE && n == 0)
        return m_resolved(m, m_error(m, VOW_ENONE));
    struct m_promise *c = new_combinator(m, policy, n);
    if (!c)
        m->no_loop->handles++;
    for (size_t i = 0; i < n; i++) {
        if (c)
            m_add_input(m, c, inputs[i], i);
        else
            m_unref(m, inputs[i]);
    }
    if (c)
        ready(m, c);
    return c ? c : m->no_loop;
}

/* Everything that calls a function again and again. */
struct m_promise *m_repeat(struct model *m, enum m_policy policy, size_t n, size_t limit,
                           uint32_t who, bool destroy)
{
    struct m_promise *c = new_combinator(m, policy, n);
    if (!c)
        return m_refuse(m, NULL, destroy, who);
    c->who = who;
    c->limit = limit ? limit : SIZE_MAX;
    c->every = n ? n : 1;
    c->due = m->now;
    c->wait = 1;
    if (policy == M_REPEAT)
        await(m, c, (struct m_value){.type = M_AGAIN}, 0);
    else if (policy == M_REDUCE)
        await(m, c, m_int(0), 0);
    else if (policy == M_RETRY)
        await(m, c, m_none(), 0);
    else if (policy == M_INTERVAL)
        next_tick(m, c);
    else
        add_starter(m, c);
    if (policy == M_MAP || policy == M_FOR_EACH)
        ready(m, c);
    return destroy ? m_attach(m, c, who) : c;
}
