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
enum m_type { M_NONE, M_INT, M_SAME, M_AGAIN, M_END, M_PROMISE, M_BOX, M_THENABLE, M_ARRAY, M_ERROR };
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
struct m_object {
    long refs; /* 0: immortal */
    enum m_type type;
    uint32_t who;             /* M_BOX, M_THENABLE */
    int code;                 /* M_ERROR */
    struct m_value cause;     /* M_ERROR: an error or none */
    struct m_value payload;   /* M_ERROR */
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
    bool closed;
    struct m_values ring;
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

/* Between the model's own files. */
void m_push(struct m_list *list, struct m_promise *p);
void m_insert(struct m_list *list, size_t at, struct m_promise *p);
size_t m_find(const struct m_list *list, const struct m_promise *p);
void m_remove(struct m_list *list, const struct m_promise *p);
struct m_promise *m_make(struct model *m, enum m_kind kind);
void m_free(struct model *m, struct m_promise *p);
bool m_settled(const struct m_promise *p);
bool m_derived(const struct m_promise *p);
bool m_wanted(const struct m_promise *p);
bool m_only_wanter(const struct m_promise *s, const struct m_promise *c);
void m_wake(struct model *m);
void m_enqueue(struct model *m, struct m_promise *p);
void m_settle(struct model *m, struct m_promise *p, struct m_value outcome);
void m_resolve_with(struct model *m, struct m_promise *p, struct m_value v);
struct m_value m_take_outcome(struct m_promise *s);
int m_cannot_wait(struct model *m, struct m_promise *c, struct m_promise *q);
void m_wait_for(struct model *m, struct m_promise *c, struct m_promise *s);
struct m_promise *m_derive(struct model *m, struct m_promise *p, enum m_kind kind);
struct m_promise *m_refuse(struct model *m, struct m_promise *p, bool destroy, uint32_t who);
struct m_promise *m_leave_source(struct model *m, struct m_promise *c);
void m_drop(struct model *m, struct m_promise *p);
void m_drop_if_unwanted(struct model *m, struct m_promise *p);
void m_drop_pinned(struct model *m, struct m_promise *p);
void m_drop_parked(struct model *m);
void m_cancel_inside(struct model *m, struct m_promise *p);
void m_splice_follower(struct model *m, struct m_promise *p);
void m_now_handled(struct model *m, struct m_promise *p);
void m_unseen_if_left(struct model *m, struct m_promise *s);
void m_report_error(struct model *m, struct m_value error);
void m_report_unseen(struct model *m);
void m_stop_source(struct model *m, struct m_promise *p, struct m_value error);
void m_user_begin(struct model *m, struct m_promise *p);
bool m_user_end(struct model *m, struct m_promise *p);
void m_element_settled(struct model *m, struct m_promise *e, struct m_promise *input);
void m_decide(struct model *m, struct m_promise *c, struct m_value result);
void m_set_result(struct model *m, struct m_promise *c, struct m_value result);
void m_let_go(struct model *m, struct m_promise *c, struct m_promise *e);
void m_deliver(struct model *m, struct m_promise *c);
void m_cancel_losers(struct model *m, struct m_promise *c);
void m_release_state(struct model *m, struct m_promise *c);
void m_append(struct m_values *values, struct m_value v);
void m_leave_channel(struct model *m, struct m_promise *p);
void m_free_channels(struct model *m);
bool m_add_input(struct model *m, struct m_promise *c, struct m_promise *input, uint64_t index);
void m_scope_input(struct model *m, struct m_promise *c, uint64_t index, struct m_value outcome);
void m_scope_last(struct model *m, struct m_promise *c);
void m_scope_end(struct model *m, struct m_scope *s, struct m_value why);
void m_scope_failed(struct model *m, struct m_scope *s, struct m_value error);
void m_scope_start_some(struct model *m, struct m_scope *s);
void m_scope_starter_came(struct model *m, struct m_scope *s);
void m_scope_drop_starts(struct model *m, struct m_scope *s);
void m_scope_look(struct model *m, struct m_scope *s);
void m_call_joiners(struct model *m, struct m_scope *s, struct m_value v);
void m_leave_joiners(struct model *m, struct m_promise *p);
void m_scope_unref(struct model *m, struct m_scope *s);
struct m_promise *m_scope_step(struct model *m, struct m_scope *s, struct m_promise *p,
                               enum m_kind kind, enum m_step step);
struct m_value m_step(struct model *m, struct m_promise *c, struct m_value in);
struct m_promise *m_tie(struct model *m, struct m_list *ties, struct m_promise *p);
void m_end_ties(struct model *m, struct m_list *ties, struct m_value error, bool drop);
void m_destroy_attached(struct model *m, const struct m_promise *c);
void m_free_scopes(struct model *m);
void m_fiber_goes_on(struct model *m, struct m_promise *c, struct m_value in);
void m_drop_fiber(struct model *m, struct m_promise *c);
void m_finish(struct model *m);
size_t m_serve(struct model *m, size_t most);
size_t m_handles(const struct model *m);
size_t m_pending(const struct model *m);

#endif
