/* SPDX-License-Identifier: MIT
 *
 * core/life.c - the core's part of a loop's life, and the questions one may ask a promise.
 */
#include <stdlib.h>
#include <string.h>

#include "core/loop.h"

/* From the first slab: there is a line. */
static vow_promise *immortal(vow_loop *loop, int code)
{
    vow_promise *p = vow__new_line(loop, K_REJECTED, NULL);
    p->flags = F_HANDLED;
    p->value = vow__fail_ready(code);
    p->late = p->reported = 0;
    return p;
}

static size_t quarantine_wanted(void)
{
    const char *debug = getenv("VOW_DEBUG");
    return debug && strstr(debug, "quarantine") ? 4096 : 0;
}

int vow__core_init(vow_loop *loop)
{
    loop->thread = vow__thread();
    loop->budget = 1024;
    loop->places = vow__places_wanted();
    if (!vow__add_slab(loop))
        return ENOMEM;
    loop->no_memory = immortal(loop, ENOMEM);
    loop->no_loop = immortal(loop, VOW_ECLOSED); /* of the same slab */
    loop->made = 0;
    loop->quarantine = quarantine_wanted();
    loop->slow_free = loop->quarantine > 0;
    return 0;
}

static void reject_pending(vow_promise *p, void *found)
{
    if (p->kind != K_SOURCE && p->kind != K_ORPHAN)
        return;
    *(bool *)found = true;
    vow__stop_source(vow__loop_of(p), p, vow__error_ready(VOW_ECLOSED));
}

static void count_handles(vow_promise *p, void *data)
{
    *(size_t *)data += p->outside; /* no timer is left */
}

size_t vow__core_handles(const vow_loop *loop)
{
    size_t handles = 0;
    vow__each_line(loop, count_handles, &handles);
    return handles - 2; /* the loop's own on what it gives when it refuses */
}

void vow__core_close(vow_loop *loop)
{
    loop->closing = true; /* vow__take_slow refuses from now on */
    loop->free_top = loop->free_lines; /* and has to: no line is used again */
    loop->slow_free = true;
    bool found;
    do { /* again: a foreign thenable gets a resolver when it is served */
        while (loop->head || loop->unseen)
            vow__drain(loop, SIZE_MAX);
        found = false;
        loop->guarded = true; /* stop hooks must not have handlers served under us */
        vow__each_line(loop, reject_pending, &found);
        loop->guarded = false;
    } while (found);
    loop->closed = true;
    loop->left_open = vow__each_line(loop, NULL, NULL) - 2;
}

void vow__core_release(vow_loop *loop)
{
    loop->released = true;
    loop->no_memory->outside--;
    loop->no_loop->outside--;
    vow__core_end_if_last(loop);
}

void vow__core_end_if_last(vow_loop *loop)
{
    if (loop->released && loop->left_open == 0 && !loop->dropping && !loop->no_memory->outside &&
        !loop->no_loop->outside)
        loop->gone(loop);
}

void vow__bad_handle(const vow_promise *p, const char *call)
{
    if (!p)
        vow__panic("%s: the promise is NULL", call);
    const char *place = vow__site_text(p->site);
    vow__panic("%s: this handle was given away or released already (the promise was made at %s)",
               call, place ? place : "an unrecorded place");
}

void vow__bad_thread(const vow_loop *loop, const char *call)
{
    vow__panic("%s: the loop %p belongs to another thread; vow/remote.h is for other threads",
               call, (const void *)loop);
}

vow_state_of vow_state(const vow_promise *p)
{
    vow__check(p, "vow_state");
    return p->kind == K_FULFILLED ? VOW_FULFILLED
           : p->kind == K_REJECTED ? VOW_REJECTED
                                   : VOW_PENDING;
}

vow_value vow_peek(const vow_promise *p)
{
    vow__check(p, "vow_peek");
    if (p->kind != K_FULFILLED)
        return vow_none();
    vow__see(&((vow_promise *)p)->value);
    return p->value;
}

const vow_error *vow_error_of(const vow_promise *p)
{
    vow__check(p, "vow_error_of");
    return p->kind == K_REJECTED ? p->value.as.p : NULL;
}

vow_loop *vow_loop_of(const vow_promise *p) { return vow__check(p, "vow_loop_of"); }

/* Promises inside values: how the value layer shares and releases them. */
static void *ref_promise(void *p) { return vow_ref(p); }
static void unref_promise(void *p) { vow_unref(p); }
const vow_type vow__promise_type = {
    .size = sizeof(vow_type), .kind = VOW__PROMISE, .name = "promise",
    .ref = ref_promise, .unref = unref_promise};
