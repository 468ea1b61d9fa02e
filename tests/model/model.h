/* SPDX-License-Identifier: MIT
 *
 * model.h - what vow is to do, said a second time: a loop and its promises as plain graphs
 * and lists, without a line of the library's, slow and simple. Nothing is threaded through
 * the promises, nothing is reused within a program, and every list is an array.
 *
 * The user's code is called through struct m_host; `who` is the word that a handler, a
 * destructor or a resolver was made with.
 */
#ifndef VOW_TESTS_MODEL_H
#define VOW_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct m_promise;
struct m_object;
struct model;

/* Values. */
enum m_type {
    M_NONE, M_INT, M_SAME, M_AGAIN, M_END, M_PROMISE, M_BOX, M_THENABLE, M_PERMIT, M_ARRAY, M_ERROR,
    M_PARCEL
};
struct m_value {
    int32_t type, number; /* number: M_INT, and the index of nothing else */
    union {
        struct m_object *object;
        struct m_promise *promise;
    };
};
struct m_values {
    struct m_value *at;
    size_t n, room;
};
/* One that waits in a line, or what came of it: a permit. */
struct m_turn {
    struct m_list *line;         /* NULL: it does not wait */
    struct m_lock *lock;         /* for which, now or when a condition has told it; or NULL */
    uint64_t permits;            /* how many */
    struct m_condition *told_by; /* whose notification nobody has heard of yet; or NULL */
};
struct m_object {
    long refs; /* 0: immortal */
    enum m_type type;
    uint32_t who;             /* M_BOX, M_THENABLE */
    int code;                 /* M_ERROR */
    bool seen;                /* M_ARRAY: the program has had it */
    struct m_turn turn;       /* M_PERMIT: all zero when it was given back; M_PARCEL: told_by */
    struct m_value cause;     /* M_ERROR: an error or none */
    struct m_value payload;   /* M_ERROR, M_PARCEL */
    struct m_channel *home;   /* M_PARCEL: where it goes unseen; or NULL */
    size_t serial;            /* M_PARCEL: the how manieth */
    struct m_values contents; /* M_ARRAY: its items; M_ERROR: suppressed errors */
};

struct m_value m_none(void);
struct m_value m_int(int number);
struct m_value m_box(struct model *m, enum m_type type, uint32_t who);
struct m_value m_array(struct model *m, size_t n);
struct m_value m_error(struct model *m, int code);
struct m_value m_ready(struct model *m, int code); /* immortal */
struct m_value m_promise_value(struct m_promise *p);
struct m_value m_keep(struct m_value v);
void m_release(struct model *m, struct m_value v);
void m_see(struct model *m, struct m_value *v); /* the host gets it: it is no parcel */
bool m_is_error(struct m_value v);
bool m_is_cancel(struct m_value error);
/* Join two errors as far as sharing allows; false: `other` is still the caller's. */
bool m_add_cause(struct m_value error, struct m_value other);
bool m_suppress(struct m_value error, struct m_value other);

/* Promises. */
enum m_kind {
    M_FREE, M_ZOMBIE, M_SOURCE, M_ORPHAN, M_CALLS_THEN, M_COMBINE,
    M_HANDLE, M_THEN, M_FINALLY, M_CLEANING, M_FIBER, M_FOLLOW, M_ATTACH, M_CONTEXT, M_SHIELD, M_KEEPER,
    M_DETACH, M_ELEMENT, M_FULFILLED, M_REJECTED
};
enum m_policy {
    M_ALL, M_ANY, M_RACE, M_ALL_SETTLED, M_TIMEOUT, M_REPEAT, M_MAP, M_FOR_EACH, M_REDUCE,
    M_RETRY, M_INTERVAL, M_SCOPE
};
/* Which function of the user's is called; M_ON_NOTHING: none. */
enum m_role {
    M_ON_ANY, M_ON_VALUE, M_ON_ERROR, M_ON_EITHER, M_ON_FINALLY, M_ON_STEP, M_ON_EACH, M_ON_NOTHING
};
/* Steps whose code is the model's own: those of a join, and a scope's deadline. */
enum m_step { M_HOSTS, M_JOIN_FAILED, M_FINISH_JOIN, M_ABSORB, M_EXPIRE };

/* What a fiber or task did at the end of a turn. */
enum m_went { M_ENDS, M_WAITS, M_YIELDS };

struct m_list {
    struct m_promise **at;
    size_t n, room;
};

struct m_fiber {
    bool stackless;
    unsigned turns;   /* so many have begun */
    bool yields;      /* it waits for nothing but its turn */
    bool held;        /* has what it waited for, and lets others go first */
    unsigned shields;
    bool owed;        /* a cancel that a shield has kept */
};

/* A way in which one that waits in channels can go on. */
struct m_case {
    struct m_channel *channel;
    bool send;
    struct m_value value; /* to be sent */
};

