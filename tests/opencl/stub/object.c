/* SPDX-License-Identifier: MIT */
#include "object.h"

#include <stdio.h>
#include <stdlib.h>

pthread_mutex_t stub_lock = PTHREAD_MUTEX_INITIALIZER;
size_t stub_live_objects;

void *stub_new(enum kind kind, size_t size, void *parent)
{
    struct object *object = calloc(1, size);
    if (!object)
        abort();
    object->dispatch = &stub_dispatch;
    object->kind = kind;
    object->refs = 1;
    object->parent = stub_hold(parent);
    stub_live_objects++;
    return object;
}

void *stub_hold(void *data)
{
    struct object *object = data;
    if (object && object->kind > DEVICE)
        object->refs++;
    return data;
}

static void free_parts(struct object *object)
{
    if (object->kind == MEMORY) {
        free(((cl_mem)(void *)object)->bytes);
    } else if (object->kind == PROGRAM) {
        free(((cl_program)(void *)object)->text);
    } else if (object->kind == EVENT) {
        cl_event event = (cl_event)(void *)object;
        for (cl_uint i = 0; i < event->wait_count; i++)
            stub_drop(event->waits[i]);
        free(event->waits);
        for (int i = 0; i < MOST_ARGUMENTS; i++)
            stub_drop(event->memory[i]);
        for (struct callback *c = event->callbacks, *next; c; c = next) {
            next = c->next;
            free(c);
        }
    }
}

void stub_drop(void *data)
{
    struct object *object = data;
    if (!object || object->kind <= DEVICE)
        return;
    if (object->refs <= 0) {
        fprintf(stderr, "stub: an object of kind %d was released too often\n", (int)object->kind);
        abort();
    }
    if (--object->refs > 0)
        return;
    free_parts(object);
    stub_drop(object->parent);
    stub_live_objects--;
    free(object);
}
