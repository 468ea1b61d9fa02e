/* SPDX-License-Identifier: MIT
 *
 * file/watch_read.c - what inotify says, told as changes: one system event each, but for the
 * two halves of a move, which are put together.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "file/watch.h"
#include "value/error.h"

struct change {
    struct vow__record record;
    vow_change change;
    char text[]; /* path, then from, each with its NUL */
};

static const struct vow__homing_type change_type = VOW__RECORD_TYPE("change");

const vow_type *vow_change_type(void) { return &change_type.type; }

const vow_change *vow_change_of(vow_value v)
{
    return &((struct change *)vow_as(v, &change_type.type))->change;
}

struct vow__record *vow__change_new(vow_watch *w, const struct vow__news *news)
{
    const struct vow__watched *folder = news->folder, *from_folder = news->from_folder;
    size_t size = folder ? vow__watched_size(folder, news->name) : 1;
    size_t from_size = from_folder ? vow__watched_size(from_folder, news->from) : 0;
    struct change *c = vow__record_new(sizeof *c + size + from_size);
    if (!c)
        return NULL;
    char *end = folder ? vow__watched_write(folder, news->name, c->text) : c->text + 1;
    if (from_folder)
        vow__watched_write(from_folder, news->from, end);
    c->change = (vow_change){.what = news->what,
                             .id = folder ? folder->root->id : -1,
                             .path = c->text,
                             .name = end - 1 - strlen(news->name),
                             .from = from_folder ? end : NULL,
                             .is_directory = news->is_directory,
                             .cookie = news->cookie};
    vow__record_sent(&w->home, &c->record);
    return &c->record;
}

vow_value vow__change_value(struct vow__record *change)
{
    return vow__record_value(&change_type, change);
}

int vow__change_id(const struct vow__record *change)
{
    return ((const struct change *)change)->change.id;
}

#ifdef VOW__LINUX
#include <sys/inotify.h>

enum { TOLD = 0 }; /* the mask of an event that needs no telling any more */

static struct inotify_event *event_at(vow_watch *w, size_t at)
{
    return (struct inotify_event *)(w->bytes + at);
}

static size_t size_of(const struct inotify_event *e) { return sizeof *e + e->len; }
static const char *name_of(const struct inotify_event *e) { return e->len ? e->name : ""; }

