/* SPDX-License-Identifier: MIT
 *
 * common.h - what tests of the loop share: handlers that write a trace, foreign events on
 * the base, threads and children.
 */
#ifndef VOW_TESTS_LOOP_COMMON_H
#define VOW_TESTS_LOOP_COMMON_H

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define UNUSED __attribute__((unused))

/* One event of a trace: "NAME", "NAME=3", "NAME!110". */
struct note {
    struct trace *seen;
    const char *name;
};

static inline vow_value note_any(vow_value v, void *data)
{
    struct note *note = data;
    if (vow_is_error(v))
        trace_add(note->seen, "%s!%d", note->name, vow_error_code(vow_as_error(v)));
    else if (vow_is(v, vow_int_type()))
        trace_add(note->seen, "%s=%d", note->name, (int)vow_as_int(v));
    else
        trace_add(note->seen, "%s", note->name);
    return VOW_SAME;
}

static inline void note_plain(void *data)
{
    struct note *note = data;
    trace_add(note->seen, "%s", note->name);
}

static inline vow_value count_value(vow_value v UNUSED, void *data)
{
    ++*(int *)data;
    return vow_none();
}

static inline vow_value count_error(const vow_error *e UNUSED, void *data)
{
    ++*(int *)data;
    return vow_none();
}

/* Runs p and says its code; the value or error goes. */
static inline int run_code(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    int code = vow_run(loop, p, &v);
    vow_release(v);
    return code;
}

static inline int run_int(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    return (int)vow_as_int(v);
}

/* A loop on the system's clock, beside the test's own. */
static inline vow_loop *real_loop(void)
{
    vow_loop *loop = vow_loop_new();
    CHECK(loop != NULL);
    return loop;
}

/* For vow_on_unhandled: counts what is not `late`. */
static inline void count_unhandled(const vow_error *e UNUSED, const char *made UNUSED, bool late,
                                   void *data)
{
    *(int *)data += !late;
}

/* For ever, while *on: each handler queues the next one. */
struct chain {
    vow_loop *loop;
    bool on;
    uint64_t steps;
};

static inline vow_value chain_step(vow_value v UNUSED, void *data)
{
    struct chain *chain = data;
    chain->steps++;
    if (chain->on)
        vow_detach(vow_then(vow_resolved(chain->loop, vow_none()), chain_step, chain), NULL, NULL,
                   NULL);
    return vow_none();
}

static inline void chain_start(struct chain *chain, vow_loop *loop)
{
    *chain = (struct chain){loop, true, 0};
    vow_detach(vow_then(vow_resolved(loop, vow_none()), chain_step, chain), NULL, NULL, NULL);
}

/* A callback of the program's on the base, which knows nothing of vow. */
static inline void count_event(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    ++*(int *)data;
}

static inline void must_pass(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    FAIL("still running after many seconds: %s", (const char *)data);
}

/* Ends a test that would hang: a time limit of its own for bases that must go on. */
static inline struct event *limit_seconds(struct event_base *base, int seconds, const char *what)
{
    struct timeval wait = {seconds, 0};
    struct event *limit = evtimer_new(base, must_pass, (void *)what);
    CHECK(limit != NULL && event_add(limit, &wait) == 0);
    return limit;
}

/* A child process that runs fn and leaves; a line number is what it did not like. A good one
 * leaves by exec: what it still holds of its parent's is nobody's leak. */
#define CHILD_CHECK(condition) \
    do {                       \
        if (!(condition))      \
            return __LINE__;   \
    } while (0)

static inline pid_t start_child(int (*fn)(void *data), void *data)
{
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child > 0)
        return child;
    alarm(20);
    int line = fn(data);
    if (line == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(0);
    }
    fprintf(stderr, "in the child: line %d\n", line);
    _exit(1);
}

static inline void end_child(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL("the child ended with status 0x%x", (unsigned)status);
}

#endif
