/* SPDX-License-Identifier: MIT
 *
 * sweep.c - fails one allocation after the other of each scenario (oom.h).
 *
 *     test-oom [once] [PART]    once: each once, not also from then on; PART: only scenarios
 *                               whose name contains it
 *     VOW_OOM=NAME:N:once       one run, in this process (or :sticky; 0: without failure).
 *                               A breakpoint on vow__out_of_memory_breakpoint stops where
 *                               the allocation fails.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "oom/run.h"

/* LEAST_POINTS: so many in all, or scenarios have gone missing. */
enum { MOST_ALLOCATIONS = 3000, SECONDS_A_RUN = 30, LEAST_POINTS = 2000 };

static struct oom_scenario *first_scenario, **last_next = &first_scenario;
static int output; /* of the runs: shown when one is wrong */

void oom_add(struct oom_scenario *scenario)
{
    *last_next = scenario;
    last_next = &scenario->next;
}

struct counts {
    size_t same, rejected, refused, libevent, wrong;
};

static void add_counts(struct counts *sum, const struct counts *c)
{
    sum->same += c->same;
    sum->rejected += c->rejected;
    sum->refused += c->refused;
    sum->libevent += c->libevent;
    sum->wrong += c->wrong;
}

static size_t right(const struct counts *c)
{
    return c->same + c->rejected + c->refused + c->libevent;
}

/* libevent's memory is vow's: one count, one place to fail. */
static void *event_malloc(size_t size) { return vow__alloc(size); }
static void *event_realloc(void *block, size_t size) { return vow__resize(block, size); }
static void event_free_block(void *block) { vow__free(block); }

/* libevent ends the program where it cannot go on. */
static void on_fatal(int code)
{
    fprintf(stderr, "libevent ends the program with %d\n", code);
    oom_libevent("event_errx");
}

/* The exit status of a run, or minus the signal that ended it. */
static int status_of_run(const struct oom_scenario *scenario, size_t n, bool sticky)
{
    fflush(NULL);
    if (ftruncate(output, 0) != 0)
        abort();
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    if (child == 0) {
        dup2(output, 1);
        dup2(output, 2);
        lseek(output, 0, SEEK_SET);
        alarm(SECONDS_A_RUN);
        oom_run(scenario, n, sticky);
    }
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void show_output(void)
{
    char bytes[4096];
    ssize_t n;
    off_t at = 0;
    fflush(stdout);
    while ((n = pread(output, bytes, sizeof bytes, at)) > 0) {
        at += n;
        if (write(1, bytes, (size_t)n) != n)
            return;
    }
}

static void complain(const struct oom_scenario *scenario, size_t n, bool sticky, int status)
{
    printf("WRONG: VOW_OOM=%s:%zu:%s", scenario->name, n, sticky ? "sticky" : "once");
    if (status == -SIGALRM)
        printf(" (did not end in %d s)", SECONDS_A_RUN);
    else if (status < 0)
        printf(" (%s)", strsignal(-status));
    else if (status != OOM_WRONG)
        printf(" (ended with %d)", status);
    putchar('\n');
    show_output();
}

/* True: go on with the next allocation. */
static bool count_run(struct counts *counts, int status)
{
    switch (status) {
    case OOM_SAME:
        counts->same++;
        return true;
    case OOM_REJECTED:
        counts->rejected++;
        return true;
    case OOM_REFUSED:
        counts->refused++;
        return true;
    case OOM_LIBEVENT:
        counts->libevent++;
        return true;
    case OOM_NO_FAILURE:
        return false;
    default:
        counts->wrong++;
        return true;
    }
}

/* Shows the first wrong run of each scenario and mode, counts the others. */
static void sweep(const struct oom_scenario *scenario, bool sticky, struct counts *counts)
{
    bool shown = false;
    for (size_t n = 0;; n++) {
        int status = status_of_run(scenario, n, sticky);
        bool is_wrong = status < OOM_SAME || status >= OOM_WRONG;
        if (is_wrong && !shown)
            complain(scenario, n, sticky, status);
        shown = shown || is_wrong;
        if (n == 0 && status == OOM_NO_FAILURE)
            continue;
        if (!count_run(counts, status) || n == 0)
            return;
        if (n == MOST_ALLOCATIONS) {
            printf("%s: no end after %zu allocations\n", scenario->name, n);
            counts->wrong++;
            return;
        }
    }
}

static int replay(const char *what)
{
    const char *colon = strchr(what, ':');
    size_t size = colon != NULL ? (size_t)(colon - what) : strlen(what);
    for (struct oom_scenario *s = first_scenario; s != NULL; s = s->next)
        if (strncmp(s->name, what, size) == 0 && s->name[size] == '\0')
            oom_run(s, colon != NULL ? strtoul(colon + 1, NULL, 10) : 0,
                    strstr(what, ":sticky") != NULL);
    fprintf(stderr, "VOW_OOM: there is no scenario of that name\n");
    return 2;
}

int main(int argc, char **argv)
{
    event_set_mem_functions(event_malloc, event_realloc, event_free_block);
    event_set_fatal_callback(on_fatal);
    signal(SIGPIPE, SIG_IGN);
    if (getenv("VOW_OOM") != NULL)
        return replay(getenv("VOW_OOM"));
    bool once = argc > 1 && strcmp(argv[1], "once") == 0;
    const char *part = argc > 1 + once ? argv[1 + once] : "";
    struct counts sum = {0};
    size_t points = 0, scenarios = 0;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    output = memfd_create("output", MFD_CLOEXEC);
    for (struct oom_scenario *s = first_scenario; s != NULL; s = s->next) {
        if (strstr(s->name, part) == NULL)
            continue;
        struct counts counts = {0};
        sweep(s, false, &counts);
        size_t its_points = right(&counts) + counts.wrong;
        if (!once)
            sweep(s, true, &counts);
        printf("%-32s %4zu points: %4zu same %4zu rejected %4zu refused", s->name, its_points,
               counts.same, counts.rejected, counts.refused);
        if (counts.libevent > 0)
            printf(" %4zu ended by libevent", counts.libevent);
        printf(counts.wrong > 0 ? " %4zu WRONG\n" : "\n", counts.wrong);
        add_counts(&sum, &counts);
        points += its_points;
        scenarios++;
    }
    printf("%zu scenarios, %zu points of failure, %s: %zu same, %zu rejected, %zu refused, "
           "%zu ended by libevent, %zu wrong\n",
           scenarios, points, once ? "once" : "once and for good", sum.same, sum.rejected,
           sum.refused, sum.libevent, sum.wrong);
    if (points < (*part ? 1 : LEAST_POINTS))
        sum.wrong++;
    printf("%zu passed, %zu failed\n", right(&sum), sum.wrong);
    return sum.wrong > 0;
}
