/* SPDX-License-Identifier: MIT
 *
 * vow/value.h - what travels through promises: 16 bytes, a type and a payload,
 * passed by value (two registers on the usual ABIs).
 *
 *     vow_value a = vow_v(42);              // any integer, bool, double
 *     vow_value b = VOW_LIT("hello");       // a literal, borrowed for ever
 *     vow_value c = vow_text(name);         // any other text, copied
 *     vow_value d = vow_box(object, free);  // anything, made shareable
 *
 * A type is identified by the address of its descriptor; there is no registry.
 * A value is owned by whoever holds it: passing one to a vow function hands it
 * over, except to the getters (vow_is_..., vow_as_..., vow_keep, vow_count,
 * vow_at), which look. A handler borrows its argument and gives its result away.
 * Reference counts are not atomic: a value may move to another thread, never be
 * shared with one. Functions here may be called on any thread.
 */
#ifndef VOW_VALUE_H
#define VOW_VALUE_H

#include <stdbool.h>

#include "base.h"

VOW_BEGIN

/* Describes one type of value. Made with VOW_TYPE_DEFINE (type.h), static, never
 * changed. `ref` returns its argument with one more reference; every type has it,
 * because values are shared by pass-through, several consumers and combinators. */
typedef struct vow_type {
    uint32_t size;                         /* sizeof(vow_type) where it was compiled */
    uint32_t kind;                         /* 0; other numbers are vow's own         */
    const char *name;                      /* for messages                           */
    void *(*ref)(void *object);            /* one more reference; cannot fail        */
    void (*unref)(void *object);           /* one less; the last destroys            */
    size_t (*count)(const void *object);   /* references now, for checks; may be NULL */
    void (*then)(void *object, vow_resolver *resolver); /* foreign thenable (resolver.h); or NULL */
    void *reserved[1];
} vow_type;

/* The zeroed value is vow_none(). */
typedef struct vow_value {
    const vow_type *type;
    union {
        int64_t i;
        double d;
        const char *s;
        void *p;
    } as;
} vow_value;

/* Scalars: need no release. What is inline, here and below, is a function of the library too,
 * and costs less than a call of it. */
VOW_API inline vow_value vow_none(void);
VOW_API inline vow_value vow_bool(bool b);
VOW_API inline vow_value vow_int(int64_t i);
VOW_API vow_value vow_uint(uint64_t u); /* kept as int64_t; above INT64_MAX: an error value, ERANGE */
VOW_API inline vow_value vow_double(double d);
VOW_API vow_value vow_literal(const char *s); /* keeps s for ever: use VOW_LIT */
#define VOW_LIT(literal) vow_literal("" literal "")

/* Copies the text (at most `size` bytes of it, NUL added). Gives a counted text,
 * or an error value (ENOMEM). NULL makes vow_none(). */
VOW_API vow_value vow_text(const char *s);
VOW_API vow_value vow_text_n(const char *s, size_t size);
VOW_API vow_value vow_textf(const char *format, ...) VOW_FORMAT(1, 2);

/* Makes any object shareable: `destroy(object)` runs when the last reference goes
 * (NULL: never). Takes the object, even on failure, when it is destroyed at once
 * and an error value (ENOMEM) comes back. NULL object makes vow_none(). vow_unbox
 * looks into it. */
VOW_API vow_value vow_box(void *object, vow_destroy_fn *destroy);
VOW_API void *vow_unbox(vow_value v);

/* A value of the user's own type (type.h). Takes one reference of `object`;
 * NULL object makes vow_none(). */
VOW_API vow_value vow_of(const vow_type *type, void *object);

/* A promise or an error as a value. Takes. */
VOW_API vow_value vow_promise_value(vow_promise *p);
VOW_API vow_value vow_error_value(vow_error *e);

/* One more reference of the same value: `return vow_keep(v);` hands on what a
 * handler only borrowed. vow_release gives one back. Both accept scalars. */
VOW_API VOW_NODISCARD vow_value vow_keep(vow_value v);
VOW_API void vow_release(vow_value v);

/* What a handler returns to pass its own argument on: no reference changes hands.
 * The same for catch handlers: pass the same error on. */
VOW_API vow_value vow_same(void);
#define VOW_SAME vow_same()

