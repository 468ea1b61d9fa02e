/* SPDX-License-Identifier: MIT
 *
 * world.h - a program running on one side: vow or the model. Both have the same slots for
 * handles and resolvers, take the same decisions, and write down what happens to them.
 */
#ifndef VOW_TESTS_WORLD_H
#define VOW_TESTS_WORLD_H

#include "model.h"
#include "program.h"
#include "vow.h"

union any {
    vow_value vow;
    struct m_value model;
};

struct text {
    char at[120];
    size_t used; /* of what would be needed */
    uint64_t hash;
};
void text_add(struct text *text, const char *s);
void text_number(struct text *text, uint64_t number);

struct world;
struct lock;
struct counts {
    size_t live, handles, pending, timers;
    uint64_t handlers, unhandled;
};

/* The operations of one side. Handles, resolvers, channels and scopes are vow's or the model's. */
struct side_values {
    union any (*number)(int number);
    union any (*simple)(enum m_type type); /* M_NONE, M_SAME, M_AGAIN */
    union any (*error)(struct world *w, int code);
    union any (*payload)(struct world *w, union any v);
    union any (*wrapped)(struct world *w, union any error, int code);
    union any (*box)(struct world *w, enum m_type type, uint32_t who);
    union any (*promise)(void *p);
    union any (*array)(struct world *w, union any a, union any b);
    union any (*keep)(union any v);
    bool (*is_error)(union any v);
    void (*describe)(struct text *text, union any v);
};
struct side_case {
    void *channel;
    bool send;
    union any value;
};
struct side_tasks {
    void *(*channel)(struct world *w, size_t capacity);
    void *(*send)(struct world *w, void *ch, union any v);
    void *(*receive)(struct world *w, void *ch);
    union any (*drain_channel)(struct world *w, void *ch);
    void (*close_channel)(struct world *w, void *ch);
    void (*free_channel)(struct world *w, void *ch);
    void *(*select)(struct world *w, size_t n, const struct side_case *cases);
    void *(*scope)(struct world *w, void *parent, bool collect); /* NULL: the loop is closed */
    void (*add)(struct world *w, void *s, void *p);
    void (*cancel_scope)(struct world *w, void *s);
    void *(*join)(struct world *w, void *s);
    void (*free_scope)(struct world *w, void *s);
    void (*start)(struct world *w, void *s, uint32_t who, bool destroy);
    void (*limit)(struct world *w, void *s, size_t most);
    int (*deadline)(struct world *w, void *s, uint64_t ms);
    bool (*is_over)(void *s);
    size_t (*running)(void *s);
    void *(*within)(struct world *w, void *s, void *p);
    void *(*owner)(struct world *w);
    void *(*own)(struct world *w, void *owner, void *p);
    void (*free_owner)(struct world *w, void *owner);
    void *(*spawn)(struct world *w, bool stackless, uint32_t who, bool destroy);
    void (*shield)(struct world *w, bool on); /* of the fiber or task whose turn it is */
    void (*shuffle)(struct world *w, uint64_t seed);
};
/* Kinds of locks; the same three functions serve all. */
enum lock_kind { SEMAPHORE, MUTEX, RWLOCK };
struct side_locks {
    void *(*lock)(struct world *w, enum lock_kind kind, uint64_t permits);
    void *(*acquire)(struct world *w, struct lock *l, unsigned n); /* of a RWLOCK: odd writes */
    union any (*try_acquire)(struct world *w, struct lock *l, unsigned n);
    void (*free_lock)(struct world *w, struct lock *l);
    void (*add)(struct world *w, void *semaphore, unsigned n);
    void *(*close)(struct world *w, void *semaphore);
    uint64_t (*available)(void *semaphore);
    bool (*has_permit)(const struct world *w, void *p); /* fulfilled with one that was not given back */
    void (*release)(struct world *w, void *p);
    void *(*condition)(struct world *w);
    void *(*wait)(struct world *w, void *condition, void *p); /* p has a permit, or is NULL */
    void (*notify)(struct world *w, void *condition, bool all);
    void (*free_condition)(struct world *w, void *condition);
    void *(*flag)(struct world *w);
    void *(*wait_flag)(struct world *w, void *flag);
    void (*set_flag)(struct world *w, void *flag, bool set);
    void (*free_flag)(struct world *w, void *flag);
    void *(*using)(struct world *w, void *p, uint32_t who, bool destroy);
};
struct side {
    void (*begin)(struct world *w);
    void (*end)(struct world *w);
    const struct side_values *values;
    const struct side_tasks *tasks;
    const struct side_locks *locks;
    void *(*pending)(struct world *w, void **resolver);
    void *(*resolved)(struct world *w, union any v);
    void (*on_stop)(struct world *w, void *r, bool stop, bool destroy, uint32_t who);
    void (*resolve)(struct world *w, void *r, union any v);
    void (*reject)(struct world *w, void *r, union any error);
    void (*resolver_drop)(struct world *w, void *r);
    void (*resolver_abandon)(struct world *w, void *r);
    bool (*is_wanted)(void *r);
    void *(*then)(struct world *w, void *p, enum m_role role, uint32_t who, bool destroy);
    void *(*ref)(void *p);
    void (*unref)(struct world *w, void *p);
    void (*cancel)(struct world *w, void *p);
    void (*mark_handled)(struct world *w, void *p);
    void *(*attach)(struct world *w, void *p, uint32_t who);
    bool (*can_attach)(struct world *w, void *p);
    void *(*context)(struct world *w, void *p);
    void *(*shield)(struct world *w, void *p);
    void (*detach)(struct world *w, void *p, bool on_error, uint32_t who, bool destroy);
    void *(*combine)(struct world *w, enum m_policy policy, size_t n, void **inputs);
    void *(*repeat)(struct world *w, enum m_policy policy, size_t n, size_t limit, uint32_t who,
                    bool destroy);
    void *(*delay)(struct world *w, uint64_t ms);
    void *(*timeout)(struct world *w, void *p, uint64_t ms, bool absolute);
    void (*budget)(struct world *w, size_t handlers);
    size_t (*drain)(struct world *w, size_t most);
    long (*poll)(struct world *w);
    void (*advance)(struct world *w, uint64_t ms);
    int (*post)(struct world *w, uint32_t who);
    size_t (*close)(struct world *w);
    void (*outcome)(const struct world *w, struct text *text, void *p);
    struct counts (*counts)(struct world *w);
};
extern const struct side vow_side, model_side;

