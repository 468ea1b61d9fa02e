/* SPDX-License-Identifier: MIT */
#include "scope/parcel.h"

static void give_line(struct vow__parcel *parcel)
{
    vow_promise *line = (void *)parcel;
    vow__give(vow__loop_of(line), line);
}

static void *ref_parcel(void *object)
{
    ((struct vow__parcel *)object)->refs++;
    return object;
}

static void unref_parcel(void *object)
{
    struct vow__parcel *parcel = object;
    if (--parcel->refs > 0)
        return;
    if (parcel->home)
        parcel->home->back(parcel->home, parcel);
    else
        vow__release(vow__parcel_open(parcel));
}

static size_t count_parcel(const void *object) { return ((const struct vow__parcel *)object)->refs; }

static vow_value open_parcel(void *object)
{
    struct vow__parcel *parcel = object;
    struct vow__parcel_home *home = parcel->home;
    bool last = --parcel->refs == 0;
    vow_value v = last ? parcel->value : vow_keep(parcel->value);
    parcel->home = NULL;
    if (last)
        give_line(parcel);
    if (home)
        home->seen(home);
    return v;
}

const struct vow__parcel_type vow__parcel = {.type = {.size = sizeof(vow_type),
                                                      .kind = VOW__PARCEL,
                                                      .name = "value on its way",
                                                      .ref = ref_parcel,
                                                      .unref = unref_parcel,
                                                      .count = count_parcel},
                                             .open = open_parcel};

vow_value vow__parcel_open(struct vow__parcel *parcel)
{
    vow_value v = parcel->value;
    give_line(parcel);
    return v;
}

/* Most come back last, or first of all. */
void vow__parcels_add(struct vow__parcels *parcels, struct vow__parcel *parcel)
{
    struct vow__parcel **at = &parcels->first;
    if (parcels->count > 0 && parcels->last->n < parcel->n)
        at = &parcels->last->next;
    while (*at && (*at)->n < parcel->n)
        at = &(*at)->next;
    parcel->next = *at;
    *at = parcel;
    if (!parcel->next)
        parcels->last = parcel;
    parcels->count++;
}

struct vow__parcel *vow__parcels_take(struct vow__parcels *parcels)
{
    struct vow__parcel *first = parcels->first;
    if (!first)
        return NULL;
    parcels->first = first->next;
    parcels->count--;
    return first;
}
