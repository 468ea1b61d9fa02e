/* SPDX-License-Identifier: MIT
 *
 * adapt/watch_read.c - what inotify says, told as changes: one system event each, but for the
 * two halves of a move, which are put together.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapt/watch.h"
#include "base/mem.h"
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
    return to && vow__watched_path(w, to->wd) ? to : NULL;
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

/* Joins folder and name at `text`; what follows it. */
static char *write_path(char *text, const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *slash = *name && length > 0 && folder[length - 1] != '/' ? "/" : "";
    return text + sprintf(text, "%s%s%s", folder, slash, name) + 1;
}

/* NULL: no memory. `from`: the first half, or NULL. */
static struct change *make(vow_watch *w, const struct inotify_event *e,
                           const struct inotify_event *from)
{
    const char *folder = e->wd < 0 ? "" : vow__watched_path(w, e->wd);
    const char *from_folder = from ? vow__watched_path(w, from->wd) : "";
    size_t size = strlen(folder) + e->len + 2;
    if (from)
        size += strlen(from_folder) + from->len + 2;
    struct change *c = vow__record_new(sizeof *c + size);
    if (!c)
        return NULL;
    char *end = write_path(c->text, folder, name_of(e));
    if (from)
        write_path(end, from_folder, name_of(from));
    c->change = (vow_change){.what = from ? VOW_WATCH_MOVED : what_of(e->mask),
                             .id = e->wd,
                             .path = c->text,
                             .name = end - 1 - strlen(name_of(e)),
                             .from = from ? end : NULL,
                             .is_directory = e->mask & IN_ISDIR,
                             .cookie = e->cookie};
    return c;
}

/* The event at w->at. False: there is nothing to tell. */
static bool tell(vow_watch *w, vow_value *ret)
{
    struct inotify_event *to = NULL;
    if (event_at(w, w->at)->mask & IN_MOVED_FROM)
        to = other_half(w); /* may move the bytes */
    struct inotify_event *e = event_at(w, w->at);
    bool known = e->mask & IN_Q_OVERFLOW || vow__watched_path(w, e->wd);
    if (!known || !what_of(e->mask)) {
        w->at += size_of(e);
        return false;
    }
    struct change *c = make(w, to ? to : e, to ? e : NULL);
    *ret = vow__record_value(&change_type, c);
    if (!c)
        return true; /* the event stays */
    vow__record_sent(&w->home, &c->record);
    if (to)
        to->mask = TOLD;
    if (e->mask & IN_IGNORED)
        vow__watched_forget(w, e->wd);
    w->at += size_of(e);
    return true;
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
        while (w->at < w->size)
            if (tell(w, ret))
                return true;
        int code = read_more(w);
        if (code == EAGAIN)
            return false;
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
