/* SPDX-License-Identifier: MIT
 *
 * Every third allocation of OpenSSL's: see test_memory.c.
 */
#define MEMORY_STEP 3
#include "test_memory.c"
