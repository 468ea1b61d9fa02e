/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "value/object.h"

/* Counts everything and keeps what fits, as snprintf does. */
struct sink {
    char *buf;
    size_t size;
    size_t length;
};

static void put_bytes(struct sink *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++, s->length++)
        if (s->length < s->size)
            s->buf[s->length] = bytes[i];
}

static void put(struct sink *s, const char *text) { put_bytes(s, text, strlen(text)); }

/* Text of the program's: what would break the line becomes a space. */
static void put_foreign(struct sink *s, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\r\n");

        put_bytes(s, text, n);
        text += n;
        for (; *text == '\r' || *text == '\n'; text++)
            put(s, " ");
    }
}

static void put_int(struct sink *s, int64_t i)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRId64, i);
    put(s, digits);
}

static void put_double(struct sink *s, double d)
{
    char digits[32];

    snprintf(digits, sizeof digits, "%g", d);
    put(s, digits);
}

/* Does the first `size` bytes of text end with `tail`, as words of their own? Gives the
 * size of what is before the tail, or SIZE_MAX. */
static size_t before_tail(const char *text, size_t size, const char *tail)
{
    size_t n = strlen(tail);

    if (n == 0)
        return size; /* a domain without words has said them */
    if (n > size || memcmp(text + size - n, tail, n) != 0)
        return SIZE_MAX;
    if (n < size && strchr(" :(\n", text[size - n - 1]) == NULL)
        return SIZE_MAX;
    return size - n;
}

static bool ends_with(const char *text, const char *tail)
{
    return before_tail(text, strlen(text), tail) != SIZE_MAX;
}

static const char *domain_text(const vow_error *e) { return e->domain->text(e->code); }

/* Was the text made from e's message, or from its message and its domain's text? */
static bool repeats(const char *text, const vow_error *e)
{
    size_t rest = before_tail(text, strlen(text), domain_text(e));

    if (ends_with(text, vow_error_message(e)))
        return true;
    if (rest == SIZE_MAX || rest < 2 || memcmp(text + rest - 2, ": ", 2) != 0)
        return false;
    return before_tail(text, rest - 2, vow_error_message(e)) != SIZE_MAX;
}

/* Of an array of errors, what any gives, the first must do in a single line. */
static void put_array(struct sink *s, vow_value array, vow_style style)
{
    size_t n = vow_count(array);
    const vow_error *first = n > 0 ? vow_as_error(vow_at(array, 0)) : NULL;

    if (first != NULL && style == VOW_ONE_LINE) {
        put_foreign(s, vow_error_message(first));
        if (n == 1)
            return;
        put(s, " (and ");
        put_int(s, (int64_t)n - 1);
        put(s, " more)");
    } else {
        put(s, "array of ");
        put_int(s, (int64_t)n);
    }
}

static void put_payload(struct sink *s, vow_value v, vow_style style)
{
    if (vow_is_none(v))
        return;
    put(s, ": ");
    if (v.type == vow_int_type())
        put_int(s, v.as.i);
    else if (v.type == vow_bool_type())
        put(s, v.as.i ? "true" : "false");
    else if (v.type == vow_double_type())
        put_double(s, v.as.d);
    else if (vow_is(v, &vow__text_type))
        put_foreign(s, v.as.s);
    else if (vow_is_error(v))
        put_foreign(s, vow_error_message(v.as.p));
    else if (v.type == &vow__array_type)
        put_array(s, v, style);
    else
        put(s, v.type->name);
}

/* "timed out after 300 ms" needs no text of the system's, which speaks of connections. */
static bool says_it_timed_out(const vow_error *e, const char *said)
{
    return vow_error_is(e, vow_errno_domain(), ETIMEDOUT) && strstr(said, "timed out") != NULL;
}

/* The domain's text closes what `said` has not said already. */
static void put_domain_text(struct sink *s, const vow_error *e, const char *said)
{
    const char *text = domain_text(e);

    if (ends_with(said, text) || says_it_timed_out(e, said))
        return;
    put(s, ": ");
    put(s, text);
}

