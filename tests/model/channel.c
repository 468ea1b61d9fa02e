/* SPDX-License-Identifier: MIT
 *
 * channel.c - the model's channels. Who waits is a source with a list of cases, each of which
 * would do: one case for a send or a receive, several for a select. It stands in a list of the
 * channel's for each; the value to be sent is the case's. What is received leaves in a parcel,
 * which comes back when nobody has seen it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

struct m_channel *m_channel_new(struct model *m, size_t capacity)
{
    struct m_channel *ch = calloc(1, sizeof *ch);
    ch->capacity = capacity;
    ch->next = m->channels;
    m->channels = ch;
    return ch;
}

void m_free_channels(struct model *m)
{
    while (m->channels) {
        struct m_channel *ch = m->channels;
        m->channels = ch->next;
        free(ch->ring.at);
        free(ch->back.at);
        free(ch->senders.at);
        free(ch->receivers.at);
        free(ch);
    }
}

/* Waiting. */

static struct m_list *list_of(const struct m_case *c)
{
    return c->send ? &c->channel->senders : &c->channel->receivers;
}

/* Takes the values of the cases. */
static void wait_for(struct model *m, struct m_promise *p, size_t n, const struct m_case *cases)
{
    m->live += n; /* vow has a line for each */
    p->stop = true;
    p->cases = calloc(n, sizeof *cases);
    p->case_count = n;
    memcpy(p->cases, cases, n * sizeof *cases);
    for (size_t i = 0; i < n; i++)
        m_push(list_of(&cases[i]), p);
}

/* Out of all lists; the cases are the caller's. */
static struct m_case *leave(struct model *m, struct m_promise *p, size_t *n)
{
    struct m_case *cases = p->cases;
    *n = p->case_count;
    p->cases = NULL;
    p->case_count = 0;
    m->live -= *n;
    for (size_t i = 0; i < *n; i++)
        m_remove(list_of(&cases[i]), p);
    return cases;
}

static void release_values(struct model *m, size_t n, struct m_case *cases)
{
    for (size_t i = 0; i < n; i++)
        m_release(m, cases[i].value);
}

/* p is stopped: it has sent and received nothing. */
void m_leave_channel(struct model *m, struct m_promise *p)
{
    size_t n;
    struct m_case *cases = leave(m, p, &n);
    release_values(m, n, cases);
    free(cases);
}

/* What a done case gives: what was received or nothing, or why it cannot be done. */
static void done(struct model *m, struct m_promise *p, bool select, size_t index, struct m_value v)
{
    struct m_value result = v;
    if (select && !m_is_error(v)) {
        result = m_array(m, 2);
        result.object->contents.at[0] = m_int((int)index);
        result.object->contents.at[1] = v;
    }
    m_resolve(m, p, result);
}

static size_t case_in(const struct m_promise *p, const struct m_list *list)
{
    size_t i = 0;
    while (list_of(&p->cases[i]) != list)
        i++;
    return i;
}

/* The first who waits and is not just being dropped; NULL: nobody. */
static struct m_promise *first(const struct m_list *list)
{
    size_t i = 0;
    while (i < list->n && !m_is_wanted(list->at[i]))
        i++;
    return i < list->n ? list->at[i] : NULL;
}

/* What p is to send becomes the caller's. */
static struct m_value take_value(struct m_channel *ch, struct m_promise *p)
{
    struct m_case *c = &p->cases[case_in(p, &ch->senders)];
    struct m_value v = c->value;
    c->value = m_none();
    return v;
}

struct m_value m_parcel(struct model *m, struct m_value v)
{
    struct m_value parcel = m_box(m, M_PARCEL, 0);
    m->live++; /* a line, which was a waiter's */
    parcel.object->payload = v;
    return parcel;
}

static struct m_value pack(struct model *m, struct m_channel *ch, struct m_value v)
{
    if (v.type == M_PARCEL || v.type == M_END || v.type == M_THENABLE)
        return v;
    struct m_value parcel = m_parcel(m, v);
    parcel.object->home = ch;
    parcel.object->serial = ch->received++;
    return parcel;
}

/* p gets v. Code of the host's may run for what its other cases would have sent. */
static void call(struct model *m, struct m_list *list, struct m_promise *p, struct m_value v)
{
    size_t n, index = case_in(p, list);
    struct m_case *cases = leave(m, p, &n);
    if (!cases[index].send)
        v = pack(m, cases[index].channel, v);
    done(m, p, p->select, index, v);
    release_values(m, n, cases);
    free(cases);
}

/* Handing over. Who is told of it hears when the outcome of the call is where it belongs. */

struct told {
    struct m_list *list;
    struct m_promise *p; /* NULL: nobody */
    struct m_value v;
};

static void tell(struct model *m, struct told told)
{
    if (told.p)
        call(m, told.list, told.p, told.v);
}

static bool put(struct m_channel *ch, struct m_value v, struct told *told)
{
    *told = (struct told){&ch->receivers, first(&ch->receivers), v};
    if (!told->p && ch->ring.n == ch->capacity)
        return false;
    if (!told->p)
        m_append(&ch->ring, v);
    return true;
}

