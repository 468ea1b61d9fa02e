/* SPDX-License-Identifier: MIT
 *
 * adapt/record.h - plain structs as counted, typed values: what a file is like, an entry of a
 * directory, something that has changed.
 *
 * A record may have a home: the object that it was taken from and delivered by. Released
 * before anybody has seen it, it goes back there, so that a cancelled `next` loses nothing.
 */
#ifndef VOW_ADAPT_RECORD_H
#define VOW_ADAPT_RECORD_H

#include "value/value.h"

struct vow__record_home;

struct vow__record {
    size_t count;                  /* references */
    struct vow__record_home *home; /* until it is seen; or NULL */
};

/* The home and its latest record point at each other until the record is seen or gone. */
struct vow__record_home {
    struct vow__record *latest;                                             /* or NULL */
    void (*give_back)(struct vow__record_home *home, struct vow__record *record); /* takes */
};

void *vow__record_ref(void *object);
void vow__record_unref(void *object);
size_t vow__record_count(const void *object);
void vow__record_seen(void *object);
#define VOW__RECORD_TYPE(shown)                                                           \
    {                                                                                     \
        {.size = sizeof(vow_type),                                                        \
         .kind = VOW__HOMING,                                                             \
         .name = shown,                                                                   \
         .ref = vow__record_ref,                                                          \
         .unref = vow__record_unref,                                                      \
         .count = vow__record_count},                                                     \
            vow__record_seen                                                              \
    }

/* `size` bytes that start with a vow__record, count 1; NULL: no memory. Any thread. */
void *vow__record_new(size_t size);
/* Takes record; NULL: an error value, ENOMEM. */
vow_value vow__record_value(const struct vow__homing_type *type, void *record);

/* record, exclusive, is about to be delivered. The one before it cannot come back any more. */
void vow__record_sent(struct vow__record_home *home, struct vow__record *record);
/* The home goes, or its latest record is seen. */
void vow__record_forget(struct vow__record_home *home);

#endif
