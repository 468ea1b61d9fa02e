/* SPDX-License-Identifier: MIT
 *
 * test_long.c - more random programs than every run has time for.
 */
#define PROGRAMS 12000
#define FIRST_PROGRAM 1000000

#include "test_model.c"
