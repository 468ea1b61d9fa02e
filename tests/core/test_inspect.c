/* SPDX-License-Identifier: MIT
 *
 * Seeing what is pending: counts, dumps, places, the quarantine.
 */
#include "core/common.h"
#include "core/loop.h"
#include "vow/flow.h"

/* What a dump wrote. */
struct lines_of {
    char text[16384];
    int count;
};
static void keep_line(const char *line, void *data)
{
    struct lines_of *lines = data;
    size_t used = strlen(lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "%s\n", line);
    lines->count++;
}

TEST(stats_count_promises_made_live_pending_held_and_queued)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_then(vow_ref(p), same, NULL);
    vow_promise *done = vow_then(vow_resolved(loop, vow_v(1)), same, NULL);
    vow_counts counts = vow_stats(loop);
    EQ_UINT(counts.made, 4);
    EQ_UINT(counts.live, 4);
    EQ_UINT(counts.peak, 4);
    EQ_UINT(counts.pending, 3);
    EQ_UINT(counts.handles, 3);
    EQ_UINT(counts.handlers, 0);
    EQ_UINT(counts.timers, 0);
    vow_resolve(r, vow_v(2));
    EQ_UINT(vow_stats(loop).queued, 1);
    drain(loop);
    counts = vow_stats(loop);
    EQ_UINT(counts.queued, 0);
    EQ_UINT(counts.handlers, 2);
    EQ_UINT(counts.pending, 0);
    EQ_UINT(counts.live, 3);
    vow_unref(p);
    vow_unref(q);
    vow_unref(done);
}

TEST(the_dump_shows_each_pending_promise_under_what_it_waits_for)
{
    struct lines_of lines = {"", 0};
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), same, NULL);
    p = vow_catch(p, note_recover, NULL);
    p = vow_finally(p, note_finally, NULL);
    vow_dump(loop, keep_line, &lines);
    EQ_INT(lines.count, 4);
    HAS_TEXT(lines.text, "promise made at tests/core/test_inspect.c:");
    HAS_TEXT(lines.text, "\n  then made at tests/core/test_inspect.c:");
    HAS_TEXT(lines.text, "\n    catch made at ");
    HAS_TEXT(lines.text, "\n      finally made at ");
    HAS_TEXT(lines.text, "1 handle\n");
    vow_unref(p);
    vow_resolver_drop(r);
}

/* vow's name of a promise is its place, and the words of its context. */
/* scenario 15 */
TEST(the_place_and_the_context_of_a_promise_are_kept_and_shown)
{
    struct lines_of lines = {"", 0};
    vow_resolver *r;
    vow_promise *p = vow_context(vow_promise_new(loop, &r), "connect %s", "example.org");
    vow_dump_promise(p, keep_line, &lines);
    EQ_INT(lines.count, 2);
    HAS_TEXT(lines.text, "context made at tests/core/test_inspect.c:");
    HAS_TEXT(lines.text, "connect example.org");
    vow_unref(p);
    vow_resolver_drop(r);
}

/* scenario 55 */
TEST(dumping_a_chain_with_a_finished_branch_works_and_is_bounded)
{
    struct lines_of lines = {"", 0};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *finished = vow_handle(vow_ref(p), same, NULL);
    vow_cancel(finished);
    drain(loop);
    vow_promise *tail = chain_of(vow_ref(p), 200, same, NULL);
    vow_dump(loop, keep_line, &lines);
    EQ_INT(lines.count, 201);
    lines = (struct lines_of){"", 0};
    vow_dump_promise(tail, keep_line, &lines);
    EQ_INT(lines.count, 64);
    HAS_TEXT(lines.text, "\n...\n");
    lines = (struct lines_of){"", 0};
    vow_dump_promise(finished, keep_line, &lines);
    EQ_INT(lines.count, 1);
    HAS_TEXT(lines.text, "rejected");
    vow_unref(p);
    vow_unref(finished);
    vow_unref(tail);
    vow_resolver_drop(r);
}

TEST(a_dump_of_very_much_is_bounded)
{
    enum { N = 11000 };
    struct lines_of *lines = calloc(1, sizeof *lines);
    vow_resolver *r;
    static vow_promise *p[N];
    for (int i = 0; i < N; i++) {
        p[i] = vow_promise_new(loop, &r);
        vow_resolver_abandon(r);
    }
    vow_dump(loop, keep_line, lines);
    EQ_INT(lines->count, 10000);
    for (int i = 0; i < N; i++)
        vow_unref(p[i]);
    free(lines);
}

TEST_PLAIN(a_dump_of_very_many_handles_is_bounded)
{
    enum { N = 11000 };
    struct lines_of *lines = calloc(1, sizeof *lines);
    static vow_promise *p[N];
    loop = vow_loop_new();
    for (int i = 0; i < N; i++)
        p[i] = vow_resolved(loop, vow_v(i));
    EQ_UINT(vow_loop_close(loop), N);
    vow_dump(loop, keep_line, lines);
    EQ_INT(lines->count, 10000);
    for (int i = 0; i < N; i++)
        vow_unref(p[i]);
    vow_loop_free(loop);
    free(lines);
}

TEST(the_dump_shows_combinators_with_their_inputs)
{
    struct lines_of lines = {"", 0};
    struct op a = {0}, b = {0};
    vow_promise *p = vow_all(loop, op_start(loop, &a), vow_then(op_start(loop, &b), same, NULL));
    p = vow_then(p, same, NULL);
    vow_dump_promise(p, keep_line, &lines);
    HAS_TEXT(lines.text, "then made at");
    HAS_TEXT(lines.text, "\nall made at");
    HAS_TEXT(lines.text, "\n  promise made at");
    HAS_TEXT(lines.text, "\n  then made at");
    vow_dump(loop, keep_line, &lines);
    HAS_TEXT(lines.text, "  input 0 of all made at");
    HAS_TEXT(lines.text, "    input 1 of all made at");
    vow_unref(p);
}

