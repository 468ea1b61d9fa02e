/* SPDX-License-Identifier: MIT
 *
 * file/dir.c - a directory reader on its loop: who waits for the next entry, and the jobs
 * that read some ahead (dir_walk.c).
 */
#include "vow/dir.h"

#include <errno.h>

#include "adapt/op.h"
#include "adapt/pool.h"
#include "base/mem.h"
#include "file/dir_walk.h"
#include "loop/watch.h"

enum { NO_SKIP = -1 };

/* Always true between calls on the loop's thread: while there is a job, or a stray one
 * (walk->busy), the walk is the worker's; else it is ours. */
struct vow_dir {
    struct vow__member member;
    size_t count; /* references; one is the waiter's */
    struct vow__walk *walk;
    vow_promise *job;             /* reads ahead; or NULL */
    vow_resolver *waiter;         /* of vow_dir_next, or NULL */
    struct vow__record_home home; /* of the entry given last */
    struct vow__record *back;     /* it has come back, and is the next one; or NULL */
    int64_t depth;                /* of the entry given last, when that is a directory */
    int64_t skip;                 /* what is deeper is left out */
    const char *where;
};

static void give_back(struct vow__record_home *home, struct vow__record *record)
{
    ((vow_dir *)((char *)home - offsetof(vow_dir, home)))->back = record;
}

static void loop_closes(struct vow__member *member)
{
    vow_dir *d = (vow_dir *)member;
    d->job = vow_unref(d->job);
}

vow_dir *vow_dir_open(vow_loop *loop, const char *path, unsigned flags)
{
    vow__check_loop(loop, "vow_dir_open");
    VOW_CHECK(path, "vow_dir_open: the path is NULL");
    vow_dir *d = vow__alloc_zeroed(sizeof *d);
    if (d)
        d->walk = vow__walk_new(path, flags);
    if (!d || !d->walk) {
        vow__free(d);
        errno = ENOMEM;
        return NULL;
    }
    d->count = 1;
    d->home.give_back = give_back;
    d->depth = d->skip = NO_SKIP;
    vow__member_join(&d->member, loop, loop_closes);
    return d;
}

vow_dir *vow_dir_ref(vow_dir *d)
{
    d->count++;
    return d;
}

vow_dir *vow_dir_unref(vow_dir *d)
{
    if (!d || --d->count > 0)
        return NULL;
    vow__member_leave(&d->member);
    vow__record_forget(&d->home);
    if (d->back)
        vow__record_unref(d->back);
    atomic_store(&d->walk->unwanted, true);
    vow_unref(d->job);
    vow__walk_unref(d->walk);
    vow__free(d);
    return NULL;
}

/* The walk is ours. False: nothing is there that was read ahead. */
static bool take(vow_dir *d, vow_value *ret)
{
    struct vow__ahead next = {.value = vow_none()};
    if (d->back) {
        next.value = vow__entry_value(d->back);
        d->back = NULL;
    } else {
        while (vow__walk_take(d->walk, &next) && d->skip != NO_SKIP && next.depth > d->skip)
            vow_release(next.value);
        if (vow_is_none(next.value))
            return false;
    }
    d->skip = d->depth = NO_SKIP;
    *ret = next.value;
    if (vow_is_error(next.value))
        return true;
    const vow_entry *entry = vow_entry_of(next.value);
    if (entry->kind == VOW_FILE_DIRECTORY)
        d->depth = entry->depth;
    vow__record_sent(&d->home, next.value.as.p);
    return true;
}

static void settle(vow_dir *d, vow_value outcome)
{
    vow_resolver *waiter = d->waiter;
    d->waiter = NULL;
    vow_resolve(waiter, outcome);
}

static void read_ahead(vow_dir *d);

/* Some were read, or there is no more, or no memory for the job. */
static vow_value on_read(vow_value v, void *data)
{
    vow_dir *d = data;
    vow_value next;
    d->job = vow_unref(d->job);
    if (!d->waiter)
        return vow_none();
    if (vow_is_error(v))
        settle(d, vow_keep(v));
    else if (take(d, &next))
        settle(d, next);
    else if (d->walk->ended)
        settle(d, vow_none());
    else
        read_ahead(d); /* all was left out */
    return vow_none();
}

static vow_value work(void *walk)
{
    vow__walk_read(walk);
    return vow_none();
}

static void work_ended(void *data)
{
    struct vow__walk *walk = data;
    atomic_store(&walk->busy, false);
    vow__walk_unref(walk);
}

/* For the waiter. */
static void read_ahead(vow_dir *d)
{
    vow_loop *loop = d->member.loop;
    if (d->skip != NO_SKIP)
        vow__walk_leave(d->walk, (size_t)d->skip + 1);
    d->walk->where = d->where;
    atomic_store(&d->walk->busy, true);
    vow_promise *p =
        vow_work_at(loop, vow__pool_files(), work, vow__walk_ref(d->walk), work_ended, d->where);
    d->job = vow_handle_at(p, on_read, d, NULL, d->where);
    if (!vow__settled(d->job))
        return;
    vow_mark_handled(d->job); /* no memory for it; what runs already runs out */
    d->job = vow_unref(d->job);
    settle(d, vow__fail_ready(ENOMEM));
}

static void stop(void *data) { ((vow_dir *)data)->waiter = NULL; }

static void let_go(void *data) { vow_dir_unref(data); }

vow_promise *vow_dir_next_at(vow_dir *d, const char *where)
{
    vow_loop *loop = d->member.loop;
    VOW_CHECK(loop, "vow_dir_next at %s: the reader's loop is freed", where);
    vow_promise *p = vow__refused(loop, where);
    vow_value next;
    if (p)
        return p;
    bool is_ours = !d->job && !atomic_load(&d->walk->busy);
    if (d->waiter || (!d->job && !is_ours))
        return vow__op_failed(loop, EBUSY, "the next entry is being waited for", where);
    if (is_ours && take(d, &next))
        return vow_resolved_at(loop, next, where);
    if (is_ours && d->walk->ended)
        return vow_resolved_at(loop, vow_none(), where);
    vow_resolver *waiter = vow__op_begin(loop, vow_dir_ref(d), stop, let_go, where, &p);
    if (!waiter)
        return p;
    d->waiter = waiter;
    d->where = where;
    if (is_ours)
        read_ahead(d);
    return p;
}

void vow_dir_skip(vow_dir *d)
{
    if (d->depth != NO_SKIP)
        d->skip = d->depth;
}
