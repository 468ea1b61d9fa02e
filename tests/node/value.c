/* SPDX-License-Identifier: MIT
 *
 * tests/node/value.c - JavaScript values as counted vow values and back.
 *
 * Node-API references objects only (before version 10), so every value is carried inside an
 * array: [value], or [object, its then] for a thenable.
 */
#include "bridge.h"

#include <stdlib.h>

struct held {
    struct bridge *b;
    size_t refs;
    napi_ref array;
    struct held *next; /* once released */
};

static void *held_ref(void *object)
{
    struct held *held = object;
    held->refs++;
    return held;
}

/* vow may release from a destructor, under a finalizer of the garbage collector's. */
static void held_unref(void *object)
{
    struct held *held = object;
    if (--held->refs > 0)
        return;
    held->next = held->b->released;
    held->b->released = held;
    held->b->values--;
}

static size_t held_count(const void *object) { return ((const struct held *)object)->refs; }

static const vow_type js_type = {
    sizeof(vow_type), 0, "JavaScript value", held_ref, held_unref, held_count, NULL, {NULL}};
static const vow_type js_thenable_type = {sizeof(vow_type), 0,          "JavaScript thenable",
                                          held_ref,         held_unref, held_count,
                                          call_thenable,    {NULL}};

void sweep(struct bridge *b)
{
    while (b->released) {
        struct held *held = b->released;
        b->released = held->next;
        MUST(napi_delete_reference(b->env, held->array));
        free(held);
    }
}

vow_value hold(struct bridge *b, const vow_type *type, size_t n, const napi_value *parts)
{
    struct held *held = calloc(1, sizeof *held);
    if (!held)
        fatal("no memory");
    napi_value array;
    MUST(napi_create_array_with_length(b->env, n, &array));
    for (uint32_t i = 0; i < n; i++)
        MUST(napi_set_element(b->env, array, i, parts[i]));
    MUST(napi_create_reference(b->env, array, 1, &held->array));
    held->b = b;
    held->refs = 1;
    b->values++;
    return vow_of(type, held);
}

struct bridge *bridge_of(const struct held *held) { return held->b; }

napi_value part(const struct held *held, uint32_t index)
{
    napi_value array, x;
    MUST(napi_get_reference_value(held->b->env, held->array, &array));
    MUST(napi_get_element(held->b->env, array, index, &x));
    return x;
}

vow_value plain_value(struct bridge *b, napi_value x) { return hold(b, &js_type, 1, &x); }

napi_value value_of(vow_value v) { return part(vow_as(v, &js_type), 0); }

vow_error *error_with(struct bridge *b, napi_value reason)
{
    return vow_error_of_value(plain_value(b, reason));
}

/* Promises/A+ 2.3.1 wants a TypeError where vow has its cycle error. */
static napi_value own_error(struct bridge *b, const vow_error *e)
{
    napi_value message, error;
    MUST(napi_create_string_utf8(b->env, vow_error_message(e), NAPI_AUTO_LENGTH, &message));
    if (vow_error_is(e, vow_own_domain(), VOW_ECYCLE))
        MUST(napi_create_type_error(b->env, NULL, message, &error));
    else
        MUST(napi_create_error(b->env, NULL, message, &error));
    return error;
}

napi_value reason_of(struct bridge *b, const vow_error *e)
{
    vow_value payload = vow_error_payload(e);
    return vow_is(payload, &js_type) ? value_of(payload) : own_error(b, e);
}

vow_error *caught(struct bridge *b)
{
    bool thrown;
    napi_value exception;
    MUST(napi_is_exception_pending(b->env, &thrown));
    if (!thrown)
        fatal("a call into JavaScript failed without an exception");
    MUST(napi_get_and_clear_last_exception(b->env, &exception));
    return error_with(b, exception);
}

static napi_valuetype type_of(struct bridge *b, napi_value x)
{
    napi_valuetype type;
    MUST(napi_typeof(b->env, x, &type));
    return type;
}

bool is_function(struct bridge *b, napi_value x) { return type_of(b, x) == napi_function; }

bool is_object(struct bridge *b, napi_value x)
{
    return type_of(b, x) == napi_object || type_of(b, x) == napi_function;
}

/* A wrapper's own promise is handed over as itself in either mode: that a promise must not
 * wait for itself is vow's to see, and as a foreign object it could not. */
vow_value resolution(struct bridge *b, napi_value x, const vow_promise *self)
{
    if (!is_object(b, x))
        return plain_value(b, x);
    vow_promise *p = promise_of(b, x);
    if (p && (b->native || p == self))
        return vow_v(vow_ref(p));
    napi_value then;
    if (napi_get_named_property(b->env, x, "then", &then) != napi_ok)
        return vow_v(caught(b));
    if (!is_function(b, then))
        return plain_value(b, x);
    return hold(b, &js_thenable_type, 2, (napi_value[]){x, then});
}