struct m_promise {
    enum m_kind kind;
    unsigned search; /* the last one that came by */
    unsigned handles;
    struct m_list consumers;
    struct m_promise *source;  /* what a derived one waits for */
    bool queued, cancelled, kept, unseen, busy, dead, handled;
    unsigned late;     /* queued consumers that came after it had settled */
    unsigned reported; /* rejected: what the hook was told */
    struct m_value value; /* settled: the outcome; M_CLEANING, M_CALLS_THEN, decided: kept aside */
    uint32_t who;
    enum m_role role;
    bool stop, destroy;           /* a source has these hooks; a fiber: the second */
    struct m_fiber fiber;         /* `value` is what it got last */
    struct m_case *cases;         /* a source waits for one of them */
    size_t case_count;            /* 0: it does not */
    bool select;                  /* its result names the case */
    struct m_turn turn;           /* a source waits in a line */
    struct m_use *use;            /* of m_using, a step and its end */
    struct m_list *ties;          /* of those who share an end, this one is in it */
    enum m_step step;
    struct m_scope *scope;        /* of its children, and of all that a join is made of */
    bool timer;                   /* a source is a delay */
    uint64_t deadline, timer_number;
    uintptr_t address;            /* a source: where vow has it; closing goes by that */
    struct m_promise *shield;     /* of a keeper; NULL: gone or cut off */
    struct m_promise *keeper;     /* of a shield */
    bool delivered;               /* of a keeper: its shield has the outcome */
    struct m_promise *below;      /* while being dropped: the way back to the tail */
    struct m_promise *owner;      /* of an element */
    uint64_t index;               /* of an element */
    struct m_list elements;       /* of a combinator, and what follows */
    enum m_policy policy;
    bool decided, as_cause, starter;
    struct m_value state;         /* array or error being filled */
    size_t count, next, limit;
    uint64_t every, due, wait;
};

struct m_channel {
    struct m_channel *next; /* all ever made */
    size_t capacity;
    bool closed, aborted;
    struct m_values ring;
    struct m_values back; /* received, but not seen: parcels */
    size_t received;
    struct m_list senders, receivers;
};

/* A function that waits for its turn in a scope. */
struct m_start {
    uint32_t who;
    bool destroy;
};

struct m_scope {
    struct m_scope *next;       /* all ever made, the newest first */
    struct m_scope *parent;     /* or NULL */
    struct m_promise *children; /* a combinator that is never decided; NULL: freed */
    long refs;
    bool collect, over, freed, told;
    bool starter;                    /* among the children, and none */
    bool swept;                      /* the children have been cancelled, or just are */
    struct m_value error, timed_out; /* or none */
    struct m_promise *deadline;
    struct m_start *starts;
    size_t start_count, limit; /* 0: none */
    struct m_list joiners, ties;
};

struct m_owner {
    struct m_owner *next; /* all ever made */
    struct m_list ties;
};

/* A semaphore, a mutex, a read-write lock. */
struct m_lock {
    struct m_lock *next; /* all ever made */
    uint64_t total, free;
    bool closed;
    struct m_list waiters, closers;
};
struct m_condition {
    struct m_condition *next;
    struct m_list waiters;
};
struct m_flag {
    struct m_flag *next;
    bool set;
    struct m_list waiters;
};
struct m_use {
    struct m_use *next;
    uint32_t who;
    bool destroy;
    struct m_value held;
};

struct m_host {
    void *self;
    struct m_value (*call)(void *self, enum m_role role, uint32_t who, struct m_value in);
    enum m_went (*turn)(void *self, uint32_t who, unsigned turn, struct m_value in,
                        struct m_value *out);
    void (*posted)(void *self, uint32_t who);
    void (*destroyed)(void *self, uint32_t who);
    void (*discarded)(void *self, uint32_t who); /* of a post that never ran */
    void (*stopped)(void *self, uint32_t who, struct m_promise *resolver);
    void (*lost)(void *self, uint32_t who, struct m_value error);
    void (*unhandled)(void *self, struct m_value error, bool late);
    void (*then)(void *self, uint32_t who, struct m_promise *resolver);
    void (*closing)(void *self); /* the addresses of sources are needed now */
};

struct model {
    struct m_host host;
    struct m_promise *promises; /* all ever made */
    size_t made, live;
    struct m_list queue, unseen, dead, down, parked, timers;
    struct m_promise *running;
    bool draining, dropping, guarded, in_run, closing, closed, close_asked, stop, posts_refused;
    bool awake;          /* a drain is running, or will be: nobody need wake the base */
    bool woken, yielded; /* the base will call us; after posts */
    unsigned unreported; /* drains that left something, since the last report */
    unsigned inside;     /* callbacks of the base: nothing may turn it */
    size_t budget;
    uint64_t now, handlers, unhandled, timers_made;
    unsigned searches;
    struct m_promise *no_loop;
    struct m_channel *channels;
    struct m_scope *scopes;
    size_t scopes_made;
    struct m_owner *owners;
    struct m_lock *locks;
    struct m_condition *conditions;
    struct m_flag *flags;
    struct m_use *uses;
    struct m_promise *fiber; /* whose turn it is */
    uint64_t shuffle;        /* 0, or the state of the random order */
    uint32_t *posts;
    size_t post_count, post_room;
};

enum { M_MOST_PROMISES = 16000 }; /* a program that makes more is cut short */

