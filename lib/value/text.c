/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "value/error.h"
#include "value/object.h"

/* A text value points at the bytes, literal or counted; the count lies before them. */
struct text {
    size_t count;
    char bytes[];
};

static struct text *text_of(const void *bytes)
{
    return (struct text *)(void *)((char *)bytes - offsetof(struct text, bytes));
}

static void *text_ref(void *bytes)
{
    text_of(bytes)->count++;
    return bytes;
}

static void text_unref(void *bytes)
{
    struct text *text = text_of(bytes);

    if (--text->count == 0)
        vow__free(text);
}

static size_t text_count(const void *bytes) { return text_of(bytes)->count; }

const vow_type vow__text_type = {.size = sizeof(vow_type),
                                 .kind = VOW__COUNTED,
                                 .name = "text",
                                 .ref = text_ref,
                                 .unref = text_unref,
                                 .count = text_count};
const vow_type vow__literal_type = {.size = sizeof(vow_type), .kind = VOW__SCALAR, .name = "text"};

static struct text *text_new(size_t size)
{
    struct text *text = vow__alloc(sizeof *text + size + 1);

    if (text == NULL)
        return NULL;
    text->count = 1;
    text->bytes[size] = '\0';
    return text;
}

static vow_value text_value(struct text *text)
{
    if (text == NULL)
        return vow__fail_ready(ENOMEM);
    return (vow_value){.type = &vow__text_type, .as.s = text->bytes};
}

vow_value vow_literal(const char *s)
{
    VOW_CHECK(s != NULL, "vow_literal: no text");
    return (vow_value){.type = &vow__literal_type, .as.s = s};
}

static vow_value copy_text(const char *s, size_t size)
{
    struct text *text = text_new(size);

    if (text != NULL)
        memcpy(text->bytes, s, size);
    return text_value(text);
}

vow_value vow_text(const char *s) { return s != NULL ? copy_text(s, strlen(s)) : vow_none(); }

vow_value vow_text_n(const char *s, size_t size)
{
    const char *end;

    if (s == NULL)
        return vow_none();
    end = memchr(s, '\0', size);
    return copy_text(s, end != NULL ? (size_t)(end - s) : size);
}

vow_value vow_textf(const char *format, ...)
{
    va_list arguments;
    struct text *text;
    int size;

    va_start(arguments, format);
    size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) /* a wide character that has no multibyte form */
        return vow_fail_at(NULL, &vow__errno_domain, EILSEQ, "vow_textf");
    text = text_new((size_t)size);
    if (text != NULL) {
        va_start(arguments, format);
        vsnprintf(text->bytes, (size_t)size + 1, format, arguments);
        va_end(arguments);
    }
    return text_value(text);
}

const vow_type *vow_text_type(void) { return &vow__text_type; }

const char *vow_as_text(vow_value v)
{
    if (VOW_UNLIKELY(!vow_is(v, &vow__text_type)))
        vow_wrong_type("vow_as_text", "text", v);
    return v.as.s;
}
