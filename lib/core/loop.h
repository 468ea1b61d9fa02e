/* SPDX-License-Identifier: MIT
 *
 * core/loop.h - the part of a loop that promises need: the queue, the pool of lines,
 * the lists of the drop machine and of unseen rejections. It knows no libevent; the
 * loop layer embeds it and sets `wake`.
 */
#ifndef VOW_CORE_LOOP_H
#define VOW_CORE_LOOP_H

#include "core/promise.h"
#include "vow/loop.h"

/* Lines live in 1 MiB slabs aligned to their size; the first line is this head. */
#define VOW_SLAB_BYTES ((size_t)1 << 20)
struct vow__slab {
    vow_loop *loop;
    struct vow__slab *next; /* older one */
    void *block;            /* what vow__alloc gave */
    vow_promise *end;       /* lines from here on were never used (the newest slab: loop->fresh) */
};

struct vow_loop {
    /* the queue: settled promises with consumers, late and cut consumers, thenables */
    vow_promise *head, *tail;
    vow_promise **free_top;         /* the stack of used lines; below the first is a NULL */
    vow_promise *fresh, *fresh_end; /* never used lines of the newest slab */
    const void *thread;             /* vow__thread() of the owner */
    vow_promise *running;           /* on whose behalf user code runs; NULL: none */
    uint64_t made, handlers;
    size_t left;    /* of the budget of the drain that runs */
    bool awake;     /* a drain is running or has been asked for: no wake needed */
    bool places;    /* record where promises are made */
    bool slow_free; /* quarantine or closed: freeing a line is more than a push */
    bool dropping, closing, closed, draining;
    bool alone;     /* nothing is to be done after running linear code, before the queue */
    bool guarded;   /* user's hooks run in the middle of an operation: nothing may be served */

    void (*wake)(vow_loop *loop);   /* the queue has become non-empty outside a drain */
    void (*gone)(vow_loop *loop);   /* closed, released, and the last handle given back */
    void (*finish)(vow_loop *loop); /* NULL, or: a callback has asked for the loop's end */

    /* drop machine: dead tails (linked by consumers), chains half torn down, and chains
     * that wait until the running handler returns (both linked by next) */
    vow_promise *dead, *down, *parked;

    vow_promise *unseen;            /* rejections nobody has seen, newest first */
    vow_promise *unseen_last;
    vow_unhandled_fn *on_unhandled;
    void *unhandled_data;
    uint64_t unhandled;             /* reported so far */
    uint32_t drains_unreported;     /* budgets used up since the last report */
    uint32_t refusals;              /* handles on `refused` nobody has looked at */
    bool unhandled_abort;

    size_t budget;
    vow_promise *no_memory, *no_loop; /* immortal, rejected: what builders return when refused */
    struct vow__slab *slabs;
    size_t slab_count;
    vow_promise **free_lines;       /* the stack's memory */
    vow_promise *quarantine_first, *quarantine_last;
    size_t quarantine, quarantined;
    size_t left_open;               /* closed: lines not yet free */
    bool released;                  /* the program has called vow_loop_free */

    struct vow__stacks *stacks; /* task/stack.h: of fibers; NULL until the first one */
    uint64_t shuffle;           /* task/: 0, or the state of a test's random order */
};

/* The running loop of this thread; its address identifies the thread. */
extern _Thread_local vow_loop *vow__running_loop
#if defined(__GNUC__)
    __attribute__((tls_model("initial-exec")))
#endif
    ;
static inline const void *vow__thread(void)
{
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 11
    return __builtin_thread_pointer(); /* one load; the address takes two and an addition */
#else
    return &vow__running_loop;
#endif
}

/* core part of making and ending a loop */
int vow__core_init(vow_loop *loop);   /* 0 or ENOMEM; wake and gone are set by the caller after */
void vow__core_close(vow_loop *loop); /* rejects everything pending, drains; afterwards closed  */
size_t vow__core_handles(const vow_loop *loop);
void vow__core_release(vow_loop *loop); /* calls gone() now or when the last handle goes */
void vow__core_end_if_last(vow_loop *loop);
void vow__core_done(vow_loop *loop);    /* frees the slabs */
/* The last thing of public calls in which user code may have run: the loop may be gone. */
static inline void vow__finish(vow_loop *loop)
{
    if (VOW_UNLIKELY(loop->finish != NULL))
        loop->finish(loop);
}

static inline vow_loop *vow__loop_of(const vow_promise *p)
{
    return ((struct vow__slab *)((uintptr_t)p & ~(uintptr_t)(VOW_SLAB_BYTES - 1)))->loop;
}

