/* SPDX-License-Identifier: MIT
 *
 * program.c - programs made at random, from bytes, smaller, and readable.
 */
#include "program.h"

#include <string.h>

struct kind {
    const char *name;
    unsigned weight;
    const char *form;
};
#define KIND(name, weight, form) {#name, weight, form},
static const struct kind operations[] = {OPERATIONS(KIND)};
#undef KIND
#define KIND(name, weight) {#name, weight, ""},
static const struct kind gifts[] = {GIFTS(KIND)};
#undef KIND

/* Making. */

struct random {
    uint64_t state;
};

static unsigned pick(struct random *random, unsigned n)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (unsigned)(random->state >> 20) % n;
}

static uint8_t pick_kind(struct random *random, const struct kind *kinds, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += kinds[i].weight;
    unsigned left = pick(random, sum);
    size_t i = 0;
    while (left >= kinds[i].weight)
        left -= kinds[i++].weight;
    return (uint8_t)i;
}

static struct op random_op(struct random *random)
{
    struct op op = {0};
    op.code = pick_kind(random, operations, OP_CODES);
    op.a = (uint8_t)pick(random, 256);
    op.b = strchr(operations[op.code].form, 'V') ? pick_kind(random, gifts, GIFT_KINDS)
                                                 : (uint8_t)pick(random, 256);
    op.c = (uint8_t)pick(random, 256);
    return op;
}

void program_generate(struct program *program, uint64_t seed, size_t n)
{
    struct random random = {seed * 0x9E3779B97F4A7C15u + 1};
    *program = (struct program){.n = n};
    for (int i = 0; i < 8; i++)
        pick(&random, 2);
    for (int i = 0; i < BEHAVIOURS; i++) {
        struct behaviour *behaviour = &program->behaviours[i];
        behaviour->give = pick_kind(&random, gifts, GIFT_KINDS);
        behaviour->with = (uint8_t)pick(&random, 256);
        if (pick(&random, 3) == 0)
            behaviour->op = random_op(&random);
    }
    for (size_t i = 0; i < n; i++)
        program->ops[i] = random_op(&random);
}

static struct op op_of_bytes(const uint8_t *bytes)
{
    struct op op = {bytes[0] % OP_CODES, bytes[1], bytes[2], bytes[3]};
    const char *form = operations[op.code].form;
    if (strchr(form, 'V'))
        op.b %= GIFT_KINDS;
    return op;
}

bool program_of_bytes(struct program *program, const uint8_t *bytes, size_t size)
{
    *program = (struct program){.n = 0};
    if (size < BEHAVIOURS * 6)
        return false;
    for (int i = 0; i < BEHAVIOURS; i++, bytes += 6)
        program->behaviours[i] =
            (struct behaviour){bytes[0] % GIFT_KINDS, bytes[1], op_of_bytes(bytes + 2)};
    for (size -= BEHAVIOURS * 6; size >= 4 && program->n < MOST_OPS; size -= 4, bytes += 4)
        program->ops[program->n++] = op_of_bytes(bytes);
    return program->n > 0;
}

static uint8_t *put_op(uint8_t *bytes, const struct op *op)
{
    *bytes++ = op->code;
    *bytes++ = op->a;
    *bytes++ = op->b;
    *bytes++ = op->c;
    return bytes;
}

size_t program_to_bytes(const struct program *program, uint8_t *bytes)
{
    uint8_t *at = bytes;
    for (int i = 0; i < BEHAVIOURS; i++) {
        *at++ = program->behaviours[i].give;
        *at++ = program->behaviours[i].with;
        at = put_op(at, &program->behaviours[i].op);
    }
    for (size_t i = 0; i < program->n; i++)
        at = put_op(at, &program->ops[i]);
    return (size_t)(at - bytes);
}

/* Smaller. */

static bool try_ops(struct program *program, size_t from, size_t n,
                    bool (*fails)(const struct program *program))
{
    struct program smaller = *program;
    memmove(smaller.ops + from, smaller.ops + from + n,
            (smaller.n - from - n) * sizeof *smaller.ops);
    smaller.n -= n;
    if (!fails(&smaller))
        return false;
    *program = smaller;
    return true;
}

