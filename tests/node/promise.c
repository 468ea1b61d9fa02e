/* SPDX-License-Identifier: MIT
 *
 * tests/node/promise.c - `then`, resolving functions, and the call of a foreign `then`.
 */
#include "bridge.h"

#include <stdlib.h>

static const napi_type_tag wrap_tag = {0x766f772070726f6d, 0x6973652077726170};

/* What JavaScript sees of a promise; its handle ends with the garbage collector. */
struct wrap {
    struct bridge *b;
    vow_promise *p;
    struct wrap *next, **at;
};

/* A pending `then`. It holds its own promise, see bridge.h. */
struct reaction {
    struct bridge *b;
    napi_ref ok, err; /* NULL: not a function */
    vow_promise *p;   /* what `then` gave */
    struct reaction *next, **at;
};

/* resolvePromise and rejectPromise. When both are garbage nobody can settle the promise any
 * more. JavaScript's stays pending then; vow's would be rejected as broken with the last
 * reference, which is therefore kept while somebody waits. */
struct settler {
    struct bridge *b;
    vow_remote_resolver *r;
    const vow_promise *self; /* only compared, and only while it is wanted */
    int functions;
    struct settler *next, **at;
};

#define LINK(first, item)                     \
    do {                                      \
        (item)->next = (first);               \
        (item)->at = &(first);                \
        if ((item)->next)                     \
            (item)->next->at = &(item)->next; \
        (first) = (item);                     \
    } while (0)
#define UNLINK(item)                       \
    do {                                   \
        *(item)->at = (item)->next;        \
        if ((item)->next)                  \
            (item)->next->at = (item)->at; \
    } while (0)

static void *zeroed(size_t size)
{
    void *block = calloc(1, size);
    if (!block)
        fatal("no memory");
    return block;
}

/* The callback's `this` and the arguments it was given; the bridge is its data. */
static struct bridge *arguments(napi_env env, napi_callback_info info, size_t n, napi_value *args,
                                napi_value *this)
{
    void *data;
    MUST(napi_get_cb_info(env, info, &n, args, this, &data));
    return data;
}

static void wrap_gone(napi_env env, void *data, void *hint)
{
    (void)env, (void)hint;
    struct wrap *wrap = data;
    wrap->b->wrappers--;
    UNLINK(wrap);
    vow_unref(wrap->p);
    free(wrap);
}

/* Takes p. */
static napi_value wrap_new(struct bridge *b, vow_promise *p)
{
    napi_value class, object;
    MUST(napi_get_reference_value(b->env, b->class, &class));
    MUST(napi_new_instance(b->env, class, 0, NULL, &object));
    struct wrap *wrap = zeroed(sizeof *wrap);
    wrap->b = b;
    wrap->p = p;
    LINK(b->first_wrap, wrap);
    b->wrappers++;
    MUST(napi_wrap(b->env, object, wrap, wrap_gone, NULL, NULL));
    MUST(napi_type_tag_object(b->env, object, &wrap_tag));
    return object;
}

vow_promise *promise_of(struct bridge *b, napi_value x)
{
    bool ours = false;
    MUST(napi_check_object_type_tag(b->env, x, &wrap_tag, &ours));
    if (!ours)
        return NULL;
    void *wrap;
    MUST(napi_unwrap(b->env, x, &wrap));
    return ((struct wrap *)wrap)->p;
}

/* One handler: `v` or `e` is what it sees. */
static vow_value call_handler(struct reaction *reaction, napi_ref fn, vow_value v,
                              const vow_error *e)
{
    struct bridge *b = reaction->b;
    begin_serving(b);
    napi_handle_scope scope;
    MUST(napi_open_handle_scope(b->env, &scope));
    napi_value undefined, function, result, x = e ? reason_of(b, e) : value_of(v);
    MUST(napi_get_undefined(b->env, &undefined));
    MUST(napi_get_reference_value(b->env, fn, &function));
    bool returned = napi_call_function(b->env, undefined, function, 1, &x, &result) == napi_ok;
    vow_value answer = returned ? resolution(b, result, reaction->p) : vow_v(caught(b));
    MUST(napi_close_handle_scope(b->env, scope));
    end_serving(b);
    return answer;
}

static vow_value on_ok(vow_value v, void *data)
{
    struct reaction *reaction = data;
    return call_handler(reaction, reaction->ok, v, NULL);
}

static vow_value on_err(const vow_error *e, void *data)
{
    struct reaction *reaction = data;
    return call_handler(reaction, reaction->err, vow_none(), e);
}

/* Its promise has settled or was dropped. */
static void reaction_gone(void *data)
{
    struct reaction *reaction = data;
    struct bridge *b = reaction->b;
    vow_promise *p = reaction->p;
    UNLINK(reaction);
    b->reactions--;
    if (reaction->ok)
        MUST(napi_delete_reference(b->env, reaction->ok));
    if (reaction->err)
        MUST(napi_delete_reference(b->env, reaction->err));
    free(reaction);
    vow_unref(p);
}

static napi_ref function_ref(struct bridge *b, napi_value x)
{
    napi_ref ref = NULL;
    if (is_function(b, x))
        MUST(napi_create_reference(b->env, x, 1, &ref));
    return ref;
}

static napi_value then(napi_env env, napi_callback_info info)
{
    napi_value args[2], this;
    struct bridge *b = arguments(env, info, 2, args, &this);
    vow_promise *p = is_object(b, this) ? promise_of(b, this) : NULL;
    if (!p) {
        MUST(napi_throw_type_error(env, NULL, "then: not a promise of vow's"));
        return NULL;
    }
    enter(b);
    struct reaction *reaction = zeroed(sizeof *reaction);
    reaction->b = b;
    reaction->ok = function_ref(b, args[0]);
    reaction->err = function_ref(b, args[1]);
    LINK(b->first_reaction, reaction);
    b->reactions++;
    vow_promise *next = vow_then_catch_with(vow_ref(p), reaction->ok ? on_ok : NULL,
                                            reaction->err ? on_err : NULL, reaction, reaction_gone);
    reaction->p = vow_ref(next);
    napi_value object = wrap_new(b, next);
    leave(b);
    return object;
}

