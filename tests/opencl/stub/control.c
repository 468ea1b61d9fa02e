/* SPDX-License-Identifier: MIT
 *
 * control.c - what the test tells the stub to do, and asks it.
 */
#include <string.h>

#include "object.h"

enum { MOST_NAMES = 64 };

static struct name {
    const char *name;
    int calls, countdown; /* countdown -1: every call fails, 0: none */
    cl_int code;
} names[MOST_NAMES];

static struct stub_command *noted;
static size_t noted_count, noted_room;
static int last_number;
static bool no_devices;
enum stub_calls stub_calls_how;

/* A forked child finds the lock free, whatever thread had it. */
static void lock(void) { pthread_mutex_lock(&stub_lock); }
static void unlock(void) { pthread_mutex_unlock(&stub_lock); }
__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(lock, unlock, unlock);
}

static struct name *find(const char *name)
{
    struct name *n = names;
    while (n->name && strcmp(n->name, name) != 0)
        n++;
    if (!n->name)
        n->name = name;
    return n;
}

bool stub_fails(const char *name, cl_int *ret)
{
    pthread_mutex_lock(&stub_lock);
    struct name *n = find(name);
    n->calls++;
    bool fails = n->countdown < 0 || (n->countdown > 0 && --n->countdown == 0);
    if (fails)
        *ret = n->code;
    if (no_devices && strcmp(name, "clGetDeviceIDs") == 0) {
        *ret = CL_DEVICE_NOT_FOUND;
        fails = true;
    }
    pthread_mutex_unlock(&stub_lock);
    return fails;
}

void stub_note(struct _cl_event *event, const char *name)
{
    event->number = ++last_number;
    if (noted_count == noted_room)
        return;
    struct stub_command *c = &noted[noted_count++];
    c->name = name;
    c->number = event->number;
    for (cl_uint i = 0; i < event->wait_count && i < STUB_MOST_WAITS; i++)
        c->waits[i] = event->waits[i]->number;
}

static void fail(const char *name, cl_int code, int nth)
{
    pthread_mutex_lock(&stub_lock);
    *find(name) = (struct name){name, find(name)->calls, nth == 0 ? -1 : nth, code};
    pthread_mutex_unlock(&stub_lock);
}

static int called(const char *name)
{
    pthread_mutex_lock(&stub_lock);
    int calls = find(name)->calls;
    pthread_mutex_unlock(&stub_lock);
    return calls;
}

static void reset(void)
{
    pthread_mutex_lock(&stub_lock);
    memset(names, 0, sizeof names);
    noted_count = 0;
    no_devices = false;
    stub_calls_how = STUB_CALLS_ALL;
    stub_set_forgets(false);
    stub_set_backwards(false);
    stub_set_slow(0);
    pthread_mutex_unlock(&stub_lock);
}

static void set_calls(enum stub_calls calls) { stub_calls_how = calls; }
static void lose_devices(bool lose) { no_devices = lose; }

static size_t command_count(void) { return noted_count; }
static struct stub_command command(size_t i) { return noted[i]; }

static int number_of(cl_event event) { return event->number; }

/* The stub's thread may hold an event a little longer than its callback needs. */
static size_t live(void)
{
    pthread_mutex_lock(&stub_lock);
    while (stub_telling > 0)
        stub_wait_change();
    size_t n = stub_live_objects;
    pthread_mutex_unlock(&stub_lock);
    return n;
}

static struct stub_command room[256]; /* the first ones are what a test asks for */

__attribute__((visibility("default"))) const struct stub *vow_stub(void);
const struct stub *vow_stub(void)
{
    static const struct stub stub = {fail,           called,           stub_run,
                                     set_calls,      stub_set_forgets, stub_set_backwards,
                                     stub_finish,    stub_set_slow,    command_count,
                                     command,        number_of,        live,
                                     stub_unflushed, lose_devices,     stub_call_late,
                                     reset};
    noted = room;
    noted_room = sizeof room / sizeof room[0];
    return &stub;
}
