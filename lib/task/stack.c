/* SPDX-License-Identifier: MIT */
#include "task/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef VOW_VALGRIND
#include <valgrind/valgrind.h>
#endif

#include "base/mem.h"
#include "vow/task.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#ifndef MAP_STACK
#define MAP_STACK 0
#endif
#if defined(__linux__) && !defined(MADV_GUARD_INSTALL)
#define MADV_GUARD_INSTALL 102
#endif

enum { CANARY_BYTES = 256, CANARY = 0x5a, COLORS = 32, COLOR_BYTES = 128 };

/* What is not the fiber's own of the room above the guard, at most. */
#define OVERHEAD (VOW__STACK_HEAD + COLORS * COLOR_BYTES)

/* The guard takes in what a call with a buffer steps over. */
static size_t guard_bytes(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return page > 16384 ? page : 16384;
}

/* A mapping in which a fiber has that much room. */
static size_t mapping_of(size_t room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (room + OVERHEAD + guard_bytes() + page - 1) & ~(page - 1);
}

/* Guards. Mappings are the process's, and so are these. */

enum vow__guard vow__stack_guard = GUARD_BEST;
atomic_size_t vow__most_protected;
static atomic_size_t protected_stacks;

static size_t max_map_count(void)
{
    char text[24] = "";
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, text, sizeof text - 1) < 0)
            text[0] = 0;
        close(fd);
    }
    size_t most = strtoul(text, NULL, 10);
    return most ? most : 65530;
}

/* Half of the mappings, of which a guarded stack is two. */
static size_t most_protected(void)
{
    size_t most = atomic_load_explicit(&vow__most_protected, memory_order_relaxed);
    if (!most) {
        most = max_map_count() / 4;
        atomic_store_explicit(&vow__most_protected, most, memory_order_relaxed);
    }
    return most;
}

#ifdef MADV_GUARD_INSTALL
/* Emulators of processes say yes to advice that they do not know. Asked once, of a guard. */
static bool guards_are_real(const char *low)
{
    static atomic_int known; /* 1: they are, -1: they are not */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (!answer) {
        answer = access(low, F_OK) && errno == EFAULT ? 1 : -1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer > 0;
}
#endif

static bool install_guard(char *low)
{
#ifdef MADV_GUARD_INSTALL
    return vow__stack_guard <= GUARD_INSTALL &&
           !madvise(low, guard_bytes(), MADV_GUARD_INSTALL) && guards_are_real(low);
#else
    (void)low;
    return false;
#endif
}

static bool protect_guard(char *low)
{
    if (vow__stack_guard > GUARD_PROTECT)
        return false;
    bool may = atomic_fetch_add(&protected_stacks, 1) < most_protected();
    if (may && !mprotect(low, guard_bytes(), PROT_NONE))
        return true;
    atomic_fetch_sub(&protected_stacks, 1);
    return false;
}

static enum vow__guard make_guard(char *low)
{
    if (install_guard(low))
        return GUARD_INSTALL;
    if (protect_guard(low))
        return GUARD_PROTECT;
    memset(low, CANARY, CANARY_BYTES);
    return GUARD_CANARY;
}

char *vow__stack_low(const struct vow__stack *stack)
{
    return stack->low + (stack->guard == GUARD_CANARY ? (size_t)CANARY_BYTES : guard_bytes());
}

bool vow__stack_has_overflowed(const struct vow__stack *stack)
{
    if (stack->guard != GUARD_CANARY)
        return false;
    for (int i = 0; i < CANARY_BYTES; i++)
        if (stack->low[i] != CANARY)
            return true;
    return false;
}

/* Mappings. */

/* Heads at the same place of each page would all lie in the same few sets of the cache: each
 * is put a step lower than the one before. */
static size_t color(struct vow__stacks *s)
{
    return s->made++ % COLORS * COLOR_BYTES;
}

static struct vow__stack *map_stack(struct vow__stacks *s)
{
    size_t size = s->bytes;
    if (vow__alloc_fails())
        return NULL;
    char *low = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (low == MAP_FAILED)
        return NULL;
#ifdef MADV_NOHUGEPAGE
    madvise(low, size, MADV_NOHUGEPAGE); /* a page that is touched is not to become 512 */
#endif
    struct vow__stack *stack = (struct vow__stack *)(low + size - VOW__STACK_HEAD - color(s));
    *stack = (struct vow__stack){.low = low, .size = size, .guard = make_guard(low)};
#ifdef VOW_VALGRIND
    stack->valgrind = VALGRIND_STACK_REGISTER(vow__stack_low(stack), stack);
#endif
    vow__count_block(+1);
    return stack;
}

static void unmap_stack(struct vow__stack *stack)
{
    vow__forget(&stack->side, stack->low, stack->size);
#ifdef VOW_VALGRIND
    VALGRIND_STACK_DEREGISTER(stack->valgrind);
#endif
    if (stack->guard == GUARD_PROTECT)
        atomic_fetch_sub(&protected_stacks, 1);
    munmap(stack->low, stack->size);
    vow__count_block(-1);
}

/* The pool. */

static void unmap_all(struct vow__stacks *s, size_t but)
{
    while (s->count > but) {
        struct vow__stack *stack = s->unused;
        s->unused = stack->next;
        s->count--;
        unmap_stack(stack);
    }
}

static void close_stacks(struct vow__member *member)
{
    struct vow__stacks *s = (struct vow__stacks *)member;
    unmap_all(s, 0);
    vow__alarm_free(s->alarm);
    member->loop->stacks = NULL;
    vow__member_leave(member);
    vow__free(s);
}

struct vow__stacks *vow__stacks_of(vow_loop *loop)
{
    struct vow__stacks *s = loop->stacks;
    if (VOW_LIKELY(s != NULL))
        return s;
    s = vow__alloc_zeroed(sizeof *s);
    if (!s)
        return NULL;
    vow__member_join(&s->member, loop, close_stacks);
    s->bytes = mapping_of((size_t)112 << 10);
    s->keep = 128;
    loop->stacks = s;
    return s;
}

struct vow__stack *vow__stack_take(vow_loop *loop)
{
    struct vow__stacks *s = vow__stacks_of(loop);
    if (!s)
        return NULL;
    struct vow__stack *stack = s->unused;
    if (!stack)
        return map_stack(s);
    s->unused = stack->next;
    s->count--;
    return stack;
}

void vow__stack_give(vow_loop *loop, struct vow__stack *stack)
{
    struct vow__stacks *s = loop->stacks;
    if (s->count >= s->keep || stack->size != s->bytes) {
        unmap_stack(stack);
        return;
    }
    stack->next = s->unused;
    s->unused = stack;
    s->count++;
}

int vow_fiber_stacks(vow_loop *loop, size_t bytes, size_t keep)
{
    vow__check_loop(loop, "vow_fiber_stacks");
    if (loop->closing)
        return VOW_ECLOSED;
    if (bytes > SIZE_MAX / 2 || (bytes && bytes < VOW_FIBER_LEAST))
        return EINVAL;
    struct vow__stacks *s = vow__stacks_of(loop);
    if (!s)
        return ENOMEM;
    s->keep = keep;
    if (bytes) {
        unmap_all(s, 0); /* those in use go when they are given back */
        s->bytes = mapping_of(bytes);
    }
    unmap_all(s, keep);
    return 0;
}
