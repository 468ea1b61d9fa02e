/* SPDX-License-Identifier: MIT
 *
 * Inputs and outputs of combinators, cancelled and dropped at once and later. Each test goes
 * through all kinds of combinators over two operations, a and b.
 */
#include "common.h"

enum kind { ALL, ALL_SETTLED, ANY, RACE, MAP, FOR_EACH, KINDS };
static const char *const kind_names[] = {"all", "all_settled", "any", "race", "map", "for_each"};

struct pair {
    vow_loop *loop;
    struct trace seen;
    struct op ops[2];
    bool hold;            /* keep handles on the inputs */
    vow_promise *held[2]; /* then */
    vow_promise *(*start)(vow_loop *loop, struct op *op);
};

static struct pair *begin(struct pair *pair, vow_loop *loop)
{
    *pair = (struct pair){.loop = loop, .start = op_start_clean};
    pair->ops[0] = (struct op){&pair->seen, "a", NULL};
    pair->ops[1] = (struct op){&pair->seen, "b", NULL};
    return pair;
}

static vow_promise *input(struct pair *pair, size_t index)
{
    vow_promise *p = pair->start(pair->loop, &pair->ops[index]);
    if (pair->hold)
        pair->held[index] = vow_ref(p);
    return p;
}

static vow_value mapped_input(size_t index, void *pair) { return vow_v(input(pair, index)); }

static vow_promise *combine(enum kind kind, vow_loop *loop, vow_promise *a, vow_promise *b)
{
    switch (kind) {
    case ALL:
        return vow_all(loop, a, b);
    case ALL_SETTLED:
        return vow_all_settled(loop, a, b);
    case ANY:
        return vow_any(loop, a, b);
    default:
        return vow_race(loop, a, b);
    }
}

static vow_promise *make(enum kind kind, struct pair *pair)
{
    if (kind == MAP)
        return vow_map(pair->loop, 2, 0, mapped_input, pair);
    if (kind == FOR_EACH)
        return vow_for_each(pair->loop, 2, 0, mapped_input, pair);
    vow_promise *a = input(pair, 0);
    return combine(kind, pair->loop, a, input(pair, 1));
}

/* Takes p. */
static void expect(enum kind kind, vow_promise *p, const char *outcome)
{
    struct outcome o = outcome_of(p);
    if (strcmp(o.text, outcome) != 0)
        FAIL("%s: %s is not %s", kind_names[kind], o.text, outcome);
    vow_unref(p);
}
static void expect_seen(enum kind kind, const struct pair *pair, const char *seen)
{
    size_t length = strlen(pair->seen.text);
    if (length != strlen(seen) + (length > 0) || memcmp(pair->seen.text, seen, strlen(seen)) != 0)
        FAIL("%s: \"%s\" is not \"%s\"", kind_names[kind], pair->seen.text, seen);
}
static void end(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        if (pair->ops[i].r != NULL)
            op_resolve(&pair->ops[i], vow_none());
        vow_unref(pair->held[i]);
    }
    vow_poll(pair->loop);
    EQ_UINT(vow_stats(pair->loop).live, 0);
}

/* scenario 102 */
TEST(an_input_cancelled_at_once_is_an_input_that_failed)
{
    static const char *const outcomes[] = {"!ECANCELED", "[!ECANCELED 2]", "2",
                                           "!ECANCELED", "!ECANCELED",     "!ECANCELED"};
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        begin(&pair, loop)->hold = true;
        vow_promise *p = make(kind, &pair);
        if (kind >= MAP)
            vow_poll(loop); /* there are no inputs before */
        vow_cancel(pair.held[0]);
        vow_poll(loop);
        if (pair.ops[1].r != NULL)
            op_resolve(&pair.ops[1], vow_v(2));
        vow_poll(loop);
        expect(kind, p, outcomes[kind]);
        expect_seen(kind, &pair, "a-stopped a-clean b-clean");
        end(&pair);
    }
}

TEST(an_input_cancelled_after_the_other_had_settled_is_an_input_that_failed)
{
    static const char *const outcomes[] = {"!ECANCELED", "[!ECANCELED 2]", "2",
                                           "2",          "!ECANCELED",     "!ECANCELED"};
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        begin(&pair, loop)->hold = true;
        vow_promise *p = make(kind, &pair);
        vow_poll(loop);
        op_resolve(&pair.ops[1], vow_v(2));
        vow_poll(loop);
        vow_cancel(pair.held[0]);
        vow_poll(loop);
        expect(kind, p, outcomes[kind]);
        expect_seen(kind, &pair, "b-clean a-stopped a-clean");
        end(&pair);
    }
}

