/* SPDX-License-Identifier: MIT
 *
 * side_vow_tasks.c - vow's fibers, tasks, channels, scopes and owners as a side of the world
 * has them.
 */
#include <stdlib.h>

#include "scope/scope.h"

#include "side_vow.h"
#include "vow/async.h"
#include "vow/test.h"

static void *channel(struct world *w, size_t capacity)
{
    return vow_channel_new(w->loop, capacity);
}
static void *send_to(struct world *w, void *ch, union any v)
{
    (void)w;
    vow_promise *p = vow_channel_send(ch, v.vow);
    remember_source(p);
    return p;
}
static void *receive_from(struct world *w, void *ch)
{
    (void)w;
    vow_promise *p = vow_channel_receive(ch);
    remember_source(p);
    return p;
}
static union any drain_channel(struct world *w, void *ch)
{
    (void)w;
    return (union any){.vow = vow_channel_drain(ch)};
}
static void close_channel(struct world *w, void *ch)
{
    (void)w;
    vow_channel_close(ch);
}
static void free_channel(struct world *w, void *ch)
{
    (void)w;
    vow_channel_unref(ch);
}

static void *select_from(struct world *w, size_t n, const struct side_case *from)
{
    (void)w;
    vow_channel_case cases[3];
    for (size_t i = 0; i < n; i++)
        cases[i] = (vow_channel_case){from[i].channel, from[i].send, from[i].value.vow};
    vow_promise *p = vow_channel_select(n, cases);
    remember_source(p);
    for (size_t i = 0; i < n; i++)
        if (!vow_is_none(cases[i].value))
            interpreter_failed("a select left a value in its cases");
    return p;
}

static void *scope(struct world *w, void *parent, bool collect)
{
    vow_scope_kind kind = collect ? VOW_COLLECT : VOW_FAIL_FAST;
    return parent ? vow_scope_new_in(parent, kind) : vow_scope_new(w->loop, kind);
}
static void add(struct world *w, void *s, void *p)
{
    (void)w;
    vow_scope_add(s, p);
}
static void cancel_scope(struct world *w, void *s)
{
    (void)w;
    vow_scope_cancel(s);
}
static void *join(struct world *w, void *s)
{
    (void)w;
    return vow_scope_join(s);
}
static void free_scope(struct world *w, void *s)
{
    (void)w;
    vow_scope_free(s);
}
static vow_value on_start(void *data)
{
    return world_call(here, M_ON_STEP, as_who(data), (union any){.vow = vow_none()}).vow;
}
static void start(struct world *w, void *s, uint32_t who, bool destroy)
{
    (void)w;
    vow_scope_start_with(s, on_start, as_data(who), destroy ? destroyed : NULL);
}
static void limit(struct world *w, void *s, size_t most)
{
    (void)w;
    vow_scope_limit(s, most);
}
static int deadline(struct world *w, void *s, uint64_t ms)
{
    int code = vow_scope_deadline(s, ms);
    remember_timers(w->loop, NULL);
    return code;
}
static bool is_over(void *s) { return vow_scope_is_over(s); }
static size_t running(void *s) { return vow_scope_running(s); }
static void *within(struct world *w, void *s, void *p)
{
    (void)w;
    return vow_within(s, p);
}

static void *owner(struct world *w) { return vow_owner_new(w->loop); }
static void *own(struct world *w, void *o, void *p)
{
    (void)w;
    return vow_own(o, p);
}
static void free_owner(struct world *w, void *o)
{
    (void)w;
    vow_owner_free(o);
}

/* Before the loop may close, as with timers: a cancelled join makes its own promise. */
void remember_joiners(const struct world *w)
{
    for (unsigned i = 0; i < SCOPES; i++) {
        const vow_scope *s = w->scopes[i];
        size_t n = 0;
        for (const struct vow__waiter *j = s ? s->joiners.first : NULL; j; j = j->next) {
            if (n == MOST_JOINERS)
                interpreter_failed("more joins than there is room for");
            places.joiners[i][n++] = (uintptr_t)j->resolver;
        }
    }
}

/* A task; the one whose turn it is, or NULL: a fiber's. */
struct job {
    vow_task task;
    uint32_t who;
    unsigned turn;
    bool destroy;
    enum m_went went;
    union any out;
};
static struct job *job_here;

static enum m_went turn(struct job *job, uint32_t who, unsigned n, vow_value in, union any *out)
{
    struct job *before = job_here;
    job_here = job;
    enum m_went went = world_turn(here, who, n, (union any){.vow = in}, out);
    job_here = before;
    return went;
}

/* Each wait is one turn's end. */
static vow_value fiber(void *data)
{
    vow_value in = vow_none();
    for (unsigned n = 0;; n++) {
        union any out;
        enum m_went went = turn(NULL, as_who(data), n, in, &out);
        vow_release(in);
        if (went == M_ENDS)
            return out.vow;
        if (went == M_YIELDS)
            in = vow_v(vow_yield());
        else if ((vow_await(out.vow.as.p, &in) != 0) != vow_is_error(in))
            interpreter_failed("vow_await gave a code and no error, or an error and no code");
    }
}
static void run_turn(struct job *job, vow_value in)
{
    job->went = turn(job, job->who, job->turn++, in, &job->out);
}
static vow_value run_job(vow_task *task)
{
    struct job *job = (struct job *)task;
    VOW_TASK_BEGIN(task);
    run_turn(job, vow_none());
    while (job->went != M_ENDS) {
        if (job->went == M_YIELDS) {
            VOW_YIELD(task);
            run_turn(job, vow_v(task->code));
        } else {
            VOW_AWAIT(task, job->out.vow.as.p);
            run_turn(job, task->value);
        }
    }
    VOW_TASK_END(job->out.vow);
}
static void job_destroyed(void *data)
{
    struct job job = *(struct job *)data;
    free(data);
    if (job.destroy)
        world_destroyed(here, job.who);
}
static void *spawn(struct world *w, bool stackless, uint32_t who, bool destroy)
{
    if (!stackless)
        return vow_spawn(w->loop, fiber, as_data(who), destroy ? destroyed : NULL);
    struct job *job = calloc(1, sizeof *job);
    job->who = who;
    job->destroy = destroy;
    return vow_task_start(w->loop, run_job, &job->task, job_destroyed);
}
static void shield(struct world *w, bool on)
{
    (void)w;
    if (job_here)
        vow_task_shield(&job_here->task, on);
    else if (on)
        vow_fiber_shield();
    else
        vow_fiber_unshield();
}
static void shuffle(struct world *w, uint64_t seed) { vow_test_shuffle(w->loop, seed); }

const struct side_tasks vow_tasks = {
    .channel = channel,
    .send = send_to,
    .receive = receive_from,
    .drain_channel = drain_channel,
    .close_channel = close_channel,
    .free_channel = free_channel,
    .select = select_from,
    .scope = scope,
    .add = add,
    .cancel_scope = cancel_scope,
    .join = join,
    .free_scope = free_scope,
    .start = start,
    .limit = limit,
    .deadline = deadline,
    .is_over = is_over,
    .running = running,
    .within = within,
    .owner = owner,
    .own = own,
    .free_owner = free_owner,
    .spawn = spawn,
    .shield = shield,
    .shuffle = shuffle,
};
