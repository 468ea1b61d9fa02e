/* SPDX-License-Identifier: MIT
 *
 * interpreter.c - runs a program on vow and on the model, operation by operation, and
 * compares after each: what was called in which order with what, the state of every handle,
 * the counts, and the structure of vow's loop.
 */
#include <errno.h>
#include <stdlib.h>

#include "harness.h"

#include "world.h"

/* The checks of core/structure.h end the program, not a test: fuzzers have no tests. */
#undef CHECK
#undef EQ_INT
#undef EQ_UINT
#undef EQ_PTR
#define CHECK(condition) \
    ((condition) ? (void)0 : interpreter_failed("structure: not true: %s", #condition))
#define EQ_INT(a, b) CHECK((a) == (b))
#define EQ_UINT(a, b) CHECK((a) == (b))
#define EQ_PTR(a, b) CHECK((a) == (b))
#include "core/structure.h"

static struct world worlds[2];
static bool loud;
static char complaint[400];
uint64_t interpreted_steps;

enum { VOW, MODEL };

void interpreter_failed(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
    abort();
}

/* Not all of an endless list: what comes a little after where the sides differ is enough. */
static void print_events(const char *side, const struct world *w)
{
    size_t same = 0, n = w->event_count;
    while (same < worlds[VOW].event_count && same < worlds[MODEL].event_count &&
           worlds[VOW].events[same].hash == worlds[MODEL].events[same].hash)
        same++;
    n = n < same + 6 ? n : same + 6;
    fprintf(stderr, "      %s:%s", side, n > 60 ? " ..." : "");
    for (size_t i = n > 60 ? n - 60 : 0; i < n; i++)
        fprintf(stderr, " %s%s", w->events[i].at, i + 1 < n ? "," : "");
    fputc('\n', stderr);
}

static void print_slots(const struct world *w)
{
    fprintf(stderr, "      slots:");
    for (unsigned i = 0; i < SLOTS; i++) {
        struct text text = {.at = ""};
        if (w->handles[i])
            w->side->outcome(w, &text, w->handles[i]);
        if (w->handles[i])
            fprintf(stderr, " p%u %s", i, text.at);
        if (w->resolvers[i].r)
            fprintf(stderr, " r%u #%u", i, (unsigned)(w->resolvers[i].who >> 6));
    }
    fputc('\n', stderr);
}

static bool same_events(void)
{
    struct world *a = &worlds[VOW], *b = &worlds[MODEL];
    size_t n = a->event_count < b->event_count ? a->event_count : b->event_count, i = 0;
    while (i < n && a->events[i].hash == b->events[i].hash)
        i++;
    if (i == n && a->event_count == b->event_count)
        return true;
    snprintf(complaint, sizeof complaint, "event %zu: vow \"%s\", model \"%s\"", i,
             i < a->event_count ? a->events[i].at : "-",
             i < b->event_count ? b->events[i].at : "-");
    return false;
}

static bool same_handles(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct text texts[2] = {{.at = ""}, {.at = ""}};
        for (int side = 0; side < 2; side++)
            if (worlds[side].handles[i])
                worlds[side].side->outcome(&worlds[side], &texts[side], worlds[side].handles[i]);
        if (texts[0].hash == texts[1].hash && texts[0].used == texts[1].used)
            continue;
        snprintf(complaint, sizeof complaint, "slot %u: vow \"%s\", model \"%s\"", i, texts[0].at,
                 texts[1].at);
        return false;
    }
    return true;
}

static bool same_count(const char *what, uint64_t vow, uint64_t model)
{
    if (vow == model)
        return true;
    snprintf(complaint, sizeof complaint, "%s: vow %llu, model %llu", what, (unsigned long long)vow,
             (unsigned long long)model);
    return false;
}

static bool same_counts(void)
{
    struct counts a = vow_side.counts(&worlds[VOW]), b = model_side.counts(&worlds[MODEL]);
    return same_count("handlers run", a.handlers, b.handlers) &&
           same_count("rejections reported", a.unhandled, b.unhandled) &&
           same_count("handles", a.handles, b.handles) &&
           same_count("pending promises", a.pending, b.pending) &&
           same_count("timers", a.timers, b.timers) && same_count("lines", a.live, b.live);
}

static bool compare(void)
{
    bool same = same_events() && same_handles() && same_counts();
    if (loud) {
        print_events("vow  ", &worlds[VOW]);
        if (!same)
            print_events("model", &worlds[MODEL]);
        print_slots(&worlds[VOW]);
    }
    worlds[VOW].event_count = worlds[MODEL].event_count = 0;
    places.told = places.asked = 0;
    check_structure(worlds[VOW].loop, vow_stats(worlds[VOW].loop).handles);
    return same;
}

static bool run(const struct program *program)
{
    for (size_t i = 0; i < program->n; i++) {
        if (loud) {
            fprintf(stderr, "  %3zu ", i);
            program_print_op(&program->ops[i], stderr);
            fputc('\n', stderr);
        }
        for (int side = 0; side < 2; side++)
            world_do(&worlds[side], &program->ops[i]);
        if (!compare())
            return false;
    }
    for (int round = 0; round < 4; round++) { /* handlers that run now leave new ones */
        if (loud)
            fprintf(stderr, "  let go of everything\n");
        for (int side = 0; side < 2; side++)
            world_let_go(&worlds[side]);
        if (!compare())
            return false;
    }
    return true;
}

const char *interpret(const struct program *program, bool verbose)
{
    loud = verbose;
    world_begin(&worlds[VOW], &vow_side, program);
    world_begin(&worlds[MODEL], &model_side, program);
    uint64_t before = worlds[VOW].steps;
    if (!run(program))
        return complaint;
    world_end(&worlds[VOW]);
    world_end(&worlds[MODEL]);
    interpreted_steps += worlds[VOW].steps - before;
    return NULL;
}
