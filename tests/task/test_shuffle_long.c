/* SPDX-License-Identifier: MIT
 *
 * test_shuffle.c with ten times as many seeds.
 */
#define SEEDS 10000
#include "task/test_shuffle.c"
