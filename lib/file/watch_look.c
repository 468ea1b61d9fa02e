/* SPDX-License-Identifier: MIT
 *
 * file/watch_look.c - the looks through trees: one after the other in the pool, and what they
 * have found is told.
 */
#include <errno.h>
#include <string.h>

#include "adapt/op.h"
#include "adapt/pool.h"
#include "file/watch_scan.h"
#include "value/error.h"

static void append(struct vow__scan **list, struct vow__scan *s)
{
    while (*list)
        list = &(*list)->next;
    *list = s;
    s->next = NULL;
}

/* There may be more of it later. */
static bool is_shortage(vow_value error)
{
    if (vow_is_none(error) || vow_error_domain(vow_as_error(error)) != vow_errno_domain())
        return false;
    int code = vow_error_code(vow_as_error(error));
    return code == ENOMEM || code == EMFILE || code == ENFILE || code == EAGAIN;
}

/* Takes error, which is none if all is well. */
static void finish(vow_watch *w, vow_value error)
{
    struct vow__scan *s = w->scans;
    w->scans = s->next;
    s->error = error;
    if (w->fd < 0 && vow_is_none(error))
        s->error = vow__fail_ready(VOW_EFORK);
    else if (w->fd >= 0)
        vow__tree_take_over(w, s);
    bool failed = !vow_is_none(s->error), ended = s->discarded || (s->is_add && failed);
    vow_resolver *resolver = s->resolver;
    s->resolver = NULL;
    if (resolver) {
        vow_resolve(resolver, failed ? s->error : vow_int(s->root->id));
        s->error = vow_none();
    }
    s->again = is_shortage(s->error);
    if (ended)
        vow__scan_unref(s);
    else
        append(&w->listed, s);
}

static void start_next(vow_watch *w);

static vow_value on_done(vow_value v, void *data)
{
    struct vow__scan *s = data;
    s->job = vow_unref(s->job);
    if (atomic_load(&s->busy)) { /* the loop closes, or this is a forked child: it ends here */
        vow_resolver *resolver = s->resolver;
        s->resolver = NULL;
        if (resolver)
            vow_resolve(resolver, vow_keep(v));
        return vow_none();
    }
    vow_watch *w = vow_watch_ref(s->watch);
    finish(w, vow_is_error(v) ? vow_keep(v) : vow_none());
    start_next(w);
    vow__watch_settle(w);
    vow_watch_unref(w);
    return vow_none();
}

static void work_ended(void *data)
{
    struct vow__scan *s = data;
    atomic_store(&s->busy, false);
    vow__scan_unref(s);
}

/* The handler comes first: what has begun is heard of. False: no memory. */
static bool start(vow_watch *w, struct vow__scan *s)
{
    vow_loop *loop = w->member.loop;
    vow_resolver *resolver;
    vow_promise *p = vow_promise_new_at(loop, &resolver, s->where);
    vow_mark_handled(p); /* what it comes to is not missed when the watch is gone */
    if (!vow__settled(p))
        p = vow_handle_at(p, on_done, s, NULL, s->where);
    if (vow__settled(p)) {
        vow_mark_handled(p);
        vow_unref(p);
        vow_resolver_abandon(resolver);
        return false;
    }
    s->fd = w->fd;
    s->job = p;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed); /* the list has one */
    atomic_store(&s->busy, true);
    p = vow_work_at(loop, vow__pool_files(), vow__scan_run, s, work_ended, s->where);
    vow_mark_handled(p);
    vow_resolve(resolver, vow_promise_value(p));
    return true;
}

static void start_next(vow_watch *w)
{
    while (w->scans && !w->scans->job && !atomic_load(&w->scans->busy) && !start(w, w->scans))
        finish(w, vow__fail_ready(ENOMEM));
}

void vow__looks_begin(vow_watch *w, struct vow__scan *list)
{
    while (list) {
        struct vow__scan *s = list;
        list = s->next;
        append(&w->scans, s);
    }
    start_next(w);
}

/* Adding. */

static void nobody_wants_it(void *data)
{
    struct vow__scan *s = data;
    s->resolver = NULL;
    atomic_store(&s->unwanted, true);
}

static void let_go(void *data)
{
    vow_watch *w = ((struct vow__scan *)data)->watch;
    vow__scan_unref(data);
    vow_watch_unref(w);
}