static struct m_value shift(struct m_values *values)
{
    struct m_value v = values->at[0];
    values->n--;
    memmove(values->at, values->at + 1, values->n * sizeof *values->at);
    return v;
}

static void release_parcel(struct model *m, struct m_object *parcel)
{
    struct m_value v = parcel->payload;
    m->live--;
    free(parcel);
    m_release(m, v);
}

static void put_back(struct m_values *back, struct m_value parcel)
{
    size_t at = back->n;
    m_append(back, parcel);
    for (; at > 0 && back->at[at - 1].object->serial > parcel.object->serial; at--)
        back->at[at] = back->at[at - 1];
    back->at[at] = parcel;
}

void m_parcel_gone(struct model *m, struct m_value parcel)
{
    struct m_channel *home = parcel.object->home;
    struct m_condition *told_by = parcel.object->turn.told_by;
    struct m_promise *receiver = home ? first(&home->receivers) : NULL;
    parcel.object->refs = 1;
    if (told_by) {
        release_parcel(m, parcel.object);
        m_notify_next(m, told_by);
        return;
    }
    if (!home || home->aborted)
        release_parcel(m, parcel.object);
    else if (receiver)
        call(m, &home->receivers, receiver, parcel);
    else
        put_back(&home->back, parcel);
}

/* What is back, or in it, comes first; a sender then has room. */
static bool take(struct model *m, struct m_channel *ch, bool packed, struct m_value *v,
                 struct told *told)
{
    *told = (struct told){.p = NULL};
    if (ch->back.n > 0) {
        *v = shift(&ch->back);
        return true;
    }
    *told = (struct told){&ch->senders, first(&ch->senders), m_none()};
    if (told->p)
        m_append(&ch->ring, take_value(ch, told->p));
    if (ch->ring.n == 0)
        return false;
    *v = shift(&ch->ring);
    if (packed)
        *v = pack(m, ch, *v);
    return true;
}

/* False: it would have to wait. Takes the value of one that is done; *v is what it gives. */
static bool try_case(struct model *m, struct m_case *c, struct m_value *v, struct told *told)
{
    struct m_value message = c->value;
    *told = (struct told){.p = NULL};
    *v = (struct m_value){.type = M_END};
    if (!c->send)
        return take(m, c->channel, true, v, told) || c->channel->closed;
    if (!m_is_error(message) && c->channel->closed) {
        *v = m_error(m, EPIPE); /* which leaves the value */
        return true;
    }
    *v = m_is_error(message) ? message : m_none();
    if (!m_is_error(message) && !put(c->channel, message, told))
        return false;
    c->value = m_none();
    return true;
}

/* Takes the values. */
static struct m_promise *first_of(struct model *m, bool select, size_t n, struct m_case *cases)
{
    struct m_value v;
    struct told told;
    struct m_promise *p = m_new(m);
    if (!m_settled(p)) {
        size_t i = 0;
        while (i < n && !try_case(m, &cases[i], &v, &told))
            i++;
        if (i == n) {
            p->select = select;
            wait_for(m, p, n, cases);
            return p;
        }
        done(m, p, select, i, v);
        tell(m, told);
    }
    release_values(m, n, cases);
    return p;
}

struct m_promise *m_channel_select(struct model *m, size_t n, struct m_case *cases)
{
    return first_of(m, true, n, cases);
}

/* An error is not sent; of a closed channel v goes first. */
struct m_promise *m_channel_send(struct model *m, struct m_channel *ch, struct m_value v)
{
    if (m_is_error(v))
        return m_resolved(m, v);
    if (ch->closed) {
        m_release(m, v);
        return m_resolved(m, m_error(m, EPIPE));
    }
    return first_of(m, false, 1, &(struct m_case){ch, true, v});
}

struct m_promise *m_channel_receive(struct model *m, struct m_channel *ch)
{
    return first_of(m, false, 1, &(struct m_case){ch, false, m_none()});
}

/* As much as there is now: what comes meanwhile stays. */
struct m_value m_channel_drain(struct model *m, struct m_channel *ch)
{
    struct m_value array = m_array(m, 0), v;
    struct told told;
    size_t most = ch->back.n + ch->ring.n + ch->senders.n;
    while (array.object->contents.n < most && take(m, ch, false, &v, &told)) {
        m_see(m, &v);
        m_append(&array.object->contents, v);
        tell(m, told);
    }
    return array;
}

void m_channel_close(struct model *m, struct m_channel *ch)
{
    ch->closed = true;
    while (ch->receivers.n > 0)
        call(m, &ch->receivers, ch->receivers.at[0], (struct m_value){.type = M_END});
}

void m_channel_abort(struct model *m, struct m_channel *ch)
{
    ch->aborted = true;
    m_channel_close(m, ch);
    while (ch->senders.n > 0) {
        struct m_promise *p = ch->senders.at[0];
        struct m_value v = take_value(ch, p);
        call(m, &ch->senders, p, m_error(m, EPIPE));
        m_release(m, v);
    }
    while (ch->back.n > 0)
        release_parcel(m, shift(&ch->back).object);
    while (ch->ring.n > 0)
        m_release(m, shift(&ch->ring));
}
