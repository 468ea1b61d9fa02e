/* SPDX-License-Identifier: MIT */
#include "adapt/faults.h"

/* Thirty seeds from `first` on; in the time limit of one test. */
static void endure_thirty(vow_loop *loop, uint32_t first)
{
    for (uint32_t seed = first; seed < first + 30; seed++)
        endure(loop, seed);
}

TEST(seeds_1_to_30) { endure_thirty(loop, 1); }
TEST(seeds_31_to_60) { endure_thirty(loop, 31); }
TEST(seeds_61_to_90) { endure_thirty(loop, 61); }
TEST(seeds_91_to_120) { endure_thirty(loop, 91); }
TEST(seeds_121_to_150) { endure_thirty(loop, 121); }
TEST(seeds_151_to_180) { endure_thirty(loop, 151); }
TEST(seeds_181_to_210) { endure_thirty(loop, 181); }
TEST(seeds_211_to_240) { endure_thirty(loop, 211); }
TEST(seeds_241_to_270) { endure_thirty(loop, 241); }
TEST(seeds_271_to_300) { endure_thirty(loop, 271); }
