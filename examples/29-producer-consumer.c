/* SPDX-License-Identifier: MIT
 *
 * 29-producer-consumer - two fibers that make values and one that uses them, at the pace of
 * the slower: a channel of three holds the producers back.
 *
 *     examples/run 29-producer-consumer
 *
 * Expected output:
 *     a sent 2 before it waited, b 2
 *     used 8 of a's and 8 of b's, never more than 3 in the channel
 */
#include <stdio.h>
#include <vow.h>

enum { EACH = 8 };

struct producer {
    char name;
    vow_channel *ch;
    int sent;
    bool waited;
};
struct totals {
    vow_channel *ch;
    size_t of_a, of_b, most;
};
static vow_value produce(void *data)
{
    struct producer *p = data;
    for (int i = 1; i <= EACH; i++) {
        uint64_t before = vow_now(vow_current());
        int code = vow_await(vow_channel_send(p->ch, vow_v(p->name * 100 + i)), NULL);
        if (code != 0)
            return vow_fail(code, "%c could not send", p->name);
        p->waited |= vow_now(vow_current()) > before;
        p->sent += !p->waited;
    }
    return vow_none();
}

static vow_value consume(void *data)
{
    struct totals *t = data;
    vow_value v;
    int code;
    while ((code = vow_await(vow_channel_receive(t->ch), &v)) == 0 && !vow_is_end(v)) {
        size_t count = vow_channel_count(t->ch);
        *(vow_as_int(v) / 100 == 'a' ? &t->of_a : &t->of_b) += 1;
        t->most = count > t->most ? count : t->most;
        vow_await(vow_delay(vow_current(), 10), NULL); /* using it takes 10 ms */
    }
    return v;
}

static vow_value close_channel(void *ch)
{
    vow_channel_close(ch);
    return vow_none();
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_channel *ch = loop ? vow_channel_new(loop, 3) : NULL;
    struct producer a = {'a', ch, 0, false}, b = {'b', ch, 0, false};
    struct totals t = {.ch = ch};
    if (ch == NULL)
        return 1;
    vow_clock_virtual(loop, true);
    vow_promise *both =
        vow_all(loop, vow_spawn(loop, produce, &a, NULL), vow_spawn(loop, produce, &b, NULL));
    both = vow_finally(both, close_channel, ch);
    int code = vow_run(loop, vow_all(loop, both, vow_spawn(loop, consume, &t, NULL)), NULL);
    printf("a sent %d before it waited, b %d\n", a.sent, b.sent);
    printf("used %zu of a's and %zu of b's, never more than %zu in the channel\n", t.of_a, t.of_b,
           t.most);
    vow_channel_unref(ch);
    vow_loop_free(loop);
    return code != 0;
}
