/* SPDX-License-Identifier: MIT
 *
 * Channels without memory: what could not be sent was not sent.
 */
#include "oom/flow.h"

/* Looked at only when others have been waited for. */
static vow_promise *kept(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

SCENARIO(channel)
{
    vow_channel *ch = vow_channel_new(loop, 1);
    if (!HAVE_OR_NULL(ch))
        return;
    int sent = 0, got = 0;
    vow_promise *sends[3], *receives[3];
    for (int i = 0; i < 3; i++)
        sends[i] = kept(vow_channel_send(ch, vow_text("a")));
    for (int i = 0; i < 3; i++)
        receives[i] = kept(vow_channel_receive(ch));
    vow_channel_abort(ch);
    for (int i = 0; i < 3; i++) {
        vow_value v;
        if (vow_state(sends[i]) == VOW_REJECTED && !vow_test_failed())
            WRONG("a send was rejected");
        int code = vow_run(loop, sends[i], NULL);
        CHECK(code == 0 || code == ENOMEM || code == EPIPE); /* EPIPE: nobody could receive it */
        sent += code == 0;
        if (EXPECT(receives[i], &v))
            got += !vow_is_end(v);
        vow_release(v);
    }
    CHECK_WITH_MEMORY(sent == 3 && got == 3);
    CHECK(got <= sent);
    vow_channel_unref(ch);
}

SCENARIO(channel_drain)
{
    vow_channel *ch = vow_channel_new(loop, 2);
    if (!HAVE_OR_NULL(ch))
        return;
    int sent = EXPECT_NONE(vow_channel_send(ch, vow_int(0)));
    sent += EXPECT_NONE(vow_channel_send(ch, vow_int(1)));
    vow_value all = vow_channel_drain(ch);
    if (MADE(all))
        EQ_INT(vow_count(all), sent);
    else
        EQ_INT(vow_channel_count(ch), sent);
    vow_release(all);
    vow_channel_unref(ch);
}

SCENARIO(channel_select)
{
    vow_channel *a = vow_channel_new(loop, 0), *b = vow_channel_new(loop, 0);
    if (HAVE_OR_NULL(a) && HAVE_OR_NULL(b)) {
        vow_value v = vow_none();
        for (int i = 0; i < 2; i++) {
            vow_channel_case cases[] = {{a, false, vow_none()}, {b, true, vow_text("b")}};
            vow_promise *early = i == 0 ? kept(vow_channel_receive(b)) : NULL;
            vow_promise *any = kept(vow_channel_select(2, cases));
            vow_promise *late = i == 1 ? kept(vow_channel_receive(b)) : NULL;
            vow_promise *got = early ? early : late;
            if (vow_state(got) == VOW_REJECTED) { /* there is nobody to receive */
                vow_unref(any);
                EXPECT_TEXT(got, "b");
                continue;
            }
            if (EXPECT(any, &v))
                EXPECT_TEXT(got, "b");
            else
                vow_unref(got);
            vow_release(v);
            vow_channel_case alone[] = {{a, false, vow_none()}};
            vow_unref(kept(vow_channel_select(1, alone)));
        }
    }
    vow_channel_unref(a);
    vow_channel_unref(b);
}