vow_promise *vow__looks_add(vow_watch *w, const char *path, int what, const char *where)
{
    vow_loop *loop = w->member.loop;
    vow_promise *p;
    struct vow__scan *s = vow__scan_new(w, path, what);
    if (!s)
        return vow__op_no_memory(loop);
    s->is_add = true;
    s->where = where;
    vow_watch_ref(w);
    vow_resolver *resolver = vow__op_begin(loop, s, nobody_wants_it, let_go, where, &p);
    if (!resolver)
        return p;
    s->resolver = resolver;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    vow__looks_begin(w, s);
    return p;
}

void vow__looks_forget_root(vow_watch *w, const struct vow__watched *root)
{
    for (struct vow__scan *s = w->scans; s; s = s->next)
        s->discarded |= s->root == root;
    for (struct vow__scan **at = &w->listed; *at;) {
        struct vow__scan *s = *at;
        if (s->root == root) {
            *at = s->next;
            vow__scan_unref(s);
        } else {
            at = &s->next;
        }
    }
}

void vow__looks_close(vow_watch *w)
{
    for (struct vow__scan *s = w->scans; s; s = s->next)
        s->job = vow_unref(s->job);
}

void vow__looks_end(vow_watch *w)
{
    for (struct vow__scan *s = w->scans; s; s = s->next)
        atomic_store(&s->unwanted, true);
    if (w->scans && atomic_load(&w->scans->busy)) {
        w->scans->owns_fd = true;
        w->fd = -1;
    }
    vow__looks_close(w);
    vow__scans_forget(&w->scans);
    vow__scans_forget(&w->listed);
    vow__scans_forget(&w->told);
}

/* Telling what was found. */

/* False: there is none (any more). */
static bool tell_found(vow_watch *w, struct vow__scan *s, vow_value *ret)
{
    for (; s->at_folder < s->count; s->at_folder++, s->at_name = 0) {
        struct vow__folder *f = &s->folders[s->at_folder];
        const struct vow__watched *node = f->is_new ? vow__watched_find(w, f->id) : NULL;
        if (!vow_is_none(f->error)) {
            *ret = f->error;
            f->error = vow_none();
            return true;
        }
        if (!node || !(node->root->what & VOW_WATCH_CREATED) || s->at_name == f->count)
            continue;
        const struct vow__found *found = f->names[s->at_name];
        struct vow__record *c =
            vow__change_new(w, &(struct vow__news){.what = VOW_WATCH_CREATED,
                                                   .folder = node,
                                                   .name = found->text,
                                                   .is_directory = found->is_folder});
        s->at_name += c ? 1 : 0;
        *ret = vow__change_value(c);
        return true;
    }
    return false;
}

/* Events of before it was looked through will say it again. */
static void keep_told(vow_watch *w, struct vow__scan *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct vow__folder *f = &s->folders[i];
        struct vow__watched *node = f->is_new ? vow__watched_find(w, f->id) : NULL;
        if (node)
            node->told = f;
    }
    s->next = w->told;
    w->told = s;
}

void vow__looks_forget_told(vow_watch *w)
{
    for (struct vow__scan *s = w->told; s; s = s->next)
        for (size_t i = 0; i < s->count; i++) {
            struct vow__watched *node = vow__watched_find(w, s->folders[i].id);
            if (node)
                node->told = NULL;
        }
    vow__scans_forget(&w->told);
}

bool vow__looks_take(vow_watch *w, vow_value *ret)
{
    while (w->listed) {
        struct vow__scan *s = w->listed;
        if (tell_found(w, s, ret))
            return true;
        if (!vow_is_none(s->error)) {
            *ret = s->error;
            s->error = vow_none();
            return true;
        }
        w->listed = s->next;
        if (s->again) {
            vow__scan_forget_found(s);
            append(&w->scans, s);
            start_next(w);
        } else {
            keep_told(w, s);
        }
    }
    return false;
}

#ifdef VOW__LINUX
#include <sys/inotify.h>

static struct vow__found *find_told(const vow_watch *w, int id, const char *name)
{
    const struct vow__watched *node = vow__watched_find(w, id);
    const struct vow__folder *f = node ? node->told : NULL;
    size_t low = 0, high = f ? f->count : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(f->names[middle]->text, name);
        if (order == 0)
            return f->names[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool vow__looks_told(vow_watch *w, const struct inotify_event *e)
{
    enum { APPEARS = IN_CREATE | IN_MOVED_TO };
    if (!e->len || !(e->mask & (APPEARS | IN_DELETE | IN_MOVED_FROM)))
        return false;
    struct vow__found *found = find_told(w, e->wd, e->name);
    if (!found || found->over)
        return false;
    found->over = true;
    return e->mask & APPEARS;
}
#endif
