/* SPDX-License-Identifier: MIT */
#include "core/linear.h"

#include "core/combine.h"

vow_promise *vow__linear_new(vow_loop *loop, const struct vow__linear_ops *ops, void *data,
                             const char *where)
{
    vow_promise *c = vow__new_line(loop, K_LINEAR, where);
    if (!c)
        return NULL;
    c->source = NULL;
    c->data = data;
    c->linear = ops;
    vow__push(loop, c);
    return c;
}

/* c is in a list again: it may have been let go or cancelled while its code ran. */
static void look_again(vow_loop *loop, vow_promise *c)
{
    if (!vow__wanted(c)) {
        vow__drop_running(loop, c);
    } else if (c->flags & F_CANCEL) {
        c->flags &= (uint8_t)~F_CANCEL;
        vow__cancel(loop, c);
    }
}

static void end(vow_loop *loop, vow_promise *c, vow_value result)
{
    c->kind = K_HANDLE; /* whose line owns nothing: the code has given its data back */
    if (VOW_LIKELY(vow__user_end(loop, c)))
        vow__resolve_with(loop, c, result);
    else
        vow__release(result);
}

void vow__linear_go_on(vow_loop *loop, vow_promise *c, vow_value in)
{
    loop->handlers++;
    c->flags &= (uint8_t)~F_CANCEL; /* from here on it means: cancel what it waits for next */
    c->source = NULL;
    vow__seen(in);
    vow__user_begin(loop, c);
    enum vow__went went = c->linear->go_on(c->data, &in);
    if (went == WENT_ENDED) {
        end(loop, c, in);
        return;
    }
    loop->running = NULL;
    if (VOW_LIKELY(went == WENT_WAITS)) {
        vow_promise *next = in.as.p;
        vow__wait_for(loop, c, next);
        next->outside--;
    } else {
        vow__push(loop, c);
    }
    if (VOW_UNLIKELY(!vow__wanted(c) || (c->flags & F_CANCEL)))
        look_again(loop, c);
}
