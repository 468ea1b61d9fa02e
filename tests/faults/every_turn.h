/* SPDX-License-Identifier: MIT
 *
 * every_turn.h - an operation is ended after no turn of the loop, after one, two, ... until it
 * has settled by itself: cancelled, dropped, or left to the end of its loop; the first two also
 * where what the turn has settled was not told yet. Its handler is called once or never, and not
 * afterwards; no memory, descriptor or report is left.
 *
 *     EVERY_TURN(a_look_up, NULL) { return vow_dns_lookup(loop, "localhost", "80", AF_INET); }
 *
 * What it needs beside is put into *w, which is given back after it.
 */
#ifndef VOW_TESTS_FAULTS_EVERY_TURN_H
#define VOW_TESTS_FAULTS_EVERY_TURN_H

#include <event2/event.h>

#include "adapt/net.h"
#include "file/files.h"

struct stage {
    vow_stream *s[4];
    vow_dgram *d[2];
    vow_listener *listener;
    vow_promise *side[2]; /* operations that take part */
    struct dir dir;       /* path "": none */
    void *other;
    void (*free_other)(void *other);
};

typedef vow_promise *start_fn(vow_loop *loop, struct stage *w);
typedef void check_fn(vow_loop *loop, struct stage *w);

/* `check` (may be NULL) looks at what the ended operation has left, while the loop is there. */
#define EVERY_TURN(name, check)                                              \
    static vow_promise *name##_start(vow_loop *loop, struct stage *w);       \
    TEST_PLAIN(name) { end_at_every_turn(name##_start, check); }             \
    static vow_promise *name##_start(__attribute__((unused)) vow_loop *loop, \
                                     __attribute__((unused)) struct stage *w)

enum ending { CANCELLED, CANCELLED_UNTOLD, DROPPED, DROPPED_UNTOLD, LOOP_CLOSED, ENDINGS };

/* What its handler was told. */
struct told {
    int calls, code; /* 0, or the error's */
};

static vow_value note_value(vow_value v, void *data)
{
    (void)v;
    struct told *told = data;
    told->calls++;
    return vow_none();
}

static vow_value note_error(const vow_error *e, void *data)
{
    struct told *told = data;
    told->calls++;
    told->code = vow_error_code(e);
    return vow_none();
}

static void no_report(const vow_error *e, const char *made, bool late, void *data)
{
    char text[300];
    (void)late, (void)data;
    vow_describe(e, VOW_ONE_LINE, text, sizeof text);
    FAIL("unhandled, of %s: %s", made, text);
}

/* Jobs that run on give back what they have when they end. */
static void expect_nothing_left(size_t blocks, int descriptors)
{
    for (int i = 0; i < 5000; i++) {
        if (vow_test_blocks() == blocks && names_in("/proc/self/fd") == descriptors)
            return;
        usleep(1000);
    }
    FAIL("blocks: %zu, before: %zu; descriptors: %d, before: %d", vow_test_blocks(), blocks,
         names_in("/proc/self/fd"), descriptors);
}

static void end_stage(struct stage *w)
{
    for (int i = 0; i < 2; i++) {
        vow_unref(w->side[i]);
        vow_dgram_unref(w->d[i]);
    }
    for (int i = 0; i < 4; i++)
        vow_stream_unref(w->s[i]);
    vow_listener_close(w->listener);
    if (w->free_other)
        w->free_other(w->other);
}

/* A side's rejection, by the loop's end say, is nobody's business. */
static inline void beside(struct stage *w, int i, vow_promise *p)
{
    vow_mark_handled(p);
    w->side[i] = p;
}

static void end_promise(vow_loop *loop, vow_promise *p, enum ending how, const struct told *told)
{
    struct told before = *told;
    if (how == LOOP_CLOSED) {
        vow_loop_close(loop);
        CHECK(vow_state(p) != VOW_PENDING && told->calls <= 1);
        vow_unref(p);
    } else if (how == CANCELLED || how == CANCELLED_UNTOLD) {
        vow_cancel(p);
        if (how == CANCELLED_UNTOLD)
            vow_leave(loop);
        EQ_INT(vow_run(loop, p, NULL), 0);
        EQ_INT(told->calls, 1);
        EQ_INT(told->code, before.calls ? before.code : ECANCELED);
    } else {
        vow_unref(p);
        if (how == DROPPED_UNTOLD)
            vow_leave(loop);
        vow_poll(loop);
        EQ_INT(told->calls, before.calls);
    }
}

/* So many turns, of the last of which no handler is told yet where it is to be so. */
static void turn(vow_loop *loop, const vow_promise *p, int turns, enum ending how)
{
    bool untold = how == CANCELLED_UNTOLD || how == DROPPED_UNTOLD;
    for (int i = 1; i < turns && vow_state(p) == VOW_PENDING; i++)
        event_base_loop(vow_loop_base(loop), EVLOOP_ONCE);
    if (untold)
        vow_enter(loop);
    if (turns > 0 && vow_state(p) == VOW_PENDING)
        event_base_loop(vow_loop_base(loop), EVLOOP_ONCE);
}

/* True: it had settled. */
static bool end_after(int turns, enum ending how, start_fn *start, check_fn *check)
{
    struct stage w = {.dir.path = ""};
    size_t blocks = vow_test_blocks();
    int descriptors = names_in("/proc/self/fd");
    struct told told = {0, 0};
    vow_loop *loop = vow_loop_new();
    vow_on_unhandled(loop, no_report, NULL);
    vow_promise *p = vow_then_catch(start(loop, &w), note_value, note_error, &told);
    turn(loop, p, turns, how);
    bool done = told.calls > 0;
    end_promise(loop, p, how, &told);
    if (how != LOOP_CLOSED && check)
        check(loop, &w);
    end_stage(&w);
    if (how != LOOP_CLOSED)
        EQ_INT(vow_run_all(loop), 0);
    vow_loop_free(loop);
    expect_nothing_left(blocks, descriptors);
    if (w.dir.path[0])
        remove_dir(&w.dir);
    return done;
}

/* Under valgrind, which takes its time, after 0, 1, 9, 73, ... */
static void end_at_every_turn(start_fn *start, check_fn *check)
{
    static const char *const words[] = {"cancelled", "cancelled untold", "dropped",
                                        "dropped untold", "its loop closed"};
    for (int how = 0; how < ENDINGS; how++) {
        bool done = false;
        for (int turns = 0; !done; turns += under_valgrind() ? 7 * turns + 1 : 1) {
            snprintf(harness_note, sizeof harness_note, "%s after %d turns: ", words[how], turns);
            CHECK(turns < 2000);
            done = end_after(turns, (enum ending)how, start, check);
        }
    }
    harness_note[0] = '\0';
}

/* Bytes that tell their places. */
static inline vow_buf *count_up(size_t size)
{
    vow_buf *b = vow_buf_new(size);
    for (size_t i = 0; i < size; i++)
        vow_buf_bytes(b)[i] = (uint8_t)(i * 7 % 251);
    return b;
}

/* What is still to come from s, after `before` bytes of it, is the rest of `size`. */
static inline void rest_is(vow_loop *loop, vow_stream *s, size_t before, size_t size)
{
    while (before < size) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_stream_read(s, 65536), &v), 0);
        vow_buf *b = vow_buf_of(v);
        CHECK(vow_buf_size(b) > 0);
        for (size_t i = 0; i < vow_buf_size(b); i++)
            EQ_INT(vow_buf_bytes(b)[i], (before + i) * 7 % 251);
        before += vow_buf_size(b);
        vow_release(v);
    }
    EQ_UINT(before, size);
}

/* A handler has seen what was received. */
__attribute__((unused)) static bool was_read;

static inline vow_value note_read(vow_value v, void *data)
{
    (void)data;
    was_read = true;
    return vow_keep(v);
}

#endif
