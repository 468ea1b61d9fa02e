/* SPDX-License-Identifier: MIT
 *
 * vow/type.h - the user's own types as values: one line in a header, one in a .c.
 *
 *     // sock.h
 *     VOW_TYPE_DECLARE(sock, struct sock)
 *     // sock.c: counted by its own functions ...
 *     VOW_TYPE_DEFINE(sock, struct sock, sock_ref, sock_unref)
 *     // ... or any malloc+free object, counted by a box around it
 *     VOW_BOX_DEFINE(job, struct job, job_free)
 *
 * gives `vow_value sock_value(struct sock *)` (takes a reference),
 * `struct sock *sock_of(vow_value)` (looks; panics on another type),
 * `bool sock_is(vow_value)` and `const vow_type *sock_type(void)`.
 */
#ifndef VOW_TYPE_H
#define VOW_TYPE_H

#include "value.h"

#define VOW_TYPE_DECLARE(name, T)         \
    const vow_type *name##_type(void);    \
    vow_value name##_value(T *object);    \
    T *name##_of(vow_value v);            \
    bool name##_is(vow_value v);

/* `ref_fn` is `T *ref(T *)`, `unref_fn` is `void or T *unref(T *)`: called through
 * wrappers, so that no function is called through a pointer of another type. */
#define VOW_TYPE_DEFINE(name, T, ref_fn, unref_fn)                                      \
    static void *name##_vow_ref(void *object) { return ref_fn((T *)object); }           \
    static void name##_vow_unref(void *object) { unref_fn((T *)object); }               \
    static const vow_type name##_vow_type = {sizeof(vow_type), 0,       #name,          \
                                             name##_vow_ref, name##_vow_unref, 0, 0, {0}}; \
    const vow_type *name##_type(void) { return &name##_vow_type; }                      \
    vow_value name##_value(T *object) { return vow_of(&name##_vow_type, object); }      \
    T *name##_of(vow_value v) { return (T *)vow_as(v, &name##_vow_type); }              \
    bool name##_is(vow_value v) { return vow_is(v, &name##_vow_type); }

/* `destroy_fn` is `void destroy(T *)`. name_value takes the object; when the box
 * cannot be had it destroys the object and gives an error value (ENOMEM). */
#define VOW_BOX_DEFINE(name, T, destroy_fn)                                              \
    static void name##_vow_destroy(void *object) { destroy_fn((T *)object); }            \
    static const vow_type name##_vow_type = {sizeof(vow_type), 0, #name, vow_box_ref,    \
                                             vow_box_unref, vow_box_count, 0, {0}};      \
    const vow_type *name##_type(void) { return &name##_vow_type; }                       \
    vow_value name##_value(T *object)                                                    \
    {                                                                                    \
        return vow_box_of(&name##_vow_type, object, name##_vow_destroy);                 \
    }                                                                                    \
    T *name##_of(vow_value v) { return (T *)vow_box_object(vow_as(v, &name##_vow_type)); } \
    bool name##_is(vow_value v) { return vow_is(v, &name##_vow_type); }

VOW_BEGIN

/* What VOW_BOX_DEFINE is made of, for bindings. vow_box_of takes `object`. */
VOW_API vow_value vow_box_of(const vow_type *type, void *object, vow_destroy_fn *destroy);
VOW_API void *vow_box_object(void *box);
VOW_API void *vow_box_ref(void *box);
VOW_API void vow_box_unref(void *box);
VOW_API size_t vow_box_count(const void *box);

VOW_END
#endif
