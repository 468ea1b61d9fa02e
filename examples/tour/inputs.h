/* SPDX-License-Identifier: MIT
 *
 * inputs.h - from arguments to inputs: files and URLs as they are, directories walked.
 */
#ifndef TOUR_INPUTS_H
#define TOUR_INPUTS_H

#include <vow.h>

struct input {
    char *name;
    int error; /* errno number: a directory that cannot be listed */
};

struct inputs {
    struct input *items;
    size_t count;
};

/* A type of vow's values: inputs_value(), inputs_of(), ... */
VOW_TYPE_DECLARE(inputs, struct inputs)

/* Fulfils with the inputs, found on a worker. Of a directory everything below it that is no
 * directory, by name; but nothing whose name begins with a dot, and symbolic links to
 * directories are not followed. Keeps `arguments` and its `count` strings. */
vow_promise *inputs_find(vow_loop *loop, vow_pool *pool, const char *const *arguments,
                         size_t count);

#endif
