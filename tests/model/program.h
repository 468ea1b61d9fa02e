/* SPDX-License-Identifier: MIT
 *
 * program.h - programs for vow and its model: bytes that mean operations. A table of
 * behaviours comes first: what the functions that the program gives to vow do when they are
 * called; then the operations of the main line.
 */
#ifndef VOW_TESTS_PROGRAM_H
#define VOW_TESTS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* name, how often it is generated, what it does with a, b and c.
 * P: handle slot a; R: resolver slot a; S: hooks b; F: behaviour b, and c is odd when the
 * function's data is to be destroyed; V: gives b with c; N: number a; B: number b; M: milliseconds c;
 * I: inputs, a bit each in a and b; L: cases from a, b and c; C: only when c is below 64;
 * K: c of something. */
#define OPERATIONS(X)                                                                   \
    X(nothing, 0, "")                                                                   \
    X(new, 14, "RS")                                                                    \
    X(resolved, 4, "V")                                                                 \
    X(resolve, 14, "RV")                                                                \
    X(reject, 3, "RV")                                                                  \
    X(drop_resolver, 3, "R")                                                            \
    X(abandon, 1, "R")                                                                  \
    X(is_wanted, 1, "R")                                                                \
    X(handle, 4, "PF")                                                                  \
    X(then, 8, "PF")                                                                    \
    X(catch, 5, "PF")                                                                   \
    X(then_catch, 3, "PF")                                                              \
    X(finally, 5, "PF")                                                                 \
    X(ref, 8, "P")                                                                      \
    X(unref, 6, "P")                                                                    \
    X(cancel, 5, "P")                                                                   \
    X(mark_handled, 1, "P")                                                             \
    X(detach, 4, "PF")                                                                  \
    X(attach, 2, "PF")                                                                  \
    X(context, 3, "P")                                                                  \
    X(shield, 3, "P")                                                                   \
    X(all, 3, "I")                                                                      \
    X(any, 3, "I")                                                                      \
    X(race, 3, "I")                                                                     \
    X(all_settled, 2, "I")                                                              \
    X(repeat, 2, "F")                                                                   \
    X(map, 2, "FN")                                                                     \
    X(for_each, 1, "FN")                                                                \
    X(reduce, 1, "FN")                                                                  \
    X(retry, 1, "FN")                                                                   \
    X(scope, 1, "B")                                                                    \
    X(scope_in, 1, "NB")                                                                \
    X(add, 10, "PB")                                                                    \
    X(join, 3, "B")                                                                     \
    X(start, 6, "FN")                                                                   \
    X(limit, 2, "BN")                                                                   \
    X(within, 4, "PB")                                                                  \
    X(scope_deadline, 1, "BM")                                                          \
    X(cancel_scope, 1, "B")                                                             \
    X(free_scope, 1, "B")                                                               \
    X(own, 4, "PB")                                                                     \
    X(free_owner, 1, "B")                                                               \
    X(spawn, 8, "FN")                                                                   \
    X(task, 5, "FN")                                                                    \
    X(shuffle, 1, "N")                                                                  \
    X(select, 6, "L")                                                                   \
    X(channel, 1, "N")                                                                  \
    X(send, 8, "NV")                                                                    \
    X(receive, 8, "N")                                                                  \
    X(drain_channel, 1, "N")                                                            \
    X(close_channel, 1, "N")                                                            \
    X(free_channel, 1, "N")                                                             \
    X(lock, 1, "NB")                                                                    \
    X(acquire, 8, "BK")                                                                 \
    X(try, 2, "BK")                                                                     \
    X(release, 3, "P")                                                                  \
    X(add_permits, 1, "BK")                                                             \
    X(close_lock, 1, "B")                                                               \
    X(free_lock, 1, "B")                                                                \
    X(using, 3, "PF")                                                                   \
    X(wait, 5, "PB")                                                                    \
    X(notify, 3, "B")                                                                   \
    X(notify_all, 1, "B")                                                               \
    X(free_condition, 1, "B")                                                           \
    X(wait_flag, 3, "B")                                                                \
    X(set_flag, 1, "B")                                                                 \
    X(clear_flag, 1, "B")                                                               \
    X(free_flag, 1, "B")                                                                \
    X(delay, 4, "M")                                                                    \
    X(timeout, 3, "PM")                                                                 \
    X(deadline, 1, "PM")                                                                \
    X(interval, 1, "FM")                                                                \
    X(post, 3, "F")                                                                     \
    X(advance, 4, "M")                                                                  \
    X(poll, 3, "")                                                                      \
    X(close, 1, "C")                                                                    \
    X(budget, 1, "N")                                                                   \
    X(drain, 12, "N")

enum op_code {
#define OP_NUMBER(name, weight, form) OP_##name,
    OPERATIONS(OP_NUMBER)
#undef OP_NUMBER
    OP_CODES
};

/* What a behaviour, or an operation of form V, gives. */
#define GIFTS(X)                                                                             \
    X(number, 10) X(none, 3) X(error, 5) X(same, 6) X(kept, 2) X(wrapped, 2) X(promise, 8)   \
    X(pending, 4) X(box, 3) X(own_cancel, 1) X(payload, 1) X(thenable, 3) X(again, 3)          \
    X(delay, 2) X(array, 1)

enum gift {
#define GIFT_NUMBER(name, weight) GIVE_##name,
    GIFTS(GIFT_NUMBER)
#undef GIFT_NUMBER
    GIFT_KINDS
};

struct op {
    uint8_t code, a, b, c;
};
struct behaviour {
    uint8_t give, with;
    struct op op; /* done first */
};
enum { BEHAVIOURS = 12, MOST_OPS = 400 };
struct program {
    struct behaviour behaviours[BEHAVIOURS];
    struct op ops[MOST_OPS];
    size_t n;
};

void program_generate(struct program *program, uint64_t seed, size_t n);
/* For a fuzzer. False: too short to be one. */
bool program_of_bytes(struct program *program, const uint8_t *bytes, size_t size);
size_t program_to_bytes(const struct program *program, uint8_t *bytes); /* enough of them */
void program_print(const struct program *program, FILE *to);
void program_print_op(const struct op *op, FILE *to);
/* Makes the program smaller while `fails` says that it still fails. */
void program_minimise(struct program *program, bool (*fails)(const struct program *program));

#endif