/* What every public call on a promise checks: a live handle, on the owner's thread. */
VOW_COLD VOW_NORETURN void vow__bad_handle(const vow_promise *p, const char *call);
VOW_COLD VOW_NORETURN void vow__bad_thread(const vow_loop *loop, const char *call);
static inline void vow__check_loop(const vow_loop *loop, const char *call)
{
#ifndef VOW_NO_CHECKS
    if (VOW_UNLIKELY(loop->thread != vow__thread()))
        vow__bad_thread(loop, call);
#else
    (void)loop, (void)call;
#endif
}
static inline vow_loop *vow__check_handle(const vow_promise *p, const char *call)
{
#ifndef VOW_NO_CHECKS
    if (VOW_UNLIKELY(!p || !p->outside))
        vow__bad_handle(p, call);
#else
    (void)call;
#endif
    return vow__loop_of(p);
}
static inline vow_loop *vow__check(const vow_promise *p, const char *call)
{
    vow_loop *loop = vow__check_handle(p, call);
    vow__check_loop(loop, call);
    return loop;
}

/* slab.c: lines. vow__take gives NULL without memory and when the loop is closing. Used ones
 * are on a stack of their addresses, not on a list through them: a list would have each take
 * wait for the line before to come into the cache. */
bool vow__add_slab(vow_loop *loop); /* false: no memory */
VOW_COLD vow_promise *vow__take_slow(vow_loop *loop);
VOW_COLD void vow__give_slow(vow_loop *loop, vow_promise *line);
void vow__poison(vow_promise *line);
void vow__unpoison(vow_promise *line);
size_t vow__each_line(const vow_loop *loop, void (*visit)(vow_promise *line, void *data), void *data);

/* Freed lines are poisoned for ASan, or else for valgrind. */
#if defined(__SANITIZE_ADDRESS__)
#define VOW_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VOW_ASAN 1
#endif
#endif
#if defined(VOW_ASAN) || defined(VOW_VALGRIND)
#define VOW_POISONING 1
#endif

static inline vow_promise *vow__take(vow_loop *loop)
{
    vow_promise *line = *loop->free_top;
    if (VOW_UNLIKELY(!line))
        return vow__take_slow(loop);
    loop->free_top--;
#ifdef VOW_POISONING
    vow__unpoison(line);
#endif
    return line;
}
static inline void vow__give(vow_loop *loop, vow_promise *line)
{
    line->outside = 0;
    line->kind = K_FREE;
    if (VOW_UNLIKELY(loop->slow_free)) {
        vow__give_slow(loop, line);
        return;
    }
    *++loop->free_top = line;
#ifdef VOW_POISONING
    vow__poison(line);
#endif
}

/* site.c: the 16-bit number of a place, 0 when unknown or not recorded. */
VOW_COLD uint16_t vow__site_number(const char *where);
const char *vow__site_text(uint16_t site); /* NULL for 0 */
bool vow__places_wanted(void);

/* What vow_on_stop and vow_resolve do, of a promise that was just made and nobody waits for. */
static inline void vow__hook_new(vow_resolver *r, vow_destroy_fn *stop, void *op,
                                 vow_destroy_fn *destroy)
{
    vow_promise *p = (vow_promise *)r;
    p->stop = stop;
    p->data = op;
    p->destroy = destroy;
}
static inline void vow__resolve_new(vow_resolver *r, vow_value v)
{
    vow_promise *p = (vow_promise *)r;
    if (VOW_UNLIKELY(!vow__fulfils(v))) {
        vow_resolve(r, v);
        return;
    }
    p->kind_flags = VOW__KF(K_FULFILLED, 0);
    p->value = v;
}

/* The hooks of a resolver that has not been used are not to run any more. */
static inline void vow__unhook(vow_resolver *r)
{
    vow_promise *p = (vow_promise *)r;
    p->stop = p->destroy = NULL;
}

/* A new line with one handle; NULL when refused. The kind's own fields are the caller's. */
static inline vow_promise *vow__new_line(vow_loop *loop, enum vow__kind kind, const char *where)
{
    vow_promise *line = vow__take(loop);
    if (VOW_UNLIKELY(!line))
        return NULL;
    line->outside = 1; /* these four: one store, and read as four later (never the other way) */
    line->site = 0;
    line->kind = (uint8_t)kind;
    line->flags = 0;
    line->consumers = NULL;
    loop->made++;
    if (VOW_UNLIKELY(loop->places))
        line->site = vow__site_number(where);
    return line;
}
/* the queue */
static inline void vow__append(vow_loop *loop, vow_promise *p)
{
    p->next = NULL;
    p->prev = loop->tail;
    if (loop->tail)
        loop->tail->next = p;
    else
        loop->head = p;
    loop->tail = p;
    if (VOW_UNLIKELY(!loop->awake)) {
        loop->awake = true;
        loop->wake(loop);
    }
}
static inline void vow__push(vow_loop *loop, vow_promise *p)
{
    p->flags |= F_QUEUED;
    vow__append(loop, p);
}
static inline void vow__unqueue(vow_loop *loop, vow_promise *p)
{
    p->flags &= (uint8_t)~F_QUEUED;
    if (p->prev)
        p->prev->next = p->next;
    else
        loop->head = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        loop->tail = p->prev;
}

/* serve.c: runs queued handlers; returns how many. 0 while one is running, and inside
 * destructors and hooks. */