TEST(an_output_cancelled_at_once_cancels_its_inputs_in_order)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        vow_promise *p = make(kind, begin(&pair, loop));
        vow_cancel(p);
        vow_cancel(p); /* again: nothing more */
        vow_poll(loop);
        vow_cancel(p);
        expect(kind, p, "!ECANCELED");
        expect_seen(kind, &pair, kind >= MAP ? "" : "a-stopped b-stopped a-clean b-clean");
        end(&pair);
    }
}

TEST(an_output_cancelled_later_cancels_its_inputs_in_order)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        vow_promise *p = make(kind, begin(&pair, loop));
        vow_poll(loop);
        vow_cancel(p);
        vow_poll(loop);
        expect(kind, p, "!ECANCELED");
        expect_seen(kind, &pair, "a-stopped b-stopped a-clean b-clean");
        end(&pair);
    }
}

TEST(an_output_cancelled_after_one_input_had_settled_cancels_the_other)
{
    static const char *const outcomes[] = {"!ECANCELED", "!ECANCELED", "1",
                                           "1",          "!ECANCELED", "!ECANCELED"};
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        vow_promise *p = make(kind, begin(&pair, loop));
        vow_poll(loop);
        op_resolve(&pair.ops[0], vow_v(1));
        vow_poll(loop);
        vow_cancel(p);
        vow_poll(loop);
        expect(kind, p, outcomes[kind]);
        expect_seen(kind, &pair, "a-clean b-stopped b-clean");
        end(&pair);
    }
}

TEST(an_output_cancelled_between_the_settling_of_an_input_and_its_turn_is_cancelled)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        begin(&pair, loop)->start = op_start;
        vow_promise *p = make(kind, &pair);
        vow_poll(loop);
        op_resolve(&pair.ops[0], vow_text("counted"));
        vow_cancel(p);
        vow_poll(loop);
        expect(kind, p, "!ECANCELED");
        expect_seen(kind, &pair, "b-stopped");
        end(&pair);
    }
}

TEST(an_output_is_cancelled_only_when_its_inputs_have_cleaned_up)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        begin(&pair, loop)->start = op_start_slow;
        vow_promise *p = make(kind, &pair);
        vow_poll(loop);
        vow_cancel(p);
        vow_clock_advance(loop, 9);
        EQ_INT(vow_state(p), VOW_PENDING);
        vow_clock_advance(loop, 1);
        expect(kind, p, "!ECANCELED");
        expect_seen(kind, &pair, "a-stopped b-stopped a-clean b-clean a-cleaned b-cleaned");
        end(&pair);
    }
}

TEST(a_cancel_while_the_losers_clean_up_comes_too_late)
{
    static const char *const outcomes[] = {"!EIO", NULL, "1", "1", "!EIO", "!EIO"};
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        if (kind == ALL_SETTLED)
            continue; /* has no losers */
        begin(&pair, loop)->start = op_start_slow;
        vow_promise *p = make(kind, &pair);
        vow_mark_handled(p);
        vow_poll(loop);
        op_resolve(&pair.ops[1], outcomes[kind][0] == '1' ? vow_v(1) : vow_fail(EIO, NULL));
        vow_clock_advance(loop, 10); /* b's own clean-up: a is stopped */
        vow_cancel(p);
        vow_clock_advance(loop, 10);
        expect(kind, p, outcomes[kind]);
        expect_seen(kind, &pair, "b-clean b-cleaned a-stopped a-clean a-cleaned");
        end(&pair);
    }
}

TEST(inputs_that_others_hold_are_let_go_when_the_output_is_cancelled)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        begin(&pair, loop)->hold = true;
        vow_promise *p = make(kind, &pair);
        vow_poll(loop);
        vow_cancel(p);
        expect(kind, p, "!ECANCELED"); /* there is nothing to wait for */
        expect_seen(kind, &pair, "");
        op_resolve(&pair.ops[0], vow_v(1));
        vow_poll(loop);
        expect(kind, vow_ref(pair.held[0]), "1");
        end(&pair);
    }
}

TEST(an_output_dropped_at_once_drops_its_inputs)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        vow_unref(make(kind, begin(&pair, loop)));
        expect_seen(kind, &pair, kind >= MAP ? "" : "a-stopped b-stopped");
        EQ_UINT(vow_stats(loop).live, 0);
    }
}

TEST(an_output_dropped_later_drops_its_inputs)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        vow_promise *p = make(kind, begin(&pair, loop));
        vow_poll(loop);
        vow_unref(p);
        expect_seen(kind, &pair, "a-stopped b-stopped");
        EQ_UINT(vow_stats(loop).live, 0);
    }
}

