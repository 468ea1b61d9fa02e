/* SPDX-License-Identifier: MIT
 *
 * core/promise.h - the 64-byte line that is a promise, and what is always true of it.
 *
 * One line holds the promise, its handler and its resolver (the same pointer). Links
 * are not counted: being in `source->consumers` is the reference. A promise is
 * *wanted* while a handle, a consumer or one of the F_WANTED flags refers to it;
 * whoever takes the last of these away drops it (drop.c).
 *
 * Always true between calls:
 *   1  `outside` is exactly the number of handles the program holds.
 *   2  A pending derived line is in its source's consumers, or (late, cut, K_LINEAR) queued.
 *   3  A settled line has no source; it is queued while consumers still wait for it.
 *   4  F_QUEUED: next and prev are queue links. F_UNSEEN: links of the unseen list.
 *   5  No pending line waits for itself, through whatever others.
 */
#ifndef VOW_CORE_PROMISE_H
#define VOW_CORE_PROMISE_H

#include "base/panic.h"
#include "value/error.h"
#include "value/value.h"
#include "vow/promise.h"
#include "vow/resolver.h"

/* What a line is. Pending kinds come before K_FULFILLED. */
enum vow__kind {
    K_FREE,     /* no promise: in the free list                                   */
    K_OTHER,    /* no promise: another layer's line (timers, waiters, ties)       */
    K_ZOMBIE,   /* dropped, but a resolver still refers to it                     */
    K_SOURCE,   /* waits for its resolver                                         */
    K_ORPHAN,   /* the resolver was abandoned: waits for cancel, drop or close    */
    K_THENABLE, /* queued: `saved` is a foreign thenable to be called             */
    K_COMBINE,  /* waits for its elements (combine.c)                             */
    K_DERIVED,  /* only a border: the kinds below wait for `source`               */
    K_HANDLE,   /* one function sees value or error                               */
    K_THEN,     /* `ok` sees the value, `err` the error; either may be NULL       */
    K_FINALLY,  /* `fin` runs either way                                          */
    K_FINWAIT,  /* waits for what finally returned; `saved` is the outcome        */
    K_FOLLOW,   /* takes source's outcome                                         */
    K_ATTACH,   /* takes source's outcome, then destroy(data)                     */
    K_CONTEXT,  /* wraps source's error in the prepared error in `data`           */
    K_SHIELD,   /* takes source's outcome; `data` is its K_KEEP                   */
    K_KEEP,     /* keeps a shield's source running; `data`: the K_SHIELD; NULL when
                   that is gone or cut off; itself when that has the outcome       */
    K_DETACH,   /* the end of a detached chain: on_error, destroy                 */
    K_LINEAR,   /* code of task/ that goes on when source has settled; queued without
                   one: begins, or has let others go first                        */
    K_ELEMENT,  /* one input of the K_COMBINE in `data`                           */
    K_FULFILLED,
    K_REJECTED
};

enum vow__flag {
    F_QUEUED = 1,   /* in the loop's queue                                         */
    F_LATE = 2,     /* settled: `late` consumers are queued on their own           */
    F_KEPT = 4,     /* pending: runs on though nobody holds it;
                       settled: an inert resolver still refers to it               */
    F_UNSEEN = 8,   /* rejected, on the list of those to be reported               */
    F_BUSY = 16,    /* pinned while user code runs on its behalf                   */
    F_CANCEL = 32,  /* pending: its input is ECANCELED; K_SOURCE: being stopped;
                       running handler: cancel what it returns                     */
    F_DEAD = 64,    /* being dropped: `consumers` is a link of the drop machine    */
    F_HANDLED = 128 /* its rejection is not to be reported (any more)              */
};
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VOW__KF(kind, flags) ((uint16_t)((kind) << 8 | (flags)))
#else
#define VOW__KF(kind, flags) ((uint16_t)((kind) | (flags) << 8))
#endif
#define F_WANTED (F_LATE | F_KEPT | F_UNSEEN | F_BUSY)

struct vow__combine_ops;
struct vow__linear_ops;

struct vow_promise {
    uint32_t outside; /* handles held by the program                              */
    uint16_t site;    /* where it was made (site.c); 0: unknown                   */
    union {
        struct {
            uint8_t kind, flags;
        };
        uint16_t kind_flags; /* both at once, on the straight path only: VOW__KF(kind, flags) */
    };
    vow_promise *consumers;    /* first; first->prev is the last, last->next NULL.
                                  K_ELEMENT: previous element of its owner        */
    vow_promise *next, *prev;  /* siblings, or queue, or unseen, or free list     */
    union {
        struct {
            vow_promise *source; /* derived: what it waits for; else NULL         */
            void *data;          /* the handler's; K_SOURCE: op                   */
        };
        struct {
            vow_promise *first;  /* K_COMBINE: its elements, in input order       */
            uint32_t left, bits; /* elements in the list; COMBINE_... bits        */
        };
        vow_value value; /* settled: the value, or an error value                 */
    };
    union {
        struct {
            vow_then_fn *ok;
            vow_catch_fn *err;
        };
        vow_handle_fn *handle;
        vow_finally_fn *fin;
        struct {
            vow_destroy_fn *stop;    /* K_SOURCE, may be NULL                     */
            vow_destroy_fn *destroy; /* K_SOURCE, K_ATTACH, K_DETACH              */
        };
        vow_error_fn *on_error; /* K_DETACH, may be NULL; its destroy is above    */
        const struct vow__linear_ops *linear; /* K_LINEAR: of what is in `data`   */
        vow_value saved; /* K_FINWAIT, K_THENABLE, decided K_COMBINE              */
        struct {
            const struct vow__combine_ops *ops; /* undecided K_COMBINE            */
            void *state;
        };
        struct {
            vow_promise *next_element; /* K_ELEMENT                               */
            uint64_t index;
        };
        struct {
            uint32_t late;     /* settled and F_LATE: queued late consumers       */
            uint32_t reported; /* rejected: what the unhandled hook knows          */
        };
    };
};
_Static_assert(sizeof(void *) != 8 || sizeof(vow_promise) == 64, "a promise is one cache line");

static inline bool vow__settled(const vow_promise *p) { return p->kind >= K_FULFILLED; }
static inline bool vow__derived(const vow_promise *p)
{
    return p->kind > K_DERIVED && p->kind < K_FULFILLED;
}
static inline bool vow__wanted(const vow_promise *p)
{
    return p->outside || p->consumers || (p->flags & F_WANTED);
}
/* Does only `c` want the pending `s`? */
static inline bool vow__only_wanter(const vow_promise *s, const vow_promise *c)
{
    return !s->outside && s->consumers == c && !c->next && !(s->flags & F_KEPT);
}

static inline void vow__add_consumer(vow_promise *s, vow_promise *c)
{
    vow_promise *first = s->consumers;
    c->next = NULL;
    if (VOW_LIKELY(!first)) {
        s->consumers = c;
        c->prev = c;
    } else {
        c->prev = first->prev;
        first->prev->next = c;
        first->prev = c;
    }
}
static inline void vow__remove_consumer(vow_promise *s, vow_promise *c)
{
    vow_promise *after = c->next;
    if (c == s->consumers)
        s->consumers = after;
    else
        c->prev->next = after;
    if (after)
        after->prev = c->prev;
    else if (s->consumers)
        s->consumers->prev = c->prev;
}

#endif