/* Reads behind what there is. 0 or an errno number. */
static int read_more(vow_watch *w)
{
    memmove(w->bytes, w->bytes + w->at, w->size - w->at); /* sizes are multiples of 16 */
    w->size -= w->at;
    w->at = 0;
    ssize_t n;
    do
        n = read(w->fd, w->bytes + w->size, sizeof w->bytes - w->size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno;
    w->size += (size_t)n;
    return 0;
}

static struct inotify_event *arrival(vow_watch *w, uint32_t cookie)
{
    for (size_t at = w->at; at < w->size; at += size_of(event_at(w, at)))
        if (event_at(w, at)->cookie == cookie && event_at(w, at)->mask & IN_MOVED_TO)
            return event_at(w, at);
    return NULL;
}

/* The other half of the move that begins at w->at, or NULL. The kernel queues it right after
 * this one: it is there but for what did not fit, or happens just now. */
static struct inotify_event *other_half(vow_watch *w)
{
    uint32_t cookie = event_at(w, w->at)->cookie;
    struct inotify_event *to = arrival(w, cookie);
    if (!to && w->size - w->at < sizeof w->bytes / 2 && read_more(w) == 0)
        to = arrival(w, cookie);
    return to && vow__watched_find(w, to->wd) ? to : NULL;
}

static int what_of(uint32_t mask)
{
    static const struct {
        uint32_t mask;
        int what;
    } table[] = {{IN_Q_OVERFLOW, VOW_WATCH_OVERFLOW},
                 {IN_IGNORED, VOW_WATCH_ENDED},
                 {IN_CREATE | IN_MOVED_TO, VOW_WATCH_CREATED},
                 {IN_DELETE | IN_DELETE_SELF | IN_MOVED_FROM, VOW_WATCH_DELETED},
                 {IN_MOVE_SELF, VOW_WATCH_MOVED},
                 {IN_MODIFY, VOW_WATCH_MODIFIED},
                 {IN_CLOSE_WRITE, VOW_WATCH_WRITTEN},
                 {IN_ATTRIB, VOW_WATCH_ATTRIBUTES}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (mask & table[i].mask)
            return table[i].what;
    return 0; /* IN_UNMOUNT, which IN_IGNORED follows */
}

static bool is_wanted(const vow_watch *w, const struct inotify_event *e)
{
    const struct vow__watched *node = vow__watched_find(w, e->wd);
    bool is_told_above = node && node->above && !e->len;
    return node && !is_told_above && e->mask & (IN_IGNORED | vow__watch_mask(node->root->what));
}

/* False: nobody wants to hear of it. */
static bool find_news(const vow_watch *w, const struct inotify_event *e,
                      const struct inotify_event *to, struct vow__news *ret)
{
    bool leaves = is_wanted(w, e), arrives = to && is_wanted(w, to), moves = leaves && arrives;
    const struct inotify_event *of = arrives ? to : e;
    *ret = (struct vow__news){.what = moves ? VOW_WATCH_MOVED : what_of(of->mask),
                              .folder = vow__watched_find(w, of->wd),
                              .from_folder = moves ? vow__watched_find(w, e->wd) : NULL,
                              .name = name_of(of),
                              .from = moves ? name_of(e) : NULL,
                              .is_directory = of->mask & IN_ISDIR,
                              .cookie = of->cookie};
    return ret->what && (leaves || arrives || ret->what == VOW_WATCH_OVERFLOW);
}

/* The event at w->at. False: there is nothing to tell. */
static bool tell(vow_watch *w, vow_value *ret)
{
    struct inotify_event *to = NULL;
    if (event_at(w, w->at)->mask & IN_MOVED_FROM)
        to = other_half(w); /* may move the bytes */
    struct inotify_event *e = event_at(w, w->at);
    struct vow__news news;
    struct vow__growth growth = {NULL, NULL};
    struct vow__record *change = NULL;
    bool told = vow__looks_told(w, e), is_news = !told && find_news(w, e, to, &news);
    if (to)
        (void)vow__looks_told(w, to);
    bool ready = told || vow__tree_prepare(w, e, to, &growth);
    if (ready && is_news)
        change = vow__change_new(w, &news);
    if (!ready || (is_news && !change)) {
        vow__tree_unprepare(&growth);
        *ret = vow__fail_ready(ENOMEM);
        return true; /* the event stays */
    }
    vow__tree_change(w, e, to, &growth);
    if (to)
        to->mask = TOLD;
    w->at += size_of(e);
    if (change)
        *ret = vow__change_value(change);
    return change;
}

bool vow__watch_take(vow_watch *w, vow_value *ret)
{
    if (w->back) {
        struct vow__record *record = w->back;
        w->back = NULL;
        *ret = vow__record_value(&change_type, record);
        vow__record_sent(&w->home, record);
        return true;
    }
    for (;;) {
        if (w->scans)
            return false;
        if (w->listed) {
            if (vow__looks_take(w, ret))
                return true;
            continue;
        }
        if (w->at < w->size) {
            if (tell(w, ret))
                return true;
            continue;
        }
        int code = read_more(w);
        if (code == EAGAIN) {
            vow__looks_forget_told(w);
            return false;
        }
        if (code) {
            *ret = vow_fail_at(NULL, vow_errno_domain(), code, "read what has changed");
            return true;
        }
    }
}
#else
bool vow__watch_take(vow_watch *w, vow_value *ret)
{
    (void)w, (void)ret;
    return false;
}
#endif