static napi_value construct(napi_env env, napi_callback_info info)
{
    napi_value this;
    arguments(env, info, 0, NULL, &this);
    return this;
}

napi_value make_class(struct bridge *b)
{
    napi_property_descriptor method = {"then", NULL, then, NULL, NULL, NULL, napi_default_method,
                                       b};
    napi_value class;
    MUST(napi_define_class(b->env, "VowPromise", NAPI_AUTO_LENGTH, construct, b, 1, &method,
                           &class));
    return class;
}

static void settler_free(struct settler *s)
{
    s->b->settlers--;
    UNLINK(s);
    vow_remote_resolver_unref(s->r);
    free(s);
}

static bool is_lost(const struct settler *s)
{
    return s->functions == 0 && !vow_remote_is_wanted(s->r);
}

static void function_gone(napi_env env, void *data, void *hint)
{
    (void)env, (void)hint;
    struct settler *s = data;
    s->functions--;
    if (is_lost(s))
        settler_free(s);
}

static struct settler *settler_new(struct bridge *b, vow_promise **ret)
{
    struct settler *s = zeroed(sizeof *s);
    s->b = b;
    LINK(b->first_settler, s);
    b->settlers++;
    *ret = vow_promise_new_remote(b->remote, &s->r);
    return s;
}

/* vow is asked first only lest a late call reads `then`; that it is late, vow says again. */
static napi_value resolve_promise(napi_env env, napi_callback_info info)
{
    napi_value x;
    void *data;
    MUST(napi_get_cb_info(env, info, &(size_t){1}, &x, NULL, &data));
    struct settler *s = data;
    enter(s->b);
    bool late = !vow_remote_is_wanted(s->r);
    vow_value v = late ? plain_value(s->b, x) : resolution(s->b, x, s->self);
    vow_remote_resolve(s->r, v);
    leave(s->b);
    return NULL;
}

static napi_value reject_promise(napi_env env, napi_callback_info info)
{
    napi_value x;
    void *data;
    MUST(napi_get_cb_info(env, info, &(size_t){1}, &x, NULL, &data));
    struct settler *s = data;
    enter(s->b);
    vow_remote_reject(s->r, error_with(s->b, x));
    leave(s->b);
    return NULL;
}

static napi_value settler_function(struct settler *s, napi_callback fn)
{
    napi_value function;
    MUST(napi_create_function(s->b->env, NULL, 0, fn, s, &function));
    MUST(napi_add_finalizer(s->b->env, function, s, function_gone, NULL, NULL));
    s->functions++;
    return function;
}

napi_value make_deferred(napi_env env, napi_callback_info info)
{
    struct bridge *b = arguments(env, info, 0, NULL, NULL);
    enter(b);
    vow_promise *p;
    struct settler *s = settler_new(b, &p);
    s->self = p;
    napi_value object;
    MUST(napi_create_object(env, &object));
    MUST(napi_set_named_property(env, object, "promise", wrap_new(b, p)));
    MUST(napi_set_named_property(env, object, "resolve", settler_function(s, resolve_promise)));
    MUST(napi_set_named_property(env, object, "reject", settler_function(s, reject_promise)));
    leave(b);
    return object;
}

napi_value make_resolved(napi_env env, napi_callback_info info)
{
    napi_value x;
    struct bridge *b = arguments(env, info, 1, &x, NULL);
    enter(b);
    napi_value object = wrap_new(b, vow_resolved(b->loop, resolution(b, x, NULL)));
    leave(b);
    return object;
}

napi_value make_rejected(napi_env env, napi_callback_info info)
{
    napi_value reason;
    struct bridge *b = arguments(env, info, 1, &reason, NULL);
    enter(b);
    napi_value object = wrap_new(b, vow_rejected(b->loop, error_with(b, reason)));
    leave(b);
    return object;
}

/* vow calls this from the queue. The resolver it gives is for one call; JavaScript may call
 * twice, later, or throw after it called, so it gets a counted one of a promise that the
 * given one follows. */
void call_thenable(void *object, vow_resolver *resolver)
{
    struct bridge *b = bridge_of(object);
    begin_serving(b);
    napi_handle_scope scope;
    MUST(napi_open_handle_scope(b->env, &scope));
    vow_promise *p;
    struct settler *s = settler_new(b, &p);
    vow_resolve(resolver, vow_v(p));
    napi_value functions[] = {settler_function(s, resolve_promise),
                              settler_function(s, reject_promise)};
    if (napi_call_function(b->env, part(object, 0), part(object, 1), 2, functions, NULL) != napi_ok)
        vow_remote_reject(s->r, caught(b));
    MUST(napi_close_handle_scope(b->env, scope));
    end_serving(b);
}

/* A drop frees its reaction, and then those of what only it wanted. */
void drop_reactions(struct bridge *b)
{
    while (b->first_reaction) {
        struct reaction *reaction = b->first_reaction;
        vow_promise *p = reaction->p;
        UNLINK(reaction);
        reaction->next = NULL;
        reaction->at = &reaction->next; /* for reaction_gone */
        reaction->p = NULL;
        vow_unref(p);
    }
}

void drop_settlers(struct bridge *b)
{
    for (struct settler *s = b->first_settler, *next; s; s = next) {
        next = s->next;
        if (is_lost(s))
            settler_free(s);
    }
}
