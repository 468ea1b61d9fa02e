/* SPDX-License-Identifier: MIT
 *
 * test_inbox.c - the hand-off of loop/inbox.h, stepped through every order in which threads
 * can take their steps, up to a number of preemptions. Each thread is a context of its own
 * that stops before each atomic operation and each use of the bell; who goes on is a choice.
 * A run is a list of choices; the next run repeats it up to the last one that had something
 * left to try.
 */
#include <ucontext.h>

static void step(void);
#define VOW__INBOX_STEP() step()
#include "loop/inbox.h"

#include <stdlib.h>

#include "harness.h"

/* How it ends: the others let go; they stay, and posted all the same; the owner closes. */
enum ending { LET_GO, STAY, CLOSE };
enum { OWNER, MOST_THREADS = 3, POSTS = 2, MOST_STEPS = 300, STACK = 256 * 1024 };

/* What the threads share. The owner's base: it wakes when the bell is rung while it is
 * registered; when it is not, dispatch returns. */
static struct {
    struct vow__inbox inbox;
    vow_node nodes[MOST_THREADS][POSTS];
    bool rung, asleep;
    enum ending ending;
    int pushed, refused, taken, last_of[MOST_THREADS];
    bool out_of_order;
} world;

static struct {
    int threads, now;
    ucontext_t scheduler, contexts[MOST_THREADS];
    char *stacks[MOST_THREADS];
    bool done[MOST_THREADS];
    struct {
        int taken;        /* the thread that went on */
        unsigned untried; /* bits of those that could have instead */
    } path[MOST_STEPS];
    int length, replay; /* of the path: so far, and what is to be repeated */
    int preemptions;    /* left */
    size_t runs;
} model;

/* The threads. */

static void step(void) { swapcontext(&model.contexts[model.now], &model.scheduler); }

static void take_nodes(vow_node *instead)
{
    for (vow_node *node = vow__inbox_take(&world.inbox, instead); node; node = node->next) {
        int number = (int)(node - &world.nodes[0][0]), thread = number / POSTS;
        world.out_of_order = world.out_of_order || number <= world.last_of[thread];
        world.last_of[thread] = number;
        world.taken++;
    }
}

/* As on_ring in loop/remote.c; CLOSE: as vow__remote_close after one turn. */
static void own(void)
{
    bool registered = true;
    while (registered) {
        world.asleep = true;
        step();
        world.asleep = false;
        world.rung = false;
        step();
        take_nodes(NULL);
        registered = vow__inbox_is_awaited(&world.inbox) && world.ending != CLOSE;
    }
    if (world.ending == CLOSE)
        take_nodes(&vow__inbox_closed);
}

static void ring(void)
{
    step();
    world.rung = true;
}

static void post(int thread)
{
    for (int i = 0; i < POSTS; i++) {
        enum vow__pushed pushed = vow__inbox_push(&world.inbox, &world.nodes[thread][i]);
        *(pushed == VOW__PUSH_REFUSED ? &world.refused : &world.pushed) += 1;
        if (pushed == VOW__PUSHED_FIRST)
            ring();
    }
    if (world.ending != STAY && vow__inbox_let_go(&world.inbox))
        ring();
}

static void run_thread(int thread)
{
    if (thread == OWNER)
        own();
    else
        post(thread);
    model.done[thread] = true;
    step(); /* and never comes back */
}

/* The scheduler. */

static unsigned runnable(void)
{
    unsigned bits = 0;
    for (int i = 0; i < model.threads; i++)
        if (!model.done[i] && !(i == OWNER && world.asleep && !world.rung))
            bits |= 1u << i;
    return bits;
}

static int lowest(unsigned bits)
{
    int i = 0;
    while (!(bits >> i & 1))
        i++;
    return i;
}

/* Who goes on: as before where that is to be repeated, else whoever ran, if it can. */
static void choose(unsigned can)
{
    bool goes_on = can >> model.now & 1;
    CHECK(model.length < MOST_STEPS);
    if (model.length >= model.replay) {
        int taken = goes_on ? model.now : lowest(can);
        model.path[model.length].taken = taken;
        model.path[model.length].untried =
            goes_on && model.preemptions == 0 ? 0 : can & ~(1u << taken);
    }
    int next = model.path[model.length++].taken;
    if (goes_on && next != model.now)
        model.preemptions--;
    model.now = next;
}

static void make_context(int thread)
{
    ucontext_t *context = &model.contexts[thread];
    getcontext(context);
    context->uc_stack.ss_sp = model.stacks[thread];
    context->uc_stack.ss_size = STACK;
    makecontext(context, (void (*)(void))run_thread, 1, thread);
    model.done[thread] = false;
}

static void begin_run(enum ending ending, int preemptions)
{
    memset(&world, 0, sizeof world);
    memset(world.last_of, -1, sizeof world.last_of);
    atomic_init(&world.inbox.open, (unsigned)model.threads - 1);
    world.ending = ending;
    model.length = 0;
    model.now = 1;
    model.preemptions = preemptions;
    for (int i = 0; i < model.threads; i++)
        make_context(i);
}

static void check_end(void)
{
    int posts = (model.threads - 1) * POSTS;
    CHECK(model.done[OWNER] == (world.ending != STAY)); /* else it sleeps */
    EQ_INT(world.pushed + world.refused, posts);
    EQ_INT(world.taken, world.pushed); /* none is lost, none runs twice */
    CHECK(world.ending == CLOSE || world.refused == 0);
    CHECK(!world.out_of_order);
}

/* The last choice with something untried takes it next. False: all has been tried. */
static bool next_path(void)
{
    while (model.length > 0 && model.path[model.length - 1].untried == 0)
        model.length--;
    if (model.length == 0)
        return false;
    unsigned *untried = &model.path[model.length - 1].untried;
    model.path[model.length - 1].taken = lowest(*untried);
    *untried &= *untried - 1;
    model.replay = model.length;
    return true;
}

static void explore(int threads, enum ending ending, int preemptions)
{
    model.threads = threads;
    model.replay = 0;
    model.runs = 0;
    for (int i = 0; i < threads; i++)
        CHECK((model.stacks[i] = malloc(STACK)) != NULL);
    do {
        begin_run(ending, preemptions);
        for (unsigned can; (can = runnable()) != 0;) {
            choose(can);
            swapcontext(&model.scheduler, &model.contexts[model.now]);
        }
        check_end();
        model.runs++;
    } while (next_path());
    for (int i = 0; i < threads; i++)
        free(model.stacks[i]);
    static const char *const endings[] = {"all let go", "all stay", "the owner closes"};
    printf("%d threads, up to %d preemptions, %s: %zu orders\n", threads, preemptions,
           endings[ending], model.runs);
}

TEST_PLAIN(two_threads_hand_off_in_every_order_up_to_eight_preemptions)
{
    explore(2, LET_GO, 8);
    explore(2, STAY, 8);
    explore(2, CLOSE, 8);
}

TEST_PLAIN(three_threads_hand_off_in_every_order_up_to_three_preemptions)
{
    explore(3, LET_GO, 3);
    explore(3, STAY, 3);
    explore(3, CLOSE, 3);
}