/* Questions. Look; never fail. */
VOW_API inline bool vow_is_none(vow_value v);
VOW_API bool vow_is_error(vow_value v);
VOW_API bool vow_is(vow_value v, const vow_type *type);
VOW_API const char *vow_type_name(vow_value v);
VOW_API const vow_type *vow_int_type(void), *vow_bool_type(void), *vow_double_type(void),
    *vow_text_type(void), *vow_array_type(void), *vow_box_type(void);

/* Getters. Look: what they return is borrowed from v. Another type than the one
 * asked for is misuse and panics, naming both types. vow_as_double also takes an
 * integer; vow_as_text takes literal and counted text and is never NULL. */
VOW_API inline int64_t vow_as_int(vow_value v);
VOW_API inline bool vow_as_bool(vow_value v);
VOW_API double vow_as_double(vow_value v);
VOW_API const char *vow_as_text(vow_value v);
VOW_API void *vow_as(vow_value v, const vow_type *type);
VOW_API const vow_error *vow_as_error(vow_value v); /* NULL when v is no error */

/* Arrays: what all, all_settled and map give. vow_at borrows; an index out of
 * range panics. vow_array copies `n` values into a new array: takes the elements
 * and zeroes `items`; ENOMEM gives an error value, the elements released. */
VOW_API vow_value vow_array(size_t n, vow_value *items);
VOW_API size_t vow_count(vow_value v);
VOW_API vow_value vow_at(vow_value v, size_t index);

/* What the inline functions are made of, for bindings: the types of scalars, as
 * vow_int_type() and its like give them, and the panic of a getter. */
VOW_API extern const vow_type *const vow_scalar_bool;
VOW_API extern const vow_type *const vow_scalar_int;
VOW_API extern const vow_type *const vow_scalar_double;
VOW_API VOW_NORETURN void vow_wrong_type(const char *getter, const char *wanted, vow_value got);

inline vow_value vow_scalar(const vow_type *type, int64_t i)
{
    vow_value v;
    v.type = type;
    v.as.i = i;
    return v;
}
inline vow_value vow_none(void) { return vow_scalar(0, 0); }
inline vow_value vow_bool(bool b) { return vow_scalar(vow_scalar_bool, b); }
inline vow_value vow_int(int64_t i) { return vow_scalar(vow_scalar_int, i); }
inline vow_value vow_double(double d)
{
    vow_value v = vow_scalar(vow_scalar_double, 0);
    v.as.d = d;
    return v;
}
inline bool vow_is_none(vow_value v) { return v.type == 0; }
inline int64_t vow_as_int(vow_value v)
{
    if (v.type != vow_scalar_int)
        vow_wrong_type("vow_as_int", "int", v);
    return v.as.i;
}
inline bool vow_as_bool(vow_value v)
{
    if (v.type != vow_scalar_bool)
        vow_wrong_type("vow_as_bool", "bool", v);
    return v.as.i != 0;
}

VOW_END

/* vow_v(x): the value of any integer, bool, double, promise, error or value. A bare
 * char pointer does not compile: say VOW_LIT("...") or vow_text(s). */
#ifndef __cplusplus
static inline vow_value vow_same_value(vow_value v) { return v; }
#define vow_v(x)                                                                            \
    _Generic((x), _Bool: vow_bool, char: vow_int, signed char: vow_int, unsigned char: vow_int, \
             short: vow_int, unsigned short: vow_int, int: vow_int, unsigned: vow_int,      \
             long: vow_int, unsigned long: vow_uint, long long: vow_int,                    \
             unsigned long long: vow_uint, float: vow_double, double: vow_double,           \
             vow_promise *: vow_promise_value, vow_error *: vow_error_value,                \
             vow_value: vow_same_value)(x)
#else
template <bool Signed> struct vow_integer { static vow_value make(int64_t i) { return vow_int(i); } };
template <> struct vow_integer<false> { static vow_value make(uint64_t u) { return vow_uint(u); } };
template <class T> inline vow_value vow_v(T x)
{
    static_assert(T(1) / T(2) == T(0), "vow_v takes numbers, promises, errors and values");
    return vow_integer<(T(-1) < T(0))>::make(x);
}
inline vow_value vow_v(bool x) { return vow_bool(x); }
inline vow_value vow_v(float x) { return vow_double((double)x); }
inline vow_value vow_v(double x) { return vow_double(x); }
inline vow_value vow_v(vow_promise *x) { return vow_promise_value(x); }
inline vow_value vow_v(vow_error *x) { return vow_error_value(x); }
inline vow_value vow_v(vow_value x) { return x; }
#endif

#endif