enum {
    SLOTS = 12,
    CHANNELS = 3,
    SCOPES = 4,
    OWNERS = 2,
    LOCKS = 3, /* as many conditions and flags */
    MOST_JOINERS = 2000,
    MOST_EVENTS = 3000,
    MOST_SERIALS = 20000
};
struct lock {
    enum lock_kind kind;
    void *l;
};
struct world {
    const struct side *side;
    const struct program *program;
    void *loop; /* a vow_loop or a model */
    void *handles[SLOTS];
    struct {
        void *r;
        uint32_t who;
    } resolvers[SLOTS];
    void *channels[CHANNELS], *scopes[SCOPES], *owners[OWNERS];
    struct lock locks[LOCKS];
    void *conditions[LOCKS], *flags[LOCKS];
    uint32_t serials;
    unsigned calls, depth;
    bool quiet; /* functions do nothing any more and give plain values */
    long owed;  /* destroys to come */
    bool owes[MOST_SERIALS];
    struct text events[MOST_EVENTS]; /* since the last comparison */
    size_t event_count;
    uint64_t steps; /* operations done, nested ones too */
};

void world_begin(struct world *w, const struct side *side, const struct program *program);
void world_do(struct world *w, const struct op *op);
void world_do_task(struct world *w, const struct op *op);
void world_do_lock(struct world *w, const struct op *op);
void world_let_go(struct world *w); /* of everything it holds */
void world_end(struct world *w);

/* What the sides call. */
union any world_call(struct world *w, enum m_role role, uint32_t who, union any in);
/* One turn of a fiber: *out is what it gives, or waits for. */
enum m_went world_turn(struct world *w, uint32_t who, unsigned turn, union any in, union any *out);
void world_destroyed(struct world *w, uint32_t who);
void world_discarded(struct world *w, uint32_t who); /* the loop is closing */
void world_stopped(struct world *w, uint32_t who, void *resolver);
void world_unhandled(struct world *w, union any error, bool late);
void world_lost(struct world *w, uint32_t who, union any error);
void world_posted(struct world *w, uint32_t who);
void world_then(struct world *w, uint32_t who, void *resolver);

/* When it closes, vow rejects pending promises in an order that nothing promises: that of
 * their addresses. What vow did is told to the model: where the sources lie, in the order in
 * which they were made, where that of the n-th timer lies, and those of who waits in each scope,
 * in their order. */
struct places {
    uintptr_t sources[MOST_SERIALS], timers[MOST_SERIALS];
    uintptr_t joiners[SCOPES][MOST_JOINERS];
    size_t told, asked;
};
extern struct places places;

/* Between the world's own files. A word for a function (`who`) is a number, two bits more,
 * and a behaviour. */
struct text *world_event(struct world *w, const char *what, uint32_t who);
uint32_t world_new_who(struct world *w, unsigned extra, unsigned behaviour);
void world_owe(struct world *w, uint32_t who);
void **world_find_handle(struct world *w, unsigned a);
void *world_take_handle(struct world *w, unsigned a);
void world_keep_handle(struct world *w, void *p);
void *world_take_resolver(struct world *w, unsigned a);
void *world_new_pending(struct world *w, unsigned hooks, unsigned behaviour);
const struct behaviour *world_behaviour(struct world *w, uint32_t who);
void world_act(struct world *w, uint32_t who); /* its operation, if there may be more */
union any world_make(struct world *w, unsigned gift, unsigned with, const union any *in);
union any world_make_error(struct world *w, unsigned gift, unsigned with);

/* interpreter.c: runs the program on both sides. NULL, or what was different. */
const char *interpret(const struct program *program, bool verbose);
extern uint64_t interpreted_steps;
/* The program goes on nowhere from here. */
VOW_NORETURN VOW_FORMAT(1, 2) void interpreter_failed(const char *format, ...);

#endif
