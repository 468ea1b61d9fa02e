/* SPDX-License-Identifier: MIT
 *
 * channel.c - the model's channels. Who waits is a source in a list; the value that it is to
 * send is its own meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

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
        free(ch->senders.at);
        free(ch->receivers.at);
        free(ch);
    }
}

/* Waiting. */

static void wait_in(struct model *m, struct m_channel *ch, struct m_list *list, struct m_promise *p,
                    struct m_value v)
{
    m->live++; /* vow has a line for who waits */
    p->stop = true;
    p->channel = ch;
    p->value = v;
    m_push(list, p);
}

/* Gives what it was to send. */
static struct m_value take_out(struct model *m, struct m_list *list, struct m_promise *p)
{
    struct m_value v = p->value;
    m->live--;
    p->channel = NULL;
    p->value = m_none();
    m_remove(list, p);
    return v;
}

/* p is stopped: it has sent and received nothing. */
void m_leave_channel(struct model *m, struct m_promise *p)
{
    bool sends = m_find(&p->channel->senders, p) < p->channel->senders.n;
    m_release(m, take_out(m, sends ? &p->channel->senders : &p->channel->receivers, p));
}

/* The first who waits gets v, and what it was to send is the caller's. */
static struct m_value call(struct model *m, struct m_list *list, struct m_value v)
{
    struct m_promise *p = list->at[0];
    struct m_value message = take_out(m, list, p);
    m_resolve(m, p, v);
    return message;
}

/* Handing over. */

static bool put(struct model *m, struct m_channel *ch, struct m_value v)
{
    if (ch->receivers.n > 0)
        call(m, &ch->receivers, v);
    else if (ch->ring.n < ch->capacity)
        m_append(&ch->ring, v);
    else
        return false;
    return true;
}

static struct m_value shift(struct m_values *values)
{
    struct m_value v = values->at[0];
    values->n--;
    memmove(values->at, values->at + 1, values->n * sizeof *values->at);
    return v;
}

/* What is in it comes first; a sender then has room. */
static bool take(struct model *m, struct m_channel *ch, struct m_value *v)
{
    if (ch->senders.n > 0)
        m_append(&ch->ring, call(m, &ch->senders, m_none()));
    bool any = ch->ring.n > 0;
    if (any)
        *v = shift(&ch->ring);
    return any;
}

struct m_promise *m_channel_send(struct model *m, struct m_channel *ch, struct m_value v)
{
    if (m_is_error(v))
        return m_resolved(m, v);
    if (ch->closed) {
        m_release(m, v);
        return m_resolved(m, m_error(m, EPIPE));
    }
    struct m_promise *p = m_new(m);
    if (m_settled(p))
        m_release(m, v);
    else if (put(m, ch, v))
        m_resolve(m, p, m_none());
    else
        wait_in(m, ch, &ch->senders, p, v);
    return p;
}

struct m_promise *m_channel_receive(struct model *m, struct m_channel *ch)
{
    struct m_value v = {.type = M_END};
    struct m_promise *p = m_new(m);
    if (m_settled(p))
        return p;
    if (take(m, ch, &v) || ch->closed)
        m_resolve(m, p, v);
    else
        wait_in(m, ch, &ch->receivers, p, m_none());
    return p;
}

struct m_value m_channel_drain(struct model *m, struct m_channel *ch)
{
    struct m_value array = m_array(m, 0), v;
    while (take(m, ch, &v))
        m_append(&array.object->contents, v);
    return array;
}

void m_channel_close(struct model *m, struct m_channel *ch)
{
    ch->closed = true;
    while (ch->receivers.n > 0)
        call(m, &ch->receivers, (struct m_value){.type = M_END});
}

void m_channel_abort(struct model *m, struct m_channel *ch)
{
    m_channel_close(m, ch);
    while (ch->senders.n > 0)
        m_release(m, call(m, &ch->senders, m_error(m, EPIPE)));
    while (ch->ring.n > 0)
        m_release(m, shift(&ch->ring));
}