static bool drop_ops(struct program *program, bool (*fails)(const struct program *program))
{
    bool smaller = false;
    for (size_t n = program->n / 2 + 1; n > 0; n /= 2)
        for (size_t from = program->n; from > 0;) {
            from = from > n ? from - n : 0;
            if (from + n <= program->n)
                smaller = try_ops(program, from, n, fails) || smaller;
        }
    return smaller;
}

static bool try_byte(struct program *program, uint8_t *byte, uint8_t instead,
                     bool (*fails)(const struct program *program))
{
    uint8_t old = *byte;
    if (old == instead)
        return false;
    *byte = instead;
    if (fails(program))
        return true;
    *byte = old;
    return false;
}

static bool simplify_op(struct program *program, struct op *op,
                        bool (*fails)(const struct program *program))
{
    bool smaller = false;
    if (op->code != OP_nothing)
        smaller = try_byte(program, &op->code, OP_nothing, fails);
    smaller = try_byte(program, &op->a, 0, fails) || smaller;
    smaller = try_byte(program, &op->b, 0, fails) || smaller;
    return try_byte(program, &op->c, 0, fails) || smaller;
}

static bool simplify(struct program *program, bool (*fails)(const struct program *program))
{
    bool smaller = false;
    for (int i = 0; i < BEHAVIOURS; i++) {
        struct behaviour *behaviour = &program->behaviours[i];
        smaller = try_byte(program, &behaviour->give, 0, fails) || smaller;
        smaller = try_byte(program, &behaviour->with, 0, fails) || smaller;
        smaller = simplify_op(program, &behaviour->op, fails) || smaller;
    }
    for (size_t i = 0; i < program->n; i++)
        smaller = simplify_op(program, &program->ops[i], fails) || smaller;
    return smaller;
}

void program_minimise(struct program *program, bool (*fails)(const struct program *program))
{
    for (int round = 0; round < 8; round++) {
        bool smaller = drop_ops(program, fails);
        smaller = simplify(program, fails) || smaller;
        if (!smaller)
            return;
    }
}

/* Readable. */

void program_print_op(const struct op *op, FILE *to)
{
    fprintf(to, "%s", operations[op->code].name);
    for (const char *form = operations[op->code].form; *form; form++) {
        if (*form == 'P' || *form == 'R')
            fprintf(to, " %c%u", *form == 'P' ? 'p' : 'r', op->a);
        else if (*form == 'F')
            fprintf(to, " f%u%s", op->b % BEHAVIOURS, op->c % 2 ? " with" : "");
        else if (*form == 'V')
            fprintf(to, " %s %u", gifts[op->b].name, op->c);
        else if (*form == 'S')
            fprintf(to, " stop %u", op->b % 4);
        else if (*form == 'C')
            fprintf(to, "%s", op->c < 64 ? "" : " not");
        else if (*form == 'I')
            fprintf(to, " %x", (op->a | op->b << 8) & 0xfff);
        else if (*form == 'K')
            fprintf(to, " %u", op->c);
        else if (*form == 'L')
            fprintf(to, " %u %x %x", op->a % 3 + 1, op->b, op->c);
        else
            fprintf(to, " %u%s",
                    *form == 'N'   ? op->a
                    : *form == 'B' ? op->b
                                   : op->c,
                    *form == 'M' ? " ms" : "");
    }
}

void program_print(const struct program *program, FILE *to)
{
    for (int i = 0; i < BEHAVIOURS; i++) {
        const struct behaviour *behaviour = &program->behaviours[i];
        if (!behaviour->give && !behaviour->with && behaviour->op.code == OP_nothing)
            continue;
        fprintf(to, "  f%d: ", i);
        program_print_op(&behaviour->op, to);
        fprintf(to, ", gives %s %u\n", gifts[behaviour->give].name, behaviour->with);
    }
    for (size_t i = 0; i < program->n; i++) {
        fprintf(to, "  %3zu ", i);
        program_print_op(&program->ops[i], to);
        fputc('\n', to);
    }
}
