/* SPDX-License-Identifier: MIT
 *
 * core/unhandled.c - rejections that nobody has seen. They wait on a list until the queue
 * is empty (late handlers are legal), then the hook is told. Cancellations, and what a
 * closing loop rejects, are never reported.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/loop.h"

/* vow_promise.reported; 0: there was nothing to tell */
enum { REPORTED = 1, HANDLED_LATE = 2 };

static bool never_reported(const vow_error *e)
{
    return vow__is_cancel(e) || vow_error_is(e, vow_own_domain(), VOW_ECLOSED);
}

static void add(vow_loop *loop, vow_promise *p)
{
    p->flags |= F_UNSEEN;
    p->prev = NULL;
    p->next = loop->unseen;
    if (loop->unseen)
        loop->unseen->prev = p;
    else
        loop->unseen_last = p;
    loop->unseen = p;
    if (!loop->awake) { /* the report comes at the end of a drain */
        loop->awake = true;
        loop->wake(loop);
    }
}

void vow__unseen_add(vow_loop *loop, vow_promise *p)
{
    if (!(p->flags & F_HANDLED) && !never_reported(p->value.as.p))
        add(loop, p);
}

void vow__unseen_remove(vow_loop *loop, vow_promise *p)
{
    p->flags &= (uint8_t)~F_UNSEEN;
    if (p->prev)
        p->prev->next = p->next;
    else
        loop->unseen = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        loop->unseen_last = p->prev;
}

static void print_unhandled(const vow_error *e, const char *made, bool late, void *data)
{
    (void)data;
    char text[1024];
    vow_describe(e, VOW_LINES, text, sizeof text);
    fprintf(stderr, "vow: %s rejection%s%s:\n%s\n",
            late ? "handled after all:" : "unhandled", made ? " of the promise made at " : "",
            made ? made : "", text);
}

void vow__report(vow_loop *loop, const vow_error *e, uint16_t site, bool late)
{
    vow_unhandled_fn *hook = loop->on_unhandled ? loop->on_unhandled : print_unhandled;
    bool guarded = loop->guarded;
    if (!late)
        loop->unhandled++;
    loop->guarded = true;
    hook(e, vow__site_text(site), late, loop->unhandled_data);
    loop->guarded = guarded;
    if (!late && loop->unhandled_abort)
        abort();
}

void vow__report_error(vow_loop *loop, vow_error *e, uint16_t site)
{
    if (!never_reported(e))
        vow__report(loop, e, site, false);
    vow_error_unref(e);
}

void vow__now_handled(vow_loop *loop, vow_promise *p)
{
    if (p == loop->no_memory && loop->refusals)
        loop->refusals--;
    if ((p->flags & F_UNSEEN) && p->reported == 0) {
        vow__unseen_remove(loop, p);
    } else if (p->reported == REPORTED) {
        p->reported = HANDLED_LATE;
        add(loop, p); /* to tell that, not from inside the builder that we are in */
    }
}

void vow__report_unseen(vow_loop *loop)
{
    if (loop->refusals) {
        loop->refusals = 0;
        vow__report(loop, vow__error_ready(ENOMEM), 0, false);
    }
    vow_promise *p;
    while ((p = loop->unseen_last) != NULL) {
        vow__unseen_remove(loop, p);
        bool late = p->reported == HANDLED_LATE;
        p->flags |= F_BUSY | F_HANDLED;
        p->reported = late ? 0 : REPORTED;
        vow__report(loop, p->value.as.p, p->site, late);
        p->flags &= (uint8_t)~F_BUSY;
        vow__drop_if_unwanted(loop, p);
    }
}

void vow_mark_handled(vow_promise *p)
{
    vow_loop *loop = vow__check(p, "vow_mark_handled");
    p->flags |= F_HANDLED;
    if (p->flags & F_UNSEEN)
        vow__unseen_remove(loop, p);
    if (p == loop->no_memory && loop->refusals)
        loop->refusals--;
}

void vow_on_unhandled(vow_loop *loop, vow_unhandled_fn *fn, void *data)
{
    vow__check_loop(loop, "vow_on_unhandled");
    loop->on_unhandled = fn;
    loop->unhandled_data = data;
}

size_t vow_unhandled_count(const vow_loop *loop) { return (size_t)loop->unhandled; }

void vow_unhandled_abort(vow_loop *loop, bool abort_too)
{
    vow__check_loop(loop, "vow_unhandled_abort");
    loop->unhandled_abort = abort_too;
}