TEST(an_output_dropped_while_its_inputs_are_cancelled_drops_them)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        begin(&pair, loop)->start = op_start_slow;
        vow_promise *p = make(kind, &pair);
        vow_poll(loop);
        vow_cancel(p);
        vow_clock_advance(loop, 5);
        vow_unref(p);
        expect_seen(kind, &pair, "a-stopped b-stopped a-clean b-clean");
        EQ_UINT(vow_stats(loop).live, 0);
    }
}

TEST(a_cancelled_branch_of_an_output_leaves_the_inputs_to_the_other_branch)
{
    struct pair pair;
    for (enum kind kind = ALL; kind < KINDS; kind++) {
        vow_promise *p = make(kind, begin(&pair, loop));
        vow_promise *branch = vow_then(vow_ref(p), op_cleaned, &pair.ops[0]);
        vow_poll(loop);
        vow_cancel(branch);
        vow_poll(loop);
        expect(kind, branch, "!ECANCELED");
        expect_seen(kind, &pair, "");
        branch = vow_then(vow_ref(p), op_cleaned, &pair.ops[0]);
        vow_unref(p);
        vow_cancel(branch); /* the last one */
        vow_poll(loop);
        expect(kind, branch, "!ECANCELED");
        expect_seen(kind, &pair, "a-stopped b-stopped a-clean b-clean");
        end(&pair);
    }
}

/* The output is cancelled, or dropped, by the handler of an input. */
struct inside {
    vow_promise *output;
    bool drop;
};
static vow_value end_output(UNUSED vow_value v, void *data)
{
    struct inside *inside = data;
    if (inside->drop)
        inside->output = vow_unref(inside->output);
    else
        vow_cancel(inside->output);
    return vow_text("the handler's own result");
}

TEST(the_handler_of_an_input_may_cancel_the_output)
{
    for (enum kind kind = ALL; kind <= RACE; kind++) {
        struct trace seen = {""};
        struct op a = {&seen, "a", NULL};
        struct inside inside = {NULL, false};
        vow_promise *ender = vow_then(value(loop, 1), end_output, &inside);
        inside.output = combine(kind, loop, op_start_clean(loop, &a), ender);
        vow_poll(loop);
        expect(kind, inside.output, "!ECANCELED");
        EQ_TRACE(seen, "a-stopped a-clean");
    }
}

TEST(the_handler_of_an_input_may_drop_the_output)
{
    for (enum kind kind = ALL; kind <= RACE; kind++) {
        struct trace seen = {""};
        struct op a = {&seen, "a", NULL}, x = {&seen, "x", NULL};
        struct inside inside = {NULL, true};
        vow_promise *ender = vow_then(value(loop, 1), end_output, &inside);
        inside.output = combine(kind, loop, op_start_clean(loop, &a), ender);
        inside.output = vow_attach(inside.output, &x, op_destroy);
        vow_poll(loop);
        EQ_TRACE(seen, "a-stopped ~x");
        EQ_UINT(vow_stats(loop).live, 0);
    }
}

TEST(combinators_of_combinators_are_cancelled_to_the_bottom)
{
    struct pair pair, other;
    for (enum kind outer = ALL; outer <= RACE; outer++)
        for (enum kind inner = ALL; inner < KINDS; inner++)
            for (int turns = 0; turns < 2; turns++) {
                vow_promise *p = make(inner, begin(&pair, loop));
                p = combine(outer, loop, p, make(inner, begin(&other, loop)));
                if (turns > 0 || inner >= MAP)
                    vow_poll(loop);
                vow_cancel(p);
                vow_poll(loop);
                expect(outer, p, "!ECANCELED");
                expect_seen(inner, &pair, "a-stopped b-stopped a-clean b-clean");
                expect_seen(inner, &other, "a-stopped b-stopped a-clean b-clean");
                end(&pair);
            }
}

TEST(the_errors_of_inputs_that_break_while_cancelled_are_reported)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_on_unhandled(loop, note_unhandled, &seen);
    EXPECT_UNHANDLED(RACE + 1);
    for (enum kind kind = ALL; kind <= RACE; kind++) {
        vow_promise *p =
            combine(kind, loop, pending(loop), vow_catch(op_start(loop, &a), op_break, &a));
        vow_cancel(p);
        vow_poll(loop);
        expect(kind, p, "!ECANCELED");
    }
    HAS_TEXT(seen.text, "a-stopped unhandled-EPROTO");
}
