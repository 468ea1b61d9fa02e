/* SPDX-License-Identifier: MIT
 *
 * file/watch_tree.c - which folders belong to a tree: those that a look through it has found,
 * less what events say of them. While a look is under way no event is read, so that they come
 * one after the other: what was found belongs to the tree before the next event does.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "file/watch_scan.h"
#include "value/error.h"

/* What has come of a look. */

/* An add's: what the others belong to. */
static void find_root(vow_watch *w, struct vow__scan *s)
{
    struct vow__folder *top = s->count > 0 ? s->folders : NULL;
    struct vow__watched *known = top ? vow__watched_find(w, top->id) : NULL;
    if (known && known->above && vow_is_none(s->error))
        s->error = vow__watched_failed(s->path, EEXIST, s->where);
    s->discarded = !vow_is_none(s->error) || !s->resolver;
    if (s->discarded)
        return;
    s->root = known ? known : top->node;
    s->root->what = s->what;
}

/* A folder of this tree's, perhaps not where it was. */
static void move_to(struct vow__watched *known, struct vow__watched *above, char **name)
{
    if (!above || vow__watched_is_in(above, known)) /* it is mounted in itself */
        return;
    char *before = known->name;
    vow__watched_move(known, above);
    known->name = *name;
    *name = before;
}

static void keep_last_part(char *path)
{
    const char *name = strrchr(path, '/') + 1;
    memmove(path, name, strlen(name) + 1);
}

/* What the folder is from now on; NULL: nothing. */
static struct vow__watched *take_over(vow_watch *w, struct vow__scan *s, size_t i)
{
    struct vow__folder *f = &s->folders[i];
    if (f->id < 0)
        return NULL;
    struct vow__watched *above = i > 0 ? s->folders[f->above].known : s->above;
    struct vow__watched *node = f->node, *known = vow__watched_find(w, f->id);
    bool is_root = i == 0 && !s->above, wanted = !s->discarded && !f->half;
    if (i == 0 && !is_root)
        keep_last_part(node->name);
    if (is_root ? known && known != s->root : !above)
        wanted = false; /* something else is there by now; another id's are above it */
    if (!known && wanted && (!is_root || s->is_add)) {
        f->node = NULL;
        f->is_new = true;
        node->above = above;
        node->root = s->root;
        vow__watched_insert(w, node);
        return node;
    }
    if (!known)
        vow__unwatch(w, f->id);
    if (!known || !wanted || known->root != s->root)
        return NULL;
    if (known != s->root)
        move_to(known, above, &node->name);
    return known;
}

void vow__tree_take_over(vow_watch *w, struct vow__scan *s)
{
    if (!vow__watched_reserve(w, s->count)) {
        vow_release(s->error);
        s->error = vow__fail_ready(ENOMEM);
        if (!s->is_add) { /* the next look finds them again */
            vow__scan_forget_found(s);
            return;
        }
    }
    if (s->is_add)
        find_root(w, s);
    w->marks++;
    for (size_t i = 0; i < s->count; i++) {
        struct vow__watched *known = take_over(w, s, i);
        s->folders[i].known = known;
        if (known)
            known->mark = w->marks;
    }
    if (s->sweeps && vow_is_none(s->error) && s->count > 0 && s->folders[0].known)
        vow__watched_forget_unmarked(w, s->root, w->marks);
}

#ifdef VOW__LINUX
#include <sys/inotify.h>

/* Events. */

static struct vow__scan *look_later(vow_watch *w, struct vow__watched *root, const char *path)
{
    struct vow__scan *s = vow__scan_new(w, path, root->what);
    if (!s)
        return NULL;
    s->root = root;
    return s;
}

/* What was lost may have been folders. */
static bool prepare_sweeps(vow_watch *w, struct vow__growth *ret)
{
    for (size_t i = 0; i < w->paths_count; i++) {
        struct vow__watched *root = w->paths[i];
        if (root->above || !vow__is_tree(root))
            continue;
        struct vow__scan *s = look_later(w, root, root->name);
        if (!s)
            return false;
        s->sweeps = true;
        s->next = ret->scans;
        ret->scans = s;
    }
    return true;
}

/* Also after a move: it may be another one by now that has this name. */
static bool prepare_look(vow_watch *w, struct vow__watched *folder, const char *name,
                         struct vow__growth *ret)
{
    char *path = vow__alloc(vow__watched_size(folder, name));
    if (!path)
        return false;
    vow__watched_write(folder, name, path);
    struct vow__scan *s = look_later(w, folder->root, path);
    vow__free(path);
    if (!s)
        return false;
    s->above = folder;
    ret->scans = s;
    return true;
}

bool vow__tree_prepare(vow_watch *w, const struct inotify_event *e, const struct inotify_event *to,
                       struct vow__growth *ret)
{
    const struct inotify_event *now = to ? to : e;
    bool appears = now->mask & IN_ISDIR && now->mask & (IN_CREATE | IN_MOVED_TO);
    struct vow__watched *folder = appears ? vow__watched_find(w, now->wd) : NULL;
    bool done = true;
    if (e->mask & IN_Q_OVERFLOW)
        done = prepare_sweeps(w, ret);
    else if (folder && vow__is_tree(folder))
        done = prepare_look(w, folder, now->name, ret) &&
               (!to || (ret->name = vow__copy_text(now->name)));
    if (!done)
        vow__tree_unprepare(ret);
    return done;
}

static void move(vow_watch *w, const struct inotify_event *e, const struct inotify_event *to,
                 char **name)
{
    struct vow__watched *from = vow__watched_find(w, e->wd);
    struct vow__watched *folder = from ? vow__watched_below(w, from, e->name) : NULL;
    struct vow__watched *above = to ? vow__watched_find(w, to->wd) : NULL;
    if (folder && above && above->root == folder->root)
        move_to(folder, above, name);
    else if (folder)
        vow__watched_forget(w, folder, false);
}

void vow__tree_change(vow_watch *w, const struct inotify_event *e, const struct inotify_event *to,
                      struct vow__growth *growth)
{
    struct vow__watched *ended = e->mask & IN_IGNORED ? vow__watched_find(w, e->wd) : NULL;
    if (ended) {
        vow__looks_forget_root(w, ended);
        vow__watched_forget(w, ended, false);
    }
    if (e->mask & IN_MOVED_FROM && e->mask & IN_ISDIR)
        move(w, e, to, &growth->name);
    vow__looks_begin(w, growth->scans);
    growth->scans = NULL;
    vow__tree_unprepare(growth);
}
#endif

void vow__tree_unprepare(struct vow__growth *growth)
{
    vow__scans_forget(&growth->scans);
    vow__free(growth->name);
    growth->name = NULL;
}
