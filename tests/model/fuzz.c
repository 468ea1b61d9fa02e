/* SPDX-License-Identifier: MIT
 *
 * fuzz.c - libFuzzer on the same programs: it looks for ones that take new ways through the
 * library. fuzz.sh builds and runs it; with the name of a file it shows what that does.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { HEAD = BEHAVIOURS * 6, OP = 4 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);

static void print_count(void)
{
    fprintf(stderr, "%llu operations\n", (unsigned long long)interpreted_steps);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return atexit(print_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct program program;
    if (!program_of_bytes(&program, bytes, size))
        return 0;
    bool loud = getenv("VOW_LOUD") != NULL;
    if (loud)
        program_print(&program, stderr);
    const char *complaint = interpret(&program, loud);
    if (complaint == NULL)
        return 0;
    if (!loud)
        program_print(&program, stderr);
    interpreter_failed("DIFFERENT: %s", complaint);
}

/* A program of its own, as bytes. */
static size_t generate(uint8_t *bytes, size_t most, unsigned seed)
{
    static struct program program;
    size_t n = 10 + seed % 90;
    program_generate(&program, seed, n < (most - HEAD) / OP ? n : (most - HEAD) / OP);
    return program_to_bytes(&program, bytes);
}

/* Moves the operations behind `at`, so that there are `by` more of them, or fewer. */
static size_t shift(uint8_t *bytes, size_t size, size_t at, long by)
{
    uint8_t *from = bytes + HEAD + at * OP;
    memmove(from + (by > 0 ? by * OP : 0), from - (by < 0 ? by * OP : 0),
            (size_t)(bytes + size - from) - (size_t)(by < 0 ? -by * OP : 0));
    return (size_t)((long)size + by * OP);
}

/* Whole operations come, go, are repeated, or change a byte. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
    size_t n = size > HEAD ? (size - HEAD) / OP : 0;
    if (most < HEAD + OP)
        return size;
    if (n < 2)
        return generate(bytes, most, seed);
    size = HEAD + n * OP;
    size_t at = seed / 8 % n, from = seed / 8 / n % n;
    uint8_t *op = bytes + HEAD + at * OP;
    bool room = size + OP <= most;
    switch (seed % 8) {
    case 0:
    case 1:
        return shift(bytes, size, at, -1);
    case 2:
    case 3:
        if (!room)
            return shift(bytes, size, at, -1);
        size = shift(bytes, size, at, 1);
        memcpy(op, bytes + HEAD + (from >= at ? from + 1 : from) * OP, OP);
        LLVMFuzzerMutate(op, OP, OP);
        return size;
    case 4:
        LLVMFuzzerMutate(bytes, HEAD, HEAD);
        return size;
    default:
        op[seed / 16 % OP] = (uint8_t)(seed >> 20);
        return size;
    }
}
