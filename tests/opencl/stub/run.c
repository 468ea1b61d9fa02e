/* SPDX-License-Identifier: MIT
 *
 * run.c - how the stub runs commands, and tells who asked to be told.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "object.h"

int stub_telling;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct _cl_event *first, **last_next = &first;
static enum stub_when when;
static bool forgets, is_backwards, has_thread;
static unsigned slow_us;
static pid_t thread_of; /* a child has none of its parent's threads */

static cl_ulong now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (cl_ulong)t.tv_sec * 1000000000u + (cl_ulong)t.tv_nsec;
}

void stub_wake(void) { pthread_cond_broadcast(&changed); }
void stub_wait_change(void) { pthread_cond_wait(&changed, &stub_lock); }

void stub_forget(struct _cl_event *event)
{
    struct _cl_event **at = &first;
    while (*at && *at != event)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = event->next;
    if (last_next == &event->next)
        last_next = at;
    stub_drop(event);
}

struct _cl_event *stub_command_new(cl_command_queue queue, const char *name, cl_uint count,
                                   const cl_event *waits)
{
    struct _cl_event *event = stub_new(EVENT, sizeof *event, queue);
    event->queue = queue;
    event->status = CL_QUEUED;
    event->times[0] = now_ns();
    event->wait_count = count;
    event->waits = calloc(count + 1, sizeof(cl_event));
    for (cl_uint i = 0; i < count; i++)
        event->waits[i] = stub_hold(waits[i]);
    stub_note(event, name);
    *last_next = stub_hold(event);
    last_next = &event->next;
    return event;
}

void stub_flush(cl_command_queue queue)
{
    for (struct _cl_event *event = first; event; event = event->next)
        if (event->queue == queue && !event->is_flushed) {
            event->is_flushed = true;
            event->status = CL_SUBMITTED;
            event->times[1] = now_ns();
        }
    stub_wake();
}

static bool is_told(cl_int status)
{
    return !(stub_calls_how == STUB_CALLS_NONE ||
             (stub_calls_how == STUB_CALLS_NO_ERROR && status < 0));
}

static struct callback *late;

static void call(struct callback *c)
{
    c->fn(c->event, CL_COMPLETE, c->data);
    pthread_mutex_lock(&stub_lock);
    stub_drop(c->event);
    pthread_mutex_unlock(&stub_lock);
    free(c);
}

void stub_call_late(void)
{
    for (struct callback *c = late, *next; c; c = next) {
        next = c->next;
        call(c);
    }
    late = NULL;
}

/* With the lock held. Gives what is not to be called later. */
static struct callback *keep_late(struct _cl_event *event)
{
    struct callback *callbacks = event->callbacks;
    event->callbacks = NULL;
    if (stub_calls_how != STUB_CALLS_LATE)
        return callbacks;
    for (struct callback *c = callbacks, *next; c; c = next) {
        next = c->next;
        c->event = stub_hold(event);
        c->next = late;
        late = c;
    }
    return NULL;
}

void stub_event_done(struct _cl_event *event, cl_int status)
{
    event->status = status;
    event->times[3] = now_ns();
    struct callback *callbacks = keep_late(event);
    stub_hold(event);
    stub_forget(event);
    stub_telling++;
    stub_wake();
    pthread_mutex_unlock(&stub_lock);
    for (struct callback *c = callbacks, *next; c; c = next) {
        next = c->next;
        if (is_told(status)) {
            cl_int said = stub_calls_how == STUB_CALLS_WRONG ? CL_COMPLETE : status;
            c->fn(event, said, c->data);
            if (stub_calls_how == STUB_CALLS_TWICE)
                c->fn(event, said, c->data);
        }
        free(c);
    }
    pthread_mutex_lock(&stub_lock);
    stub_drop(event);
    stub_telling--;
    stub_wake();
}

/* 1: it may run, 0: not yet, -1: something it waits for has failed. */
static int readiness(const struct _cl_event *event)
{
    if (!event->is_flushed)
        return 0;
    for (cl_uint i = 0; i < event->wait_count; i++) {
        if (event->waits[i]->status < 0)
            return forgets ? 0 : -1;
        if (event->waits[i]->status > 0)
            return 0;
    }
    bool in_order = !(event->queue->properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    if (in_order || (event->is_marker && event->wait_count == 0))
        for (const struct _cl_event *other = first; other && other != event; other = other->next)
            if (other->queue == event->queue)
                return 0;
    return 1;
}

static struct _cl_event *next_runnable(void)
{
    struct _cl_event *found = NULL;
    for (struct _cl_event *event = first; event && (!found || is_backwards); event = event->next)
        if (readiness(event) != 0)
            found = event;
    return found;
}

static bool run_one(cl_int status)
{
    struct _cl_event *event = next_runnable();
    if (!event)
        return false;
    if (readiness(event) < 0) {
        stub_event_done(event, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
        return true;
    }
    event->times[2] = now_ns();
    if (slow_us > 0) {
        event->status = CL_RUNNING;
        stub_hold(event);
        pthread_mutex_unlock(&stub_lock);
        usleep(slow_us);
        pthread_mutex_lock(&stub_lock);
        stub_drop(event);
    }
    if (event->act && status == CL_COMPLETE)
        event->act(event);
    stub_event_done(event, status);
    return true;
}

static void *run_all(void *data)
{
    (void)data;
    pthread_mutex_lock(&stub_lock);
    for (;;)
        if (when != STUB_THREAD || !run_one(CL_COMPLETE))
            stub_wait_change();
    return NULL;
}

void stub_run(enum stub_when how)
{
    pthread_mutex_lock(&stub_lock);
    when = how;
    stub_wake();
    pthread_mutex_unlock(&stub_lock);
}

/* With the first context: a program that only looks for devices gets no thread. */
void stub_start_thread(void)
{
    pthread_t id;
    if (has_thread && thread_of == getpid())
        return;
    has_thread = true;
    thread_of = getpid();
    pthread_create(&id, NULL, run_all, NULL);
    pthread_detach(id);
}

int stub_finish(int n, cl_int status)
{
    int done = 0;
    pthread_mutex_lock(&stub_lock);
    while (done < n && run_one(status))
        done++;
    pthread_mutex_unlock(&stub_lock);
    return done;
}

void stub_set_forgets(bool on) { forgets = on; }
void stub_set_backwards(bool on) { is_backwards = on; }
void stub_set_slow(unsigned us) { slow_us = us; }
void stub_nap(void)
{
    if (slow_us > 0)
        usleep(slow_us);
}
int stub_unflushed(void)
{
    int n = 0;
    pthread_mutex_lock(&stub_lock);
    for (struct _cl_event *event = first; event; event = event->next)
        n += !event->is_flushed;
    pthread_mutex_unlock(&stub_lock);
    return n;
}
