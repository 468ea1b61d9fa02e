/* SPDX-License-Identifier: MIT
 *
 * The stacks of fibers: their pool, their guards, what an idle one takes, and what stays
 * inside.
 */
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "task/fiber.h"

#if defined(VOW_TSAN)
enum { MANY = 2000 }; /* gcc 12's TSan has room for about 8,000 */
#else
enum { MANY = 10000 };
#endif

static vow_value wait_at(void *gate)
{
    vow_await(vow_ref(gate), NULL);
    return vow_none();
}

struct crowd {
    vow_promise *gate, *all[MANY];
    vow_resolver *r;
    int n;
};

static struct crowd *gather(vow_loop *loop, int n)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    crowd->n = n;
    crowd->gate = vow_promise_new(loop, &crowd->r);
    for (int i = 0; i < n; i++)
        crowd->all[i] = vow_spawn(loop, wait_at, crowd->gate, NULL);
    vow_poll(loop);
    return crowd;
}

static void let_go(struct crowd *crowd, vow_loop *loop)
{
    vow_resolve(crowd->r, vow_none());
    while (vow_poll(loop) > 0)
        ;
    for (int i = 0; i < crowd->n; i++) {
        EQ_INT(vow_state(crowd->all[i]), VOW_FULFILLED);
        vow_unref(crowd->all[i]);
    }
    vow_unref(crowd->gate);
    free(crowd);
}

/* scenario 123 */
TEST(thousands_of_fibers_at_once)
{
    let_go(gather(loop, MANY), loop);
}

/* scenario 124 */
TEST(the_pool_keeps_as_many_stacks_as_it_is_told)
{
    EQ_INT(vow_fiber_stacks(loop, 0, 2), 0);
    size_t before = vow_test_blocks();
    let_go(gather(loop, 5), loop);
    EQ_UINT(vow_test_blocks(), before + 2);
    EQ_INT(vow_fiber_stacks(loop, 0, 1), 0);
    EQ_UINT(vow_test_blocks(), before + 1);
}

static vow_value tell_address(void *data)
{
    char here;
    *(uintptr_t *)data = (uintptr_t)&here;
    return vow_none();
}

/* scenario 124 */
TEST(a_stack_is_used_again)
{
    uintptr_t first = 0, second = 0;
    vow_promise *p = vow_spawn(loop, tell_address, &first, NULL);
    vow_poll(loop);
    vow_promise *q = vow_spawn(loop, tell_address, &second, NULL);
    vow_poll(loop);
    EQ_UINT(first, second);
    vow_unref(p);
    vow_unref(q);
}

/* scenario 124 */
TEST(a_cancelled_and_a_dropped_fiber_give_their_stacks_back)
{
    EQ_INT(vow_fiber_stacks(loop, 0, 0), 0);
    size_t before = vow_test_blocks();
    struct crowd *crowd = gather(loop, 2);
    EQ_UINT(vow_test_blocks(), before + 2);
    vow_cancel(crowd->all[0]);
    vow_poll(loop);
    EQ_UINT(vow_test_blocks(), before + 1);
    crowd->all[1] = vow_unref(crowd->all[1]);
    EQ_UINT(vow_test_blocks(), before);
    vow_unref(crowd->all[0]);
    crowd->n = 0;
    let_go(crowd, loop);
}

#if defined(__GNUC__) || defined(__clang__)
__attribute__((noinline))
#endif
static int deep(volatile char *above, int levels)
{
    volatile char here[1024];
    here[0] = above[0];
    here[1023] = (char)levels;
    return levels == 0 ? here[0] : deep(here, levels - 1) + here[1023] - (char)levels;
}

static vow_value go_deep(void *levels)
{
    volatile char start[1] = {1};
    return vow_v(deep(start, *(int *)levels));
}

