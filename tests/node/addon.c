/* SPDX-License-Identifier: MIT
 *
 * tests/node/addon.c - the module: set-up, turns of the queue, counts, and the end.
 *
 *     addon.start({native, drains, wake})   once; wake() is to have turn() called soon
 *     addon.deferred(), resolved(x), rejected(reason)
 *     addon.turn()                          runs what is queued
 *     addon.counts()                        what is alive on either side
 *     addon.forget()                        drops every `then` that still waits
 *     addon.finish()                        closes the loop; how many handles were still out
 */
#include "bridge.h"

#include <stdio.h>
#include <stdlib.h>

void fatal(const char *message)
{
    napi_fatal_error("vow's addon", NAPI_AUTO_LENGTH, message, NAPI_AUTO_LENGTH);
    abort(); /* napi_fatal_error is not declared to stay away */
}

void enter(struct bridge *b) { b->depth++; }

static void ask_for_turn(struct bridge *b)
{
    napi_value undefined, wake;
    b->asked = true;
    MUST(napi_get_undefined(b->env, &undefined));
    MUST(napi_get_reference_value(b->env, b->wake, &wake));
    MUST(napi_call_function(b->env, undefined, wake, 0, NULL, NULL));
}

/* Inside a turn what settles is served by that turn. */
void leave(struct bridge *b)
{
    if (b->depth == 1 && !b->turning && !b->asked)
        ask_for_turn(b); /* before depth is 0: a handler run by `wake` is one run in here */
    if (--b->depth == 0 && !b->turning)
        sweep(b);
}

void begin_serving(struct bridge *b)
{
    if (b->depth > 0)
        fatal("a handler runs inside a call of then, resolve or reject");
    if (b->serving)
        fatal("a handler runs under another handler");
    if (!b->turning)
        fatal("a handler runs outside a turn");
    if (vow_current() != b->loop)
        fatal("vow_current() does not name the loop whose handler runs");
    b->serving = true;
    b->handlers++;
}

void end_serving(struct bridge *b)
{
    if (b->depth > 0)
        fatal("a handler came back with a call into the addon open");
    b->serving = false;
}

static struct bridge *bridge(napi_env env)
{
    void *data;
    MUST(napi_get_instance_data(env, &data));
    return data;
}

static napi_value turn(napi_env env, napi_callback_info info)
{
    (void)info;
    struct bridge *b = bridge(env);
    if (b->turning)
        fatal("a turn inside a turn");
    b->asked = false;
    b->turning = true;
    if (b->drains)
        vow_drain(b->loop, SIZE_MAX);
    else if (vow_poll(b->loop) < 0)
        fatal("vow_poll refused");
    b->turning = false;
    sweep(b);
    return NULL;
}

static void set_count(napi_env env, napi_value object, const char *name, size_t count)
{
    napi_value number;
    MUST(napi_create_int64(env, (int64_t)count, &number));
    MUST(napi_set_named_property(env, object, name, number));
}

static napi_value counts(napi_env env, napi_callback_info info)
{
    (void)info;
    struct bridge *b = bridge(env);
    drop_settlers(b);
    sweep(b);
    vow_counts of_vow = vow_stats(b->loop);
    napi_value object;
    MUST(napi_create_object(env, &object));
    set_count(env, object, "live", of_vow.live);
    set_count(env, object, "handles", of_vow.handles);
    set_count(env, object, "queued", of_vow.queued);
    set_count(env, object, "made", (size_t)of_vow.made);
    set_count(env, object, "unhandled", (size_t)of_vow.unhandled);
    set_count(env, object, "handlers", b->handlers);
    set_count(env, object, "wrappers", b->wrappers);
    set_count(env, object, "reactions", b->reactions);
    set_count(env, object, "settlers", b->settlers);
    set_count(env, object, "values", b->values);
    return object;
}

static napi_value forget(napi_env env, napi_callback_info info)
{
    (void)info;
    struct bridge *b = bridge(env);
    drop_reactions(b);
    sweep(b);
    return NULL;
}

static napi_value finish(napi_env env, napi_callback_info info)
{
    (void)info;
    struct bridge *b = bridge(env);
    vow_remote_unref(b->remote);
    size_t left = vow_loop_close(b->loop);
    vow_loop_free(b->loop);
    napi_value number;
    MUST(napi_create_int64(env, (int64_t)left, &number));
    return number;
}

static bool option(napi_env env, napi_value options, const char *name)
{
    napi_value x;
    bool set;
    MUST(napi_get_named_property(env, options, name, &x));
    MUST(napi_get_value_bool(env, x, &set));
    return set;
}

/* The suite rejects much that nobody looks at. */
static void unhandled(const vow_error *e, const char *made, bool late, void *data)
{
    (void)e, (void)made, (void)late, (void)data;
}

static napi_value start(napi_env env, napi_callback_info info)
{
    struct bridge *b = bridge(env);
    napi_value options, wake;
    MUST(napi_get_cb_info(env, info, &(size_t){1}, &options, NULL, NULL));
    b->native = option(env, options, "native");
    b->drains = option(env, options, "drains");
    MUST(napi_get_named_property(env, options, "wake", &wake));
    MUST(napi_create_reference(env, wake, 1, &b->wake));
    MUST(napi_create_reference(env, make_class(b), 1, &b->class));
    b->loop = vow_loop_new();
    b->remote = b->loop ? vow_remote_new(b->loop) : NULL;
    if (!b->remote)
        fatal("no loop");
    vow_on_unhandled(b->loop, unhandled, NULL);
    return NULL;
}

static napi_value init(napi_env env, napi_value exports)
{
    struct bridge *b = calloc(1, sizeof *b);
    if (!b)
        fatal("no memory");
    b->env = env;
    MUST(napi_set_instance_data(env, b, NULL, NULL));
    napi_property_descriptor functions[] = {
        {"start", NULL, start, NULL, NULL, NULL, napi_enumerable, b},
        {"turn", NULL, turn, NULL, NULL, NULL, napi_enumerable, b},
        {"deferred", NULL, make_deferred, NULL, NULL, NULL, napi_enumerable, b},
        {"resolved", NULL, make_resolved, NULL, NULL, NULL, napi_enumerable, b},
        {"rejected", NULL, make_rejected, NULL, NULL, NULL, napi_enumerable, b},
        {"counts", NULL, counts, NULL, NULL, NULL, napi_enumerable, b},
        {"forget", NULL, forget, NULL, NULL, NULL, napi_enumerable, b},
        {"finish", NULL, finish, NULL, NULL, NULL, napi_enumerable, b},
    };
    MUST(napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
    return exports;
}

NAPI_MODULE(vow, init)
