/* SPDX-License-Identifier: MIT
 *
 * seeds.h - tests that are run again with other seeds of the faults (see shim.h).
 *
 *     SEEDED(all_bytes_arrive) { ... }   // has `loop`, whose clock is the system's, and `seed`
 *
 * Seeds 1 to 3, or VOW_SEEDS of them from VOW_SEED_FIRST on: tests/meson.build has 300 for the
 * long tests. A failure names its seed.
 */
#ifndef VOW_TESTS_FAULTS_SEEDS_H
#define VOW_TESTS_FAULTS_SEEDS_H

#include <stdlib.h>

#include "faults/shim.h"
#include "harness.h"

#define SEEDED(name)                                                \
    static void name##_once(vow_loop *loop, uint32_t seed);         \
    TEST(name) { with_seeds(loop, name##_once); }                   \
    static void name##_once(__attribute__((unused)) vow_loop *loop, \
                            __attribute__((unused)) uint32_t seed)

static inline uint32_t seeds_setting(const char *name, uint32_t without)
{
    const char *text = getenv(name);
    return text ? (uint32_t)strtoul(text, NULL, 10) : without;
}

/* Neither the loop nor an adapter turns round and round: most turns have something to do, and
 * most calls that the kernel gets are worth it. */
static inline void expect_calm(void)
{
    unsigned calls = faults.calls, idle = faults.idle, turns = faults.turns;
    if (idle > calls / 2 + 200 || turns > calls + 200)
        FAIL("busy: %u turns, %u calls, %u of them for nothing", turns, calls, idle);
}

static inline void with_seeds(vow_loop *loop, void (*once)(vow_loop *loop, uint32_t seed))
{
    uint32_t first = seeds_setting("VOW_SEED_FIRST", 1), count = seeds_setting("VOW_SEEDS", 3);
    unsigned injected = 0;
    vow_loop_set_clock(loop, NULL, NULL); /* what is refused twice is tried again after a pause */
    for (uint32_t seed = first; seed < first + count; seed++) {
        snprintf(harness_note, sizeof harness_note, "seed %u: ", (unsigned)seed);
        faults_begin(seed);
        once(loop, seed);
        faults_end();
        expect_calm();
        injected += faults.injected;
    }
    CHECK(injected > 0);
    harness_note[0] = '\0';
}

#endif