static void put_one_line(struct sink *s, const vow_error *e)
{
    const char *said = vow_error_message(e);

    put_foreign(s, said);
    put_payload(s, e->payload, VOW_ONE_LINE);
    while (e->cause != NULL) {
        e = e->cause;
        if (!repeats(said, e)) {
            said = vow_error_message(e);
            put(s, ": ");
            put_foreign(s, said);
        }
        put_payload(s, e->payload, VOW_ONE_LINE);
    }
    put_domain_text(s, e, said);
}

static void put_line(struct sink *s, const char *label, const vow_error *e, unsigned indent)
{
    if (s->length > 0)
        put(s, "\n");
    for (unsigned i = 0; i < indent; i++)
        put(s, "  ");
    put(s, label);
    if (e == NULL)
        return;
    put_foreign(s, vow_error_message(e));
    put_domain_text(s, e, vow_error_message(e));
    put_payload(s, e->payload, VOW_LINES);
    put(s, " (");
    put(s, e->domain->name);
    put(s, " ");
    put_int(s, e->code);
    put(s, ")");
    if (e->place != NULL) {
        put(s, " at ");
        put(s, e->place);
    }
}

/* Where the walk is in one chain of causes: at `link`, before these branches of it. The
 * causes stand below the head of their chain, not each below the one before. */
struct branch {
    const vow_error *link;
    const vow_error *suppressed; /* the next of link's                      */
    size_t item;                 /* the next of the array that link carries */
    unsigned causes_at, kids_at; /* indents                                 */
};

static struct branch branch_at(const vow_error *link, unsigned causes_at, unsigned kids_at)
{
    return (struct branch){
        .link = link, .suppressed = link->suppressed, .causes_at = causes_at, .kids_at = kids_at};
}

/* The next error that link carries or suppresses; NULL: no more. */
static const vow_error *next_kid(struct branch *b, const char **ret_label)
{
    const vow_error *e = NULL;

    *ret_label = "one of them: ";
    if (b->link->payload.type == &vow__array_type)
        while (e == NULL && b->item < vow_count(b->link->payload))
            e = vow_as_error(vow_at(b->link->payload, b->item++));
    if (e != NULL)
        return e;
    *ret_label = "suppressed: ";
    e = b->suppressed;
    if (e != NULL)
        b->suppressed = e->next;
    return e;
}

/* Chains may be long, hence a loop; branches on branches on branches are rare, hence a
 * stack of fixed height instead of memory. */
static void put_lines(struct sink *s, const vow_error *top)
{
    enum { HEIGHT = 16 };
    struct branch stack[HEIGHT];
    size_t height = 1;

    put_line(s, "", top, 0);
    stack[0] = branch_at(top, 1, 1);
    while (height > 0) {
        struct branch *b = &stack[height - 1];
        const char *label;
        const vow_error *kid = next_kid(b, &label);

        if (kid != NULL && height < HEIGHT) {
            put_line(s, label, kid, b->kids_at);
            stack[height++] = branch_at(kid, b->kids_at + 1, b->kids_at + 1);
        } else if (kid != NULL) {
            put_line(s, "... and more", NULL, b->kids_at);
            b->item = SIZE_MAX;
            b->suppressed = NULL;
        } else if (b->link->cause != NULL) {
            put_line(s, "caused by: ", b->link->cause, b->causes_at);
            *b = branch_at(b->link->cause, b->causes_at, b->causes_at + 1);
        } else {
            height--;
        }
    }
}

size_t vow_describe(const vow_error *e, vow_style style, char *buf, size_t size)
{
    struct sink s = {buf, size, 0};

    if (e == NULL)
        put(&s, "no error");
    else if (style == VOW_LINES)
        put_lines(&s, e);
    else
        put_one_line(&s, e);
    if (size > 0)
        buf[s.length < size ? s.length : size - 1] = '\0';
    return s.length;
}