size_t vow__drain(vow_loop *loop, size_t most);

/* settle.c (vow__fulfil is below) */
void vow__reject(vow_loop *loop, vow_promise *p, vow_value error);      /* takes */
void vow__resolve_with(vow_loop *loop, vow_promise *p, vow_value v);    /* takes anything */
void vow__settle_as(vow_loop *loop, vow_promise *p, vow_value outcome); /* value or error value */
/* The outcome of the settled s for a consumer that passes it on: moved when nobody else
 * will ask for it. */
vow_value vow__take_outcome(vow_promise *s);

/* follow.c: p (pending, not linked to anything above it) takes over q's outcome. Takes q. */
void vow__follow(vow_loop *loop, vow_promise *p, vow_promise *q);
void vow__splice_follower(vow_loop *loop, vow_promise *p);
/* 0, or why c must not wait for q: VOW_ELOOP, VOW_ECYCLE. */
int vow__cannot_wait(vow_loop *loop, vow_promise *c, vow_promise *q);

/* drop.c */
void vow__drop(vow_loop *loop, vow_promise *p); /* p is unwanted: frees it and what only it wanted */
void vow__drop_pinned(vow_loop *loop, vow_promise *p);  /* a stop hook gave the last handle of p back */
void vow__drop_parked(vow_loop *loop);          /* the running handler has returned */
static inline void vow__drop_if_unwanted(vow_loop *loop, vow_promise *p)
{
    if (vow__wanted(p))
        return;
    if (VOW_LIKELY(vow__settled(p) && vow__is_plain(p->value)))
        vow__give(loop, p);
    else
        vow__drop(loop, p);
}

/* The pending p is fulfilled with v (taken), which is no error, promise or thenable. */
static inline void vow__fulfil(vow_loop *loop, vow_promise *p, vow_value v)
{
    p->kind = K_FULFILLED;
    p->flags &= (uint8_t)~(F_KEPT | F_CANCEL);
    p->value = v;
    if (VOW_LIKELY(p->consumers != NULL))
        vow__push(loop, p);
    else
        vow__drop_if_unwanted(loop, p);
}
/* Takes c from its source, its queue place or both. Gives the source when nobody wants
 * it any more (to be dropped), else NULL. */
vow_promise *vow__leave_source(vow_loop *loop, vow_promise *c);

/* cancel.c */
void vow__cancel(vow_loop *loop, vow_promise *p);
/* Stops a pending K_SOURCE or K_ORPHAN and rejects it with `error` (taken), unless the
 * stop hook settled it. */
void vow__stop_source(vow_loop *loop, vow_promise *p, vow_error *error);

/* unhandled.c */
VOW_COLD void vow__unseen_add(vow_loop *loop, vow_promise *p);
void vow__unseen_remove(vow_loop *loop, vow_promise *p);
/* A consumer of the rejected s is gone: if it was the last and none saw the error, s is unseen. */
static inline void vow__unseen_if_left(vow_loop *loop, vow_promise *s)
{
    if (s->kind == K_REJECTED && !s->consumers && !(s->flags & (F_LATE | F_BUSY | F_UNSEEN)))
        vow__unseen_add(loop, s);
}
void vow__report_unseen(vow_loop *loop);
static inline void vow__report_if_unseen(vow_loop *loop)
{
    loop->drains_unreported = 0;
    if (VOW_UNLIKELY(loop->unseen || loop->refusals))
        vow__report_unseen(loop);
}
/* The rejected p has got a handler: nothing to report, or, late, that it was one too many. */
void vow__now_handled(vow_loop *loop, vow_promise *p);
void vow__report(vow_loop *loop, const vow_error *e, uint16_t site, bool late);
/* An error that no promise carries (a detached chain's, a clean-up's): reports and takes. */
void vow__report_error(vow_loop *loop, vow_error *e, uint16_t site);

/* chain.c: what builders are made of.
 * c begins to wait for s: in its consumers, or as a late one. */
void vow__wait_for_settled(vow_loop *loop, vow_promise *c, vow_promise *s);
static inline void vow__wait_for(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    c->source = s;
    if (VOW_LIKELY(!vow__settled(s)))
        vow__add_consumer(s, c);
    else
        vow__wait_for_settled(loop, c, s);
}
/* A new line that waits for p, whose handle it takes; NULL when refused (p is then still
 * the caller's). */
static inline vow_promise *vow__derive(vow_promise *p, enum vow__kind kind, const char *where,
                                       const char *call)
{
    vow_loop *loop = vow__check(p, call);
    vow_promise *c = vow__new_line(loop, kind, where);
    if (VOW_UNLIKELY(!c))
        return NULL;
    vow__wait_for(loop, c, p);
    p->outside--;
    return c;
}
/* The refused promise, after `p` (may be NULL) was dropped and data destroyed. */
VOW_COLD vow_promise *vow__refuse(vow_loop *loop, vow_promise *p, void *data, vow_destroy_fn *destroy);

#endif