static vow_value dump_inside(UNUSED vow_value v, void *data)
{
    vow_dump(vow_current(), keep_line, data);
    return vow_none();
}

TEST(the_dump_works_inside_a_handler)
{
    struct lines_of lines = {"", 0};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), dump_inside, &lines);
    p = chain_of(p, 2, same, NULL);
    drain(loop);
    EQ_INT(lines.count, 3);
    vow_unref(p);
}

struct dumper {
    vow_loop *loop;
    struct lines_of *lines;
};
static void dump_in_destructor(void *data)
{
    struct dumper *d = data;
    vow_dump(d->loop, keep_line, d->lines);
}

TEST(the_dump_works_inside_a_destructor_and_leaves_out_what_is_being_dropped)
{
    struct lines_of lines = {"", 0};
    struct dumper d = {loop, &lines};
    vow_resolver *r, *s;
    vow_promise *other = vow_promise_new(loop, &s);
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, dump_in_destructor, &d, NULL);
    p = chain_of(vow_then_with(p, never_called, &d, dump_in_destructor), 3, never_called, NULL);
    vow_unref(p);
    EQ_INT(lines.count, 2); /* `other`, twice */
    vow_unref(other);
    vow_resolver_drop(s);
}

TEST(a_dump_can_be_written_to_a_file)
{
    char text[200] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_dump(loop, vow_dump_to_file, file);
    fclose(file);
    HAS_TEXT(text, "promise made at");
    vow_unref(p);
    vow_resolver_drop(r);
}

TEST(the_dump_names_every_kind_that_can_be_pending)
{
    static const char *const names[] = {"abandoned promise", "handle",       "attach",  "shield",
                                        "shield's keeper",   "detached end", "follower"};
    struct lines_of lines = {"", 0};
    int destroyed = 0;
    vow_resolver *r, *s;
    vow_promise *p = vow_handle(vow_promise_new(loop, &r), same, NULL);
    p = vow_attach(p, &destroyed, count_destroy);
    vow_resolver_abandon(r);
    vow_promise *shield = vow_shield(vow_ref(p)), *follower = vow_promise_new(loop, &s);
    vow_resolve(s, vow_v(vow_ref(p)));
    vow_detach(vow_ref(p), NULL, NULL, NULL);
    vow_dump(loop, keep_line, &lines);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        HAS_TEXT(lines.text, names[i]);
    vow_cancel(p);
    drain(loop);
    vow_unref(p);
    vow_unref(shield);
    vow_unref(follower);
}

TEST_PLAIN(the_environment_switches_places_and_quarantine_on)
{
    struct lines_of lines = {"", 0};
    vow_resolver *r;
    setenv("VOW_DEBUG", "places,quarantine", 1);
    loop = vow_loop_new();
    vow_promise *p = vow_resolved(loop, vow_v(1)), *stale = p;
    vow_unref(p);
    p = vow_promise_new(loop, &r);
    CHECK(p != stale);
    vow_dump(loop, keep_line, &lines);
    HAS_TEXT(lines.text, "promise made at tests/core/test_inspect.c:");
    vow_unref(p);
    vow_resolver_drop(r);
    vow_loop_free(loop);
    unsetenv("VOW_DEBUG");
}

TEST(the_quarantine_keeps_as_many_lines_as_it_is_told)
{
    vow_promise *p[4];
    vow_loop_quarantine(loop, 2);
    for (int i = 0; i < 3; i++) {
        p[i] = vow_resolved(loop, vow_v(i));
        vow_unref(p[i]);
    }
    p[3] = vow_resolved(loop, vow_v(3)); /* the oldest has left the quarantine */
    EQ_PTR(p[3], p[0]);
    vow_unref(p[3]);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_quarantine_made_smaller_gives_its_lines_back)
{
    vow_loop_quarantine(loop, 100);
    for (int i = 0; i < 100; i++)
        vow_unref(vow_resolved(loop, vow_v(i)));
    size_t peak = vow_stats(loop).peak;
    EQ_UINT(peak, 100);
    vow_loop_quarantine(loop, 0);
    vow_promise *p[100];
    for (int i = 0; i < 100; i++)
        p[i] = vow_resolved(loop, vow_v(i));
    EQ_UINT(vow_stats(loop).peak, peak);
    for (int i = 0; i < 100; i++)
        vow_unref(p[i]);
}

/* More places than there are numbers for: some stay unknown, none is mistaken. */
TEST_PLAIN(a_full_table_of_places_gives_no_number)
{
    enum { N = 20000 };
    static char texts[N];
    size_t unknown = 0;
    for (size_t i = 0; i < N; i++) {
        uint16_t site = vow__site_number(&texts[i]);
        if (site == 0)
            unknown++;
        else
            EQ_PTR(vow__site_text(site), &texts[i]);
    }
    CHECK(unknown >= N - 8192 && unknown < N);
    CHECK(vow__site_text(0) == NULL);
    EQ_UINT(vow__site_number(NULL), 0);
}

TEST_PLAIN(places_are_recorded_only_when_asked_for)
{
    struct lines_of lines = {"", 0};
    vow_resolver *r;
    vow_places(false);
    loop = vow_loop_new();
    vow_promise *p = vow_promise_new(loop, &r);
    vow_dump(loop, keep_line, &lines);
    EQ_TEXT(lines.text, "promise, 1 handle\n");
    vow_unref(p);
    vow_resolver_drop(r);
    vow_loop_free(loop);
    vow_places(true);
}
