/* SPDX-License-Identifier: MIT */
#include "flow/build.h"

static void drop_inputs(struct vow__inputs inputs)
{
    for (size_t i = 0; i < inputs.n; i++) {
        vow_promise *input = inputs.items[i];
        inputs.items[i] = NULL;
        if (input)
            vow__combine_drop_input(input);
    }
}

vow_promise *vow__flow_refuse(vow_loop *loop, struct vow__inputs inputs)
{
    /* First: a loop that was freed lives as long as there are handles. */
    vow_promise *refused = vow__refuse(loop, NULL, NULL, NULL);
    drop_inputs(inputs);
    return refused;
}

/* 0, or why c gets no further inputs; what was not added is still in the array. */
static int add_inputs(vow_promise *c, struct vow__inputs inputs, const char *where)
{
    vow_loop *loop = vow__loop_of(c);
    for (size_t i = 0; i < inputs.n; i++) {
        vow_promise *input = inputs.items[i];
        if (VOW_UNLIKELY(vow__check_handle(input, "a combinator's input") != loop)) {
            vow__check(input, "a combinator's input"); /* its thread, too */
            return VOW_ELOOP;
        }
        inputs.items[i] = NULL;
        if (VOW_UNLIKELY(!vow__combine_add(c, input, i, where)))
            return ENOMEM;
    }
    return 0;
}

vow_promise *vow__flow_over(vow_loop *loop, const struct vow__combine_ops *ops, void *state,
                            struct vow__inputs inputs, const char *where)
{
    vow_promise *c = vow__combine_new(loop, ops, state, where);
    if (VOW_UNLIKELY(!c)) {
        if (state)
            ops->done(state);
        return vow__flow_refuse(loop, inputs);
    }
    int refused = add_inputs(c, inputs, where);
    if (VOW_LIKELY(!refused)) {
        vow__combine_ready(c);
        return c;
    }
    vow_unref(c);
    if (refused != VOW_ELOOP)
        return vow__flow_refuse(loop, inputs);
    drop_inputs(inputs);
    return vow_rejected_at(loop, vow__error_ready(VOW_ELOOP), where);
}

vow_promise *vow__flow_new(vow_loop *loop, const struct vow__combine_ops *ops, void *state,
                           const char *where)
{
    vow__check_loop(loop, ops->name);
    if (!state)
        return NULL;
    vow_promise *c = vow__combine_new(loop, ops, state, where);
    if (!c)
        ops->done(state);
    return c;
}

static void check_given(const vow_promise *c, vow_value v)
{
    const char *place = vow__site_text(c->site);
    VOW_CHECK(!vow__has_kind(v, VOW__SAME),
              "the function of the %s made at %s gave VOW_SAME, but it was given no value",
              c->ops->name, place ? place : "(places are not recorded)");
    (void)place;
}

void vow__flow_await(vow_promise *c, vow_value v, uint64_t index)
{
    vow_loop *loop = vow__loop_of(c);
    int refused = 0;
    check_given(c, v);
    if (VOW_UNLIKELY(!vow__wanted(c))) { /* the function has dropped its own combinator */
        vow__release(v);
        return;
    }
    if (!vow__has_kind(v, VOW__PROMISE))
        v = vow_promise_value(vow_resolved_at(loop, v, vow__site_text(c->site)));
    else
        refused = vow__cannot_wait(loop, c, v.as.p);
    if (VOW_UNLIKELY(refused))
        vow__release(v);
    else if (VOW_UNLIKELY(!vow__combine_add(c, v.as.p, index, NULL)))
        refused = loop->closing ? VOW_ECLOSED : ENOMEM;
    if (VOW_UNLIKELY(refused))
        vow__combine_decide(c, vow__fail_ready(refused));
}

vow_promise *vow__flow_owning(vow_loop *loop, vow_promise *c, void *data, vow_destroy_fn *destroy,
                              const char *where)
{
    if (VOW_UNLIKELY(!c))
        return vow__refuse(loop, NULL, data, destroy);
    return destroy ? vow_attach_at(c, data, destroy, where) : c;
}

vow_error *vow__flow_error(const char *where, const vow_domain *domain, int code,
                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vow_error *e = vow__error_prepare(where, domain, code, format, arguments);
    va_end(arguments);
    return e;
}
