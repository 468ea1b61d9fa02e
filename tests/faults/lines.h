/* SPDX-License-Identifier: MIT
 *
 * lines.h - numbers, a line each, from one stream to another: all of them, in order, whatever
 * happens to the calls below.
 */
#ifndef VOW_TESTS_FAULTS_LINES_H
#define VOW_TESTS_FAULTS_LINES_H

#include "adapt/net.h"
#include "faults/seeds.h"

enum { LINES = 1500 };

#define UNUSED __attribute__((unused))

static char *all_lines(size_t *ret_size)
{
    char *text = malloc(LINES * 8 + 1), *at = text;
    CHECK(text != NULL);
    for (int i = 0; i < LINES; i++)
        at += sprintf(at, "%d\n", i);
    *ret_size = (size_t)(at - text);
    return text;
}

/* A buffer is all of them. */
UNUSED static void is_all_lines(vow_buf *b)
{
    size_t size;
    char *text = all_lines(&size);
    EQ_UINT(vow_buf_size(b), size);
    EQ_BYTES(vow_buf_bytes(b), text, size);
    free(text);
}

struct reader {
    vow_stream *stream;
    int next; /* the line that is to come */
};

static vow_promise *read_line(struct reader *reader);

static vow_value on_line(vow_value v, void *data)
{
    struct reader *reader = data;
    char expected[16];
    vow_buf *b = vow_buf_of(v);
    int size = snprintf(expected, sizeof expected, "%d\n", reader->next++);
    EQ_UINT(vow_buf_size(b), size);
    EQ_BYTES(vow_buf_bytes(b), expected, (size_t)size);
    return reader->next < LINES ? vow_promise_value(read_line(reader)) : vow_none();
}

/* The kinds of reads are mixed. */
static vow_promise *read_line(struct reader *reader)
{
    char expected[16];
    int size = snprintf(expected, sizeof expected, "%d\n", reader->next);
    vow_promise *p = reader->next % 3 == 0 ? vow_stream_read_exact(reader->stream, (size_t)size)
                                           : vow_stream_read_until(reader->stream, '\n', 16);
    return vow_then(p, on_line, reader);
}

/* As one piece or as four, which the kernel may cut anywhere. */
static vow_promise *start_write(vow_stream *s, char *text, size_t size)
{
    static struct iovec parts[4];
    if (faults.dice % 2)
        return vow_stream_write(s, text, size);
    for (size_t i = 0; i < 4; i++)
        parts[i] = (struct iovec){text + i * (size / 4), i < 3 ? size / 4 : size - 3 * (size / 4)};
    return vow_stream_writev(s, parts, 4);
}

/* Runs p, which has to fulfil; what with does not matter. */
#define FULFILS(p) fulfils(__FILE__, __LINE__, loop, p)
static inline void fulfils(const char *file, int line, vow_loop *loop, vow_promise *p)
{
    vow_value v;
    char text[300] = "";
    int code = vow_run(loop, p, &v);
    if (code)
        vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
    vow_release(v);
    if (code)
        harness_fail(file, line, "rejected: %s", text);
}

/* Through whatever is between the two, which stay the caller's. */
UNUSED static void transfer(vow_loop *loop, vow_stream *from, vow_stream *to)
{
    size_t size;
    char *text = all_lines(&size);
    struct reader reader = {to, 0};
    vow_promise *write = start_write(from, text, size);
    FULFILS(read_line(&reader));
    FULFILS(write);
    EQ_INT(reader.next, LINES);
    free(text);
}

/* A stream's end comes, and nothing before it. */
#define ENDS(s) ends_(__FILE__, __LINE__, loop, s)
static inline void ends_(const char *file, int line, vow_loop *loop, vow_stream *s)
{
    vow_value v;
    harness_eq_int(file, line, "the last read", vow_run(loop, vow_stream_read(s, 100), &v), 0);
    harness_eq_uint(file, line, "bytes at the end", vow_buf_size(vow_buf_of(v)), 0);
    vow_release(v);
}

/* The stream that p fulfils with. */
#define STREAM_OF(p) stream_of(__FILE__, __LINE__, loop, p)
static inline vow_stream *stream_of(const char *file, int line, vow_loop *loop, vow_promise *p)
{
    vow_value v;
    char text[300] = "";
    int code = vow_run(loop, p, &v);
    if (code)
        vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
    if (code)
        harness_fail(file, line, "rejected: %s", text);
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_release(v);
    return s;
}

/* A connection by vow's own means, over any kind of listener (taken). */
UNUSED static void connect_both(vow_loop *loop, vow_listener *l, vow_stream *ret[2])
{
    CHECK(l != NULL);
    vow_promise *accepted = vow_accept(l);
    ret[0] = STREAM_OF(vow_sock_connect_to(loop, vow_address_value(vow_listener_address(l)), NULL));
    ret[1] = STREAM_OF(accepted);
    vow_listener_close(l);
}

UNUSED static void unref_both(vow_stream *s[2])
{
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

#endif
