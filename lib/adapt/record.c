/* SPDX-License-Identifier: MIT */
#include "adapt/record.h"

#include <errno.h>

#include "base/mem.h"
#include "value/error.h"

void *vow__record_ref(void *object)
{
    ((struct vow__record *)object)->count++;
    return object;
}

void vow__record_unref(void *object)
{
    struct vow__record *record = object;
    if (--record->count > 0)
        return;
    struct vow__record_home *home = record->home;
    if (!home) {
        vow__free(record);
        return;
    }
    vow__record_forget(home);
    record->count = 1;
    home->give_back(home, record);
}

size_t vow__record_count(const void *object) { return ((const struct vow__record *)object)->count; }

void vow__record_seen(void *object)
{
    struct vow__record *record = object;
    if (record->home)
        vow__record_forget(record->home);
}

void *vow__record_new(size_t size)
{
    struct vow__record *record = vow__alloc_zeroed(size);
    if (record)
        record->count = 1;
    return record;
}

vow_value vow__record_value(const struct vow__homing_type *type, void *record)
{
    if (!record)
        return vow__fail_ready(ENOMEM);
    return (vow_value){.type = &type->type, .as.p = record};
}

void vow__record_sent(struct vow__record_home *home, struct vow__record *record)
{
    vow__record_forget(home);
    home->latest = record;
    record->home = home;
}

void vow__record_forget(struct vow__record_home *home)
{
    if (home->latest)
        home->latest->home = NULL;
    home->latest = NULL;
}
