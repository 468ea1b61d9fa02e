/* SPDX-License-Identifier: MIT
 *
 * expect.h - what the programs around snippets check their results with.
 */
#ifndef VOW_TESTS_SNIPPETS_EXPECT_H
#define VOW_TESTS_SNIPPETS_EXPECT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(ok)                                                             \
    do {                                                                       \
        if (!(ok)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #ok); \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

#endif
