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

/* c is in a list again: it was let go or cancelled while its code ran. */
void vow__linear_look_again(vow_loop *loop, vow_promise *c)
{
    if (!vow__wanted(c)) {
        vow__drop_running(loop, c);
    } else {
        c->flags &= (uint8_t)~F_CANCEL;
        vow__cancel(loop, c);
    }
}

void vow__linear_end(vow_loop *loop, vow_promise *c, vow_value result)
{
    c->kind = K_HANDLE; /* whose line owns nothing */
    c->linear->ended(c->data);
    if (VOW_LIKELY(vow__user_end(loop, c)))
        vow__resolve_with(loop, c, result);
    else
        vow__release(result);
}