TEST(larger_stacks_for_those_that_need_them)
{
    int levels = 600;
    EQ_INT(vow_fiber_stacks(loop, (size_t)4 << 20, 1), 0);
    EQ_INT(vow_fiber_stacks(loop, 100, 1), EINVAL);
    vow_promise *p = vow_spawn(loop, go_deep, &levels, NULL);
    vow_poll(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
}

TEST(stacks_of_another_size_are_not_used_again)
{
    EQ_INT(vow_fiber_stacks(loop, 0, 4), 0);
    size_t before = vow_test_blocks();
    let_go(gather(loop, 2), loop);
    struct crowd *small = gather(loop, 1);
    EQ_INT(vow_fiber_stacks(loop, (size_t)1 << 20, 4), 0); /* unused ones go at once */
    EQ_UINT(vow_test_blocks(), before + 1);
    struct crowd *large = gather(loop, 1);
    struct vow__fiber *f = small->all[0]->data, *g = large->all[0]->data;
    CHECK(g->stack.size >= (size_t)1 << 20 && f->stack.size < g->stack.size);
    let_go(small, loop); /* those in use when they are given back */
    EQ_UINT(vow_test_blocks(), before + 1);
    let_go(large, loop);
    EQ_UINT(vow_test_blocks(), before + 1);
}

/* Guards. */

static vow_value tell_guard(void *guard)
{
    *(enum vow__guard *)guard = vow__fiber_here->stack.guard;
    vow_yield();
    return vow_none();
}

static enum vow__guard guard_of_a_new_stack(vow_loop *loop)
{
    enum vow__guard guard = GUARD_BEST;
    vow_promise *p = vow_spawn(loop, tell_guard, &guard, NULL);
    vow_poll(loop);
    vow_unref(p);
    return guard;
}

TEST(where_guards_cost_no_mapping_each_stack_has_one)
{
    enum vow__guard guard = guard_of_a_new_stack(loop);
    if (guard == GUARD_INSTALL)
        return;
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool advised = madvise(page, 4096, 102) == 0; /* MADV_GUARD_INSTALL: not an older kernel */
    CHECK(!advised || access(page, F_OK) == 0 || errno != EFAULT); /* nor one that ignores it */
    munmap(page, 4096);
    EQ_INT(guard, GUARD_PROTECT);
}

TEST(mprotect_guards_so_many_and_a_canary_is_for_those_beyond)
{
    EQ_INT(vow_fiber_stacks(loop, 0, 0), 0);
    vow__stack_guard = GUARD_PROTECT;
    vow__most_protected = 2;
    struct crowd *crowd = gather(loop, 2);
    EQ_INT(guard_of_a_new_stack(loop), GUARD_CANARY);
    let_go(crowd, loop);
    EQ_INT(guard_of_a_new_stack(loop), GUARD_PROTECT);
    vow__most_protected = 0;
    EQ_INT(guard_of_a_new_stack(loop), GUARD_PROTECT);
    vow__stack_guard = GUARD_BEST;
    unsigned long mappings = 65530; /* where nobody says */
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (file) {
        CHECK(fscanf(file, "%lu", &mappings) == 1);
        fclose(file);
    }
    EQ_UINT(vow__most_protected, mappings / 4); /* half of them: a guarded stack is two */
}

/* The kernel says it kindly. What mprotect has closed is not asked for: valgrind would see that. */
static bool can_touch(const char *address)
{
    char line[256], mode[5] = "";
    unsigned long from, to, wanted = (uintptr_t)address;
    FILE *maps = fopen("/proc/self/maps", "r");
    int ends[2];
    while (maps && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && from <= wanted && wanted < to)
            break;
    if (maps)
        fclose(maps);
    if (mode[0] == '-')
        return false;
    CHECK(pipe(ends) == 0);
    bool can = write(ends[1], address, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return can;
}

static vow_value probe_guard(void *data)
{
    bool *can = data;
    const struct vow__stack *stack = &vow__fiber_here->stack;
    can[0] = can_touch(stack->low);
    can[1] = can_touch(vow__stack_low(stack) - 1);
    can[2] = can_touch(vow__stack_low(stack));
    return vow_none();
}

TEST(nobody_can_touch_a_guard)
{
    EQ_INT(vow_fiber_stacks(loop, 0, 0), 0);
    for (int protects = 0; protects < 2; protects++) {
        bool can[3] = {true, true, false};
        vow__stack_guard = protects ? GUARD_PROTECT : GUARD_BEST;
        vow_promise *p = vow_spawn(loop, probe_guard, can, NULL);
        vow_poll(loop);
        vow_unref(p);
        CHECK(!can[0] && !can[1] && can[2]);
    }
    vow__stack_guard = GUARD_BEST;
}

static vow_value spoil(void *data)
{
    (void)data;
    vow__fiber_here->stack.low[9] = 'x';
    vow_await(vow_resolved(vow_current(), vow_none()), NULL);
    return vow_none();
}

TEST_PANICS(a_spoiled_canary_names_the_fiber, "tests/task/test_stack.c:")
{
    vow__stack_guard = GUARD_CANARY;
    vow_promise *p = vow_spawn(loop, spoil, NULL, NULL);
    vow_poll(loop);
    vow_unref(p);
}

#ifndef VOW_TSAN /* which has no stack of its own for signals in a fiber */
TEST_PANICS(an_overflow_names_the_fiber_where_that_is_asked_for, "has overflowed its stack")
{
    int levels = 100000;
    EQ_INT(vow_fiber_overflow_alarm(loop), 0);
    EQ_INT(vow_fiber_overflow_alarm(loop), 0);
    vow_promise *p = vow_spawn(loop, go_deep, &levels, NULL);
    vow_poll(loop);
    vow_unref(p);
}

TEST_PANICS(an_overflow_into_a_page_that_mprotect_guards_is_named_too, "has overflowed its stack")
{
    int levels = 100000;
    vow__stack_guard = GUARD_PROTECT;
    EQ_INT(vow_fiber_overflow_alarm(loop), 0);
    vow_promise *p = vow_spawn(loop, go_deep, &levels, NULL);
    vow_poll(loop);
    vow_unref(p);
}
#endif

static void leave_7(int number)
{
    (void)number;
    _exit(7);
}

static int status_of(pid_t child)
{
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(another_fault_goes_to_the_handler_before)
{
    signal(SIGSEGV, leave_7);
    EQ_INT(vow_fiber_overflow_alarm(loop), 0);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSEGV);
        _exit(0);
    }
    EQ_INT(status_of(child), 7);
}

TEST(another_fault_without_a_handler_before_ends_the_program)
{
    EQ_INT(vow_fiber_overflow_alarm(loop), 0);
    signal(SIGBUS, SIG_DFL);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGBUS);
        _exit(0);
    }
    CHECK(status_of(child) >= 128);
}

