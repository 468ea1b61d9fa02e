/* SPDX-License-Identifier: MIT
 *
 * Senders, receivers and selects at random on three channels, many of them cancelled or
 * dropped: what was sent is received once, or still there. In order, too, unless receives are
 * given up that have fulfilled, and behind which others have.
 */
#include "flow/common.h"

enum { CHANNELS = 3, STEPS = 400, SEEDS = 300 };

struct world {
    vow_channel *channels[CHANNELS];
    vow_promise *pending[STEPS];
    bool receives[STEPS]; /* which of them do */
    bool eager;           /* nothing is given up that has fulfilled */
    bool seen[STEPS * CHANNELS + CHANNELS];
    int64_t last[CHANNELS]; /* received of each sender's numbers, which rise */
    size_t count, sent, received;
    uint32_t random;
};

static uint32_t draw(struct world *w, uint32_t n)
{
    w->random = w->random * 1664525 + 1013904223;
    return (w->random >> 8) % n;
}

/* A value says which channel it was sent on, and when. */
static void receive_one(struct world *w, vow_value v)
{
    int64_t channel = vow_as_int(v) % CHANNELS;
    CHECK(!w->eager || vow_as_int(v) > w->last[channel]);
    CHECK(!w->seen[vow_as_int(v)]); /* once */
    w->seen[vow_as_int(v)] = true;
    w->last[channel] = vow_as_int(v);
    w->received++;
}

static vow_value sent(UNUSED vow_value v, void *data)
{
    ((struct world *)data)->sent++;
    return vow_none();
}
static vow_value received(vow_value v, void *data)
{
    receive_one(data, v);
    return vow_none();
}
static vow_value selected(vow_value v, void *data)
{
    if (vow_is_none(vow_at(v, 1)))
        return sent(v, data);
    return received(vow_at(v, 1), data);
}

static vow_promise *start(struct world *w, int now)
{
    uint32_t a = draw(w, CHANNELS), b = (a + 1 + draw(w, CHANNELS - 1)) % CHANNELS;
    vow_value to_a = vow_v(now * CHANNELS + (int)a), to_b = vow_v(now * CHANNELS + (int)b);
    vow_channel_case cases[] = {{w->channels[a], draw(w, 2) == 0, to_a},
                                {w->channels[b], draw(w, 2) == 0, to_b}};
    uint32_t what = draw(w, 3);
    w->receives[w->count] = what == 1;
    switch (what) {
    case 0:
        return vow_then(vow_channel_send(w->channels[a], to_a), sent, w);
    case 1:
        return vow_then(vow_channel_receive(w->channels[a]), received, w);
    default:
        return vow_then(vow_channel_select(2, cases), selected, w);
    }
}

static void end_one(vow_loop *loop, struct world *w, size_t at)
{
    vow_promise *p = w->pending[at];
    if (w->eager || !w->receives[at])
        vow_poll(loop); /* so that what was sent is counted */
    w->pending[at] = w->pending[--w->count];
    w->receives[at] = w->receives[w->count];
    if (draw(w, 2) == 0) {
        vow_mark_handled(p);
        vow_cancel(p);
        if (w->eager)
            vow_poll(loop);
    }
    vow_unref(p);
}

static void run_seed(vow_loop *loop, uint32_t seed)
{
    struct world w = {.random = seed, .eager = seed % 2};
    for (int i = 0; i < CHANNELS; i++)
        w.channels[i] = vow_channel_new(loop, (size_t)i);
    for (int now = 1; now <= STEPS; now++) {
        if (w.count > 0 && draw(&w, 4) == 0)
            end_one(loop, &w, draw(&w, (uint32_t)w.count));
        w.pending[w.count] = start(&w, now);
        w.count++;
        if (w.eager)
            vow_poll(loop);
    }
    while (w.count > 0)
        end_one(loop, &w, w.count - 1);
    for (int i = 0; i < CHANNELS; i++) {
        vow_value rest = vow_channel_drain(w.channels[i]);
        for (size_t k = 0; k < vow_count(rest); k++)
            receive_one(&w, vow_at(rest, k));
        vow_release(rest);
        vow_channel_unref(w.channels[i]);
    }
    EQ_UINT(w.sent, w.received);
}

TEST(what_was_sent_is_received_once_and_in_order)
{
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        snprintf(harness_note, sizeof harness_note, "seed %u: ", (unsigned)seed);
        run_seed(loop, seed);
    }
    harness_note[0] = '\0';
}
