/* SPDX-License-Identifier: MIT
 *
 * tests/node/bridge.h - vow promises seen from JavaScript, for the Promises/A+ suite.
 *
 * Nothing here decides anything about promises: what resolving means, who is adopted, who
 * called first is vow's alone, asked through its public headers. The bridge carries values,
 * and watches that no handler runs where none may.
 *
 *   value.c    JavaScript values as vow values and back
 *   promise.c  `then`, deferred, the foreign thenable's hook
 *   addon.c    the module: set-up, turns of the queue, counts, the end
 *
 * What stands for what: the object that JavaScript sees (struct wrap) holds one handle, so
 * does every pending reaction on its own promise: JavaScript may forget what `then` gave it,
 * and the handler runs all the same. A pair of resolving functions holds one counted resolver.
 */
#ifndef VOW_TESTS_NODE_BRIDGE_H
#define VOW_TESTS_NODE_BRIDGE_H

#include <node_api.h>
#include <stdbool.h>

#include "vow.h"

struct held;

struct bridge {
    napi_env env;
    vow_loop *loop;
    vow_remote *remote;
    napi_ref class, wake;  /* the wrappers' class; the function that asks for a turn */
    bool native;           /* vow's own promises are adopted as such, not as foreign thenables */
    bool drains;           /* a turn is vow_drain, else vow_poll */
    bool asked;            /* a turn is under way */
    bool turning, serving; /* inside a turn; inside a handler or hook */
    int depth;             /* calls of JavaScript into the addon */
    size_t values, wrappers, reactions, settlers, handlers;
    struct held *released;
    struct wrap *first_wrap;
    struct reaction *first_reaction;
    struct settler *first_settler;
};

/* Every Node-API call whose failure would be a bug of this addon. */
#define MUST(call)                      \
    do {                                \
        if ((call) != napi_ok)          \
            fatal(VOW_HERE ": " #call); \
    } while (0)
VOW_NORETURN void fatal(const char *message);

/* Around what JavaScript calls. The last leave asks for a turn: something may have settled. */
void enter(struct bridge *b);
void leave(struct bridge *b);
/* Around what vow calls: a handler or a thenable's hook. Ends the run on a dirty stack. */
void begin_serving(struct bridge *b);
void end_serving(struct bridge *b);

/* value.c. hold: the value of `n` JavaScript values as one (takes nothing, gives).
 * A reference to JavaScript can only be deleted at times: sweep does it for what vow released. */
vow_value hold(struct bridge *b, const vow_type *type, size_t n, const napi_value *parts);
napi_value part(const struct held *held, uint32_t index);
struct bridge *bridge_of(const struct held *held);
void sweep(struct bridge *b);
vow_value plain_value(struct bridge *b, napi_value x);
napi_value value_of(vow_value v);
vow_error *error_with(struct bridge *b, napi_value reason);
napi_value reason_of(struct bridge *b, const vow_error *e);
vow_error *caught(struct bridge *b); /* the exception that JavaScript has just thrown */
bool is_function(struct bridge *b, napi_value x);
bool is_object(struct bridge *b, napi_value x);
/* What resolving `self` (maybe NULL; looked at) with x means to vow: a value, a promise, a
 * thenable, or the error of a `then` that throws when it is read. Gives. */
vow_value resolution(struct bridge *b, napi_value x, const vow_promise *self);

/* promise.c */
napi_value make_class(struct bridge *b);
napi_value make_deferred(napi_env env, napi_callback_info info);
napi_value make_resolved(napi_env env, napi_callback_info info);
napi_value make_rejected(napi_env env, napi_callback_info info);
vow_promise *promise_of(struct bridge *b, napi_value x); /* borrowed; NULL: no wrapper */
void call_thenable(void *held, vow_resolver *resolver);
/* Drops every `then` that still waits: where nothing can settle its source any more it is
 * garbage in JavaScript, but the handlers that it refers to hold on to much of the suite. */
void drop_reactions(struct bridge *b);
/* Gives back the resolvers that JavaScript has lost and whose promise nobody wants. */
void drop_settlers(struct bridge *b);

#endif