/* What an idle one takes. */

TEST(an_idle_fiber_touches_two_pages_at_most)
{
    struct crowd *crowd = gather(loop, 3);
    struct vow__fiber *f = crowd->all[1]->data;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), touched = 0;
    char *low = vow__stack_low(&f->stack);
    low -= (uintptr_t)low % page;
    size_t bytes = (size_t)(f->stack.low + f->stack.size - low), n = bytes / page;
    unsigned char resident[1024];
    CHECK(n <= sizeof resident);
    EQ_INT(mincore(low, bytes, (void *)resident), 0);
    for (size_t i = 0; i < n; i++)
        touched += resident[i] & 1;
#if defined(VOW_ASAN) || defined(VOW_TSAN) || defined(VOW_COVERAGE)
    CHECK(touched <= 4); /* whose frames are larger */
#else
    CHECK(touched <= 2);
#endif
    let_go(crowd, loop);
}

#if defined(__linux__) && defined(MADV_NOHUGEPAGE)
/* The line of flags of the mapping that `address` is in; false: the kernel does not say. */
static bool find_flags(const void *address, char *line, size_t size)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    unsigned long from, to, wanted = (uintptr_t)address;
    bool inside = false, found = false;
    while (maps && !found && fgets(line, (int)size, maps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= wanted && wanted < to;
        found = inside && strncmp(line, "VmFlags:", 8) == 0;
    }
    if (maps)
        fclose(maps);
    return found;
}

