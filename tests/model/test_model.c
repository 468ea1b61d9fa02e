/* SPDX-License-Identifier: MIT
 *
 * test_model.c - random programs against the model. A process of its own runs them, so that
 * one that crashes is found, made smaller and shown as well as one that goes wrong.
 *     VOW_SEED=n                                      replays program n
 *     CK_FORK=no VOW_PROGRAMS=n test-model-model      n of them, however long it takes,
 *                                                     from VOW_SEED if that is given too
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "world.h"

enum { DIFFERENT = 42, LENGTH = 120, SECONDS = 20 };

/* What the process that runs programs tells. */
struct progress {
    uint64_t seed, steps;
};
static struct progress *progress;

static size_t length_of(uint64_t seed) { return seed % 5 == 0 ? MOST_OPS : LENGTH; }

/* Runs `work` in a child; false: it did not end well. */
static bool in_child(void (*work)(const void *), const void *argument, bool quiet)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check's handler would end our parents with us */
        if (quiet && !freopen("/dev/null", "w", stderr))
            _exit(DIFFERENT);
        work(argument);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void run_one(const void *program)
{
    alarm(SECONDS);
    if (interpret(program, false) != NULL)
        _exit(DIFFERENT);
}

static void show_one(const void *program)
{
    alarm(SECONDS);
    const char *complaint = interpret(program, true);
    if (complaint)
        fprintf(stderr, "  DIFFERENT: %s\n", complaint);
}

static bool fails(const struct program *program) { return !in_child(run_one, program, true); }

struct range {
    uint64_t first, last;
};

static void run_range(const void *argument)
{
    const struct range *range = argument;
    for (uint64_t seed = range->first; seed <= range->last; seed++) {
        static struct program program;
        progress->seed = seed;
        alarm(SECONDS);
        program_generate(&program, seed, length_of(seed));
        if (interpret(&program, false) != NULL)
            _exit(DIFFERENT);
        progress->steps += interpreted_steps;
        interpreted_steps = 0;
    }
}

static void explain(uint64_t seed)
{
    static struct program program;
    program_generate(&program, seed, length_of(seed));
    if (!fails(&program)) {
        fprintf(stderr, "seed %llu fails only after others\n", (unsigned long long)seed);
        return;
    }
    program_minimise(&program, fails);
    fprintf(stderr, "seed %llu, made smaller:\n", (unsigned long long)seed);
    program_print(&program, stderr);
    fprintf(stderr, "what happened:\n");
    in_child(show_one, &program, false);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

#if defined(__SANITIZE_ADDRESS__)
#define SLOWED_DOWN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWED_DOWN 1
#endif
#endif
#ifndef PROGRAMS /* of each test */
#ifdef SLOWED_DOWN
#define PROGRAMS 1000
#else
#define PROGRAMS 5000
#endif
#define FIRST_PROGRAM 1
#endif

static void run_programs(uint64_t first, uint64_t n)
{
    struct range range = {first, first + n - 1};
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(progress != MAP_FAILED);
    if (!in_child(run_range, &range, false)) {
        explain(progress->seed);
        FAIL("VOW_SEED=%llu", (unsigned long long)progress->seed);
    }
    fprintf(stderr, "%llu programs, %llu operations\n", (unsigned long long)n,
            (unsigned long long)progress->steps);
    munmap(progress, sizeof *progress);
}

/* Each within the time limit of a test. Under valgrind a few have to do. */
static void run_part(unsigned part)
{
    const char *slow = getenv("VOW_TEST_SLOW");
    uint64_t n = slow && *slow ? 50 : PROGRAMS;
    if (!getenv("VOW_SEED") && !getenv("VOW_PROGRAMS"))
        run_programs(FIRST_PROGRAM + part * n, n);
}

TEST_PLAIN(programs_that_are_asked_for_do_what_the_model_does)
{
    alarm(0); /* Check's, when it does not fork */
    if (getenv("VOW_SEED") || getenv("VOW_PROGRAMS"))
        run_programs(number_of("VOW_SEED", 1), number_of("VOW_PROGRAMS", 1));
}

TEST_PLAIN(random_programs_do_what_the_model_does_1) { run_part(0); }
TEST_PLAIN(random_programs_do_what_the_model_does_2) { run_part(1); }
TEST_PLAIN(random_programs_do_what_the_model_does_3) { run_part(2); }
TEST_PLAIN(random_programs_do_what_the_model_does_4) { run_part(3); }
