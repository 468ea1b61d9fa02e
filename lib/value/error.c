/* SPDX-License-Identifier: MIT */
#include "value/error.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "value/object.h"

static void *error_ref(void *object) { return vow_error_ref(object); }

static void error_unref(void *object) { vow_error_unref(object); }

/* Immortal ones count as held by others too. */
static size_t error_count(const void *object)
{
    const vow_error *e = object;

    return e->count > 0 ? e->count : SIZE_MAX;
}

const vow_type vow__error_type = {.size = sizeof(vow_type),
                                  .kind = VOW__ERROR,
                                  .name = "error",
                                  .ref = error_ref,
                                  .unref = error_unref,
                                  .count = error_count};

/* An error with room for `size` bytes of text behind it. */
static vow_error *new_block(size_t size)
{
    vow_error *e = vow__alloc(sizeof *e + size);

    if (e != NULL)
        *e = (vow_error){.count = 1, .message = size > 0 ? (char *)(e + 1) : NULL};
    return e;
}

/* Most texts are short: formatted once on the stack, then copied. */
static vow_error *new_with_text(const char *format, va_list arguments)
{
    char brief[256];
    va_list again;
    vow_error *e;
    int size;

    if (format == NULL || format[0] == '\0')
        return new_block(0);
    va_copy(again, arguments);
    size = vsnprintf(brief, sizeof brief, format, arguments);
    e = new_block(size > 0 ? (size_t)size + 1 : 0);
    if (e != NULL && size >= (int)sizeof brief)
        vsnprintf((char *)(e + 1), (size_t)size + 1, format, again);
    else if (e != NULL && size > 0)
        memcpy(e + 1, brief, (size_t)size + 1);
    va_end(again);
    return e;
}

vow_error *vow__error_prepare(const char *where, const vow_domain *domain, int code,
                              const char *format, va_list arguments)
{
    vow_error *e = new_with_text(format, arguments);

    if (e == NULL)
        return NULL;
    e->place = where;
    vow__error_set_code(e, domain, code);
    return e;
}

/* Never NULL: from the heap, or of the reserve, or the immortal one. */
static vow_error *make(const char *where, const vow_domain *domain, int code, const char *format,
                       va_list arguments)
{
    vow_error *e = vow__error_prepare(where, domain, code, format, arguments);

    if (e != NULL)
        return e;
    e = vow__reserve_take();
    if (e == NULL)
        return vow__error_ready(ENOMEM);
    e->place = where;
    vow__error_set_code(e, domain, code);
    return e;
}

vow_error *vow_error_new_at(const char *where, const vow_domain *domain, int code,
                            const char *format, ...)
{
    va_list arguments;
    vow_error *e;

    va_start(arguments, format);
    e = make(where, domain, code, format, arguments);
    va_end(arguments);
    return e;
}

vow_value vow_fail_at(const char *where, const vow_domain *domain, int code, const char *format,
                      ...)
{
    va_list arguments;
    vow_error *e;

    va_start(arguments, format);
    e = make(where, domain, code, format, arguments);
    va_end(arguments);
    return vow_error_value(e);
}

vow_error *vow_error_of_value_at(const char *where, vow_value payload)
{
    vow_error *e = vow_error_new_at(where, &vow__own_domain, VOW_EVALUE, NULL);

    vow__error_set_payload(e, payload);
    return e;
}

vow_value vow_rethrow(const vow_error *e)
{
    VOW_CHECK(e != NULL, "vow_rethrow: no error");
    return vow_error_value(vow_error_ref(e));
}

vow_value vow_wrap_at(const char *where, const vow_error *e, int code, const char *format, ...)
{
    va_list arguments;
    vow_error *wrapper;

    VOW_CHECK(e != NULL, "vow_wrap: no error");
    va_start(arguments, format);
    wrapper = make(where, &vow__errno_domain, code, format, arguments);
    va_end(arguments);
    if (wrapper->count > 0)
        wrapper->cause = vow_error_ref(e);
    return vow_error_value(wrapper);
}

vow_error *vow_error_ref(const vow_error *e)
{
    vow_error *counted = (vow_error *)e; /* looking includes counting */

    if (e != NULL && e->count > 0)
        counted->count++;
    return counted;
}

vow_error *vow_error_unref(vow_error *e)
{
    if (e != NULL && e->count > 0 && --e->count == 0)
        vow__error_destroy(e);
    return NULL;
}

static const vow_error *look_at(const vow_error *e)
{
    VOW_CHECK(e != NULL, "vow_error_...: no error to look at");
    return e;
}

const vow_domain *vow_error_domain(const vow_error *e) { return look_at(e)->domain; }

int vow_error_code(const vow_error *e) { return look_at(e)->code; }

bool vow_error_is(const vow_error *e, const vow_domain *domain, int code)
{
    return e != NULL && e->code == code && e->domain == domain;
}

const char *vow_error_message(const vow_error *e)
{
    return look_at(e)->message != NULL ? e->message : e->domain->text(e->code);
}

const vow_error *vow_error_cause(const vow_error *e) { return look_at(e)->cause; }

const char *vow_error_place(const vow_error *e) { return look_at(e)->place; }

vow_value vow_error_payload(const vow_error *e) { return look_at(e)->payload; }

const vow_error *vow_error_suppressed(const vow_error *e) { return look_at(e)->suppressed; }

const vow_error *vow_error_next(const vow_error *suppressed) { return look_at(suppressed)->next; }

/* When e and all its causes are exclusive, nothing else can hold one of them, so that no
 * cause makes a circle. */
vow_error *vow__error_add_cause(vow_error *e, vow_error *cause)
{
    for (;; e = e->cause) {
        if (e->count != 1)
            return cause;
        if (e->cause == NULL)
            break;
    }
    e->cause = cause;
    return NULL;
}

/* Would e as part of `tree` be found? Looks at the causes; what else can hold an error is
 * taken to do so. */
static bool may_hold(const vow_error *tree, const vow_error *e)
{
    for (; tree != NULL; tree = tree->cause)
        if (tree == e || tree->suppressed != NULL || vow__is_counted(tree->payload))
            return true;
    return false;
}

vow_error *vow__error_suppress(vow_error *e, vow_error *other)
{
    if (e == other || e->count == 0 || other->count != 1)
        return other;
    if (e->count > 1 && may_hold(other, e)) /* an exclusive e is held by nobody but us */
        return other;
    if (e->suppressed == NULL)
        e->suppressed = other;
    else
        e->last_suppressed->next = other;
    e->last_suppressed = other;
    return NULL;
}

void vow__error_set_code(vow_error *e, const vow_domain *domain, int code)
{
    VOW_CHECK(domain != NULL, "an error of code %d has no domain", code);
    if (e->count == 0)
        return;
    e->domain = domain;
    e->code = code;
}

void vow__error_set_payload(vow_error *e, vow_value payload)
{
    vow_value old = payload;

    if (e->count > 0) {
        old = e->payload;
        e->payload = payload;
    }
    vow__release(old);
}