TEST(no_huge_page_is_made_of_stacks)
{
    char line[256], *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    bool told = madvise(page, 4096, MADV_NOHUGEPAGE) == 0 && find_flags(page, line, sizeof line) &&
                strstr(line, " nh");
    munmap(page, 4096);
    struct crowd *crowd = gather(loop, 1);
    struct vow__fiber *f = crowd->all[0]->data;
    if (told) { /* else this kernel knows of none */
        CHECK(find_flags(f, line, sizeof line));
        CHECK(strstr(line, " nh") != NULL);
    }
    let_go(crowd, loop);
}
#endif

/* What stays inside. */

struct rounding {
    int before, inside;
    unsigned sse;
};

/* The SSE unit's own; fegetround asks the x87. (valgrind keeps it, and rounds as ever.) */
static unsigned sse_rounding(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & 0x6000;
#else
    return (unsigned)fegetround();
#endif
}

static vow_value set_rounding(void *data)
{
    struct rounding *r = data;
    r->before = fegetround();
    fesetround(FE_UPWARD);
    vow_await(vow_delay(vow_current(), 1), NULL);
    r->inside = fegetround();
    r->sse = sse_rounding();
    return vow_none();
}

TEST(how_a_fiber_rounds_stays_inside_it)
{
    struct rounding r = {0};
    unsigned outside = sse_rounding();
    vow_promise *p = vow_spawn(loop, set_rounding, &r, NULL);
    vow_poll(loop);
    EQ_INT(fegetround(), FE_TONEAREST);
    EQ_UINT(sse_rounding(), outside);
    vow_clock_advance(loop, 1);
    EQ_INT(r.before, FE_TONEAREST);
    EQ_INT(r.inside, FE_UPWARD);
    CHECK(r.sse != outside);
    EQ_INT(fegetround(), FE_TONEAREST);
    EQ_UINT(sse_rounding(), outside);
    vow_unref(p);
}

#if defined(__x86_64__)
static uint16_t x87_control(void)
{
    uint16_t word;
    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}

static vow_value set_x87(void *data)
{
    uint16_t word = x87_control() | 0x400; /* rounds down, the x87 alone */
    __asm__ volatile("fldcw %0" : : "m"(word));
    vow_yield();
    *(bool *)data = x87_control() == word;
    return vow_none();
}

TEST(the_x87_control_word_alone_stays_inside_too)
{
    uint16_t before = x87_control();
    bool kept = false;
    vow_promise *p = vow_spawn(loop, set_x87, &kept, NULL);
    vow_drain(loop, 1);
    EQ_INT(x87_control(), before);
    vow_poll(loop);
    EQ_INT(x87_control(), before);
    CHECK(kept);
    vow_unref(p);
}
#endif

/* Threads. */

static void *run_a_loop(void *data)
{
    (void)data;
    vow_loop *own = vow_loop_new();
    vow_promise *p = vow_spawn(own, wait_at, NULL, NULL);
    vow_unref(p);
    struct crowd *crowd = gather(own, 20);
    let_go(crowd, own);
    vow_loop_free(own);
    return NULL;
}

/* scenario 127 */
TEST(a_thread_awaits_in_fibers_of_a_loop_of_its_own)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, run_a_loop, NULL) == 0);
    let_go(gather(loop, 20), loop);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static void *await_here(void *p)
{
    vow_await(p, NULL);
    return NULL;
}

/* scenario 127 */
TEST_PANICS(await_of_a_promise_of_another_threads_loop_is_misuse, "belongs to another thread")
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, await_here, vow_delay(loop, 1)) == 0);
    pthread_join(thread, NULL);
}
