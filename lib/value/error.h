/* SPDX-License-Identifier: MIT
 *
 * value/error.h - what the layers above know of errors: ready-made ones that need no
 * memory, errors made ahead, and the allocation-free joining of errors.
 */
#ifndef VOW_VALUE_ERROR_H
#define VOW_VALUE_ERROR_H

#include <stdarg.h>

#include "base/panic.h"
#include "value/value.h"
#include "vow/error.h"

/* Immortal errors: reference counting does nothing to them, and they take no cause,
 * no suppressed errors and no place. Codes: ECANCELED, ENOMEM, ETIMEDOUT, EDEADLK in
 * errno's domain and all VOW_E... in vow's. */
vow_error *vow__error_ready(int code);

static inline vow_value vow__fail_ready(int code)
{
    return vow_error_value(vow__error_ready(code));
}

/* What await and run return for an outcome: 0, or its error's code, never 0 (-1 instead). */
static inline int vow__code_of(vow_value outcome)
{
    if (VOW_LIKELY(!vow__has_kind(outcome, VOW__ERROR)))
        return 0;
    int code = vow_error_code(vow_as_error(outcome));
    return code ? code : -1;
}

/* Takes the outcome, into *ret or, where ret is NULL, to be released: vow__code_of it. */
static inline int vow__hand_out(vow_value outcome, vow_value *ret)
{
    int code = vow__code_of(outcome);
    if (ret)
        *ret = outcome;
    else
        vow__release(outcome);
    return code;
}

/* As vow_error_new_at, with a va_list, and NULL when there is no memory: for errors that
 * must be complete later without allocating. */
vow_error *vow__error_prepare(const char *where, const vow_domain *domain, int code,
                              const char *format, va_list arguments);

/* Both take their second argument and join without allocating; where that cannot be done
 * they give it back (not NULL), still the caller's.
 * add_cause puts `cause` at the end of e's chain of causes. Not when e or one of its causes
 * is immortal or shared: others would see it change, and circles could arise.
 * suppress adds `other` to e's suppressed errors, at the end. Not when e is immortal, or
 * `other` is immortal or shared (its link is needed), or is e; nor when e is shared and
 * `other` could hold it: has e among its causes, suppressed errors or a counted payload. */
VOW_NODISCARD vow_error *vow__error_add_cause(vow_error *e, vow_error *cause);
VOW_NODISCARD vow_error *vow__error_suppress(vow_error *e, vow_error *other);

/* For errors prepared ahead: changes code and domain; payload (taken). Nothing happens to
 * immortal ones, but the payload is released. */
void vow__error_set_code(vow_error *e, const vow_domain *domain, int code);
void vow__error_set_payload(vow_error *e, vow_value payload);

/* Is this the errno-domain ECANCELED that cancel uses? Such rejections are never reported. */
static inline bool vow__is_cancel(const vow_error *e)
{
    return vow_error_is(e, vow_errno_domain(), ECANCELED);
}

#endif