void m_begin(struct model *m, struct m_host host);
void m_end(struct model *m);

/* The public functions, in vow's order; what they take and give is the same. */
struct m_promise *m_new(struct model *m); /* is its own resolver */
struct m_promise *m_resolved(struct model *m, struct m_value v);
void m_on_stop(struct model *m, struct m_promise *r, bool stop, bool destroy, uint32_t who);
void m_resolve(struct model *m, struct m_promise *r, struct m_value v);
void m_resolver_drop(struct model *m, struct m_promise *r);
void m_resolver_abandon(struct model *m, struct m_promise *r);
bool m_is_wanted(const struct m_promise *r);

struct m_promise *m_then(struct model *m, struct m_promise *p, enum m_role role, uint32_t who,
                         bool destroy);
struct m_promise *m_attach(struct model *m, struct m_promise *p, uint32_t who);
bool m_can_attach(const struct model *m, const struct m_promise *p);
struct m_promise *m_context(struct model *m, struct m_promise *p);
struct m_promise *m_shield(struct model *m, struct m_promise *p);
void m_detach(struct model *m, struct m_promise *p, bool on_error, uint32_t who, bool destroy);
struct m_promise *m_ref(struct m_promise *p);
void m_unref(struct model *m, struct m_promise *p);
void m_cancel(struct model *m, struct m_promise *p);
void m_mark_handled(struct model *m, struct m_promise *p);

struct m_promise *m_combine(struct model *m, enum m_policy policy, size_t n,
                            struct m_promise **inputs);
struct m_promise *m_repeat(struct model *m, enum m_policy policy, size_t n, size_t limit,
                           uint32_t who, bool destroy);
struct m_channel *m_channel_new(struct model *m, size_t capacity);
struct m_promise *m_channel_send(struct model *m, struct m_channel *ch, struct m_value v);
struct m_promise *m_channel_receive(struct model *m, struct m_channel *ch);
struct m_value m_channel_drain(struct model *m, struct m_channel *ch);
struct m_promise *m_channel_select(struct model *m, size_t n, struct m_case *cases);
void m_channel_close(struct model *m, struct m_channel *ch);
void m_channel_abort(struct model *m, struct m_channel *ch); /* as its last unref */
struct m_scope *m_scope_new(struct model *m, struct m_scope *parent, bool collect); /* NULL: refused */
void m_scope_add(struct model *m, struct m_scope *s, struct m_promise *p);
void m_scope_cancel(struct model *m, struct m_scope *s);
struct m_promise *m_scope_join(struct model *m, struct m_scope *s);
void m_scope_free(struct model *m, struct m_scope *s);
void m_scope_start(struct model *m, struct m_scope *s, uint32_t who, bool destroy);
void m_scope_limit(struct model *m, struct m_scope *s, size_t most);
int m_scope_deadline(struct model *m, struct m_scope *s, uint64_t ms);
size_t m_scope_running(const struct m_scope *s);
struct m_promise *m_within(struct model *m, struct m_scope *s, struct m_promise *p);
struct m_owner *m_owner_new(struct model *m);
struct m_promise *m_own(struct model *m, struct m_owner *o, struct m_promise *p);
void m_owner_free(struct model *m, struct m_owner *o);
struct m_lock *m_lock_new(struct model *m, uint64_t permits);
struct m_promise *m_acquire(struct model *m, struct m_lock *l, uint64_t permits);
struct m_value m_try(struct model *m, struct m_lock *l, uint64_t permits);
void m_lock_add(struct model *m, struct m_lock *l, uint64_t permits);
struct m_promise *m_lock_close(struct model *m, struct m_lock *l);
void m_lock_free(struct model *m, struct m_lock *l);
void m_permit_back(struct model *m, struct m_object *permit);
struct m_condition *m_condition_new(struct model *m);
struct m_promise *m_condition_wait(struct model *m, struct m_condition *c, struct m_value permit);
void m_condition_notify(struct model *m, struct m_condition *c, bool all);
void m_condition_free(struct model *m, struct m_condition *c);
struct m_flag *m_flag_new(struct model *m);
struct m_promise *m_flag_wait(struct model *m, struct m_flag *f);
void m_flag_set(struct model *m, struct m_flag *f, bool set);
void m_flag_free(struct model *m, struct m_flag *f);
struct m_promise *m_using(struct model *m, struct m_promise *p, uint32_t who, bool destroy);
struct m_promise *m_spawn(struct model *m, bool stackless, uint32_t who, bool destroy);
void m_fiber_shield(struct model *m, bool on); /* of the fiber whose turn it is */
void m_shuffle(struct model *m, uint64_t seed);
struct m_promise *m_delay(struct model *m, uint64_t ms);
struct m_promise *m_delay_until(struct model *m, uint64_t ms);
struct m_promise *m_timeout(struct model *m, struct m_promise *p, uint64_t ms, bool absolute);

void m_budget(struct model *m, size_t handlers);
size_t m_drain(struct model *m, size_t most);
long m_poll(struct model *m);
void m_advance(struct model *m, uint64_t ms);
int m_post(struct model *m, uint32_t who);
size_t m_close(struct model *m);

#endif
