/* SPDX-License-Identifier: MIT
 *
 * table.c - rows and the progress line.
 */
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDEST_NAME = 48, DIGITS = 64, FEWEST_DIGITS = 8 };

struct table *table_new(size_t count)
{
    struct table *table = calloc(1, sizeof *table);
    struct row *rows = calloc(count > 0 ? count : 1, sizeof *rows);
    if (table == NULL || rows == NULL) {
        free(table);
        free(rows);
        return NULL;
    }
    table->rows = rows;
    table->count = count;
    for (size_t i = 0; i < count; i++)
        rows[i].table = table;
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->rows[i].error);
    free(table->rows);
    free(table);
}

void row_begin(struct row *row, const char *name, uint64_t now)
{
    row->name = name;
    row->ns = now;
    row->table->begun++;
}

static char *text_of(const vow_error *e)
{
    size_t size = vow_describe(e, VOW_ONE_LINE, NULL, 0) + 1;
    char *text = malloc(size);
    if (text != NULL)
        vow_describe(e, VOW_ONE_LINE, text, size);
    return text;
}

void row_end(struct row *row, vow_value outcome, uint64_t now)
{
    row->ns = now - row->ns;
    row->table->done++;
    if (vow_is_error(outcome)) {
        row->error = text_of(vow_as_error(outcome));
        row->failed = true;
        row->table->failed++;
    } else {
        row->summary = *summary_of(outcome);
    }
}

void table_progress(const struct table *table)
{
    printf("\r\033[K%zu of %zu done, %zu running", table->done, table->count,
           table->begun - table->done);
    fflush(stdout);
}

void table_progress_end(void)
{
    printf("\r\033[K");
    fflush(stdout);
}

/* Columns of a name in UTF-8. */
static size_t width_of(const char *name)
{
    size_t width = 0;
    for (; *name != '\0'; name++)
        width += (*name & 0xc0) != 0x80;
    return width;
}

/* Without what would move the cursor. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void print_name(const char *name, size_t width)
{
    print_text(name);
    for (size_t at = width_of(name); at < width; at++)
        putchar(' ');
}

static int digits_that_fit(size_t name_width)
{
    struct winsize size = {0};
    int used = (int)name_width + 36;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
        size.ws_col >= used + DIGITS)
        return DIGITS;
    return size.ws_col > used + FEWEST_DIGITS ? size.ws_col - used : FEWEST_DIGITS;
}

void table_print(const struct table *table, bool terminal)
{
    size_t width = strlen("input");
    for (size_t i = 0; i < table->count; i++) {
        size_t name = width_of(table->rows[i].name);
        width = name <= width ? width : name < WIDEST_NAME ? name : WIDEST_NAME;
    }
    int digits = terminal ? digits_that_fit(width) : DIGITS;
    print_name("input", width);
    printf(" %12s %9s %9s  %s\n", "bytes", "lines", "ms", "sha256");
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];
        double ms = (double)row->ns / 1e6;
        print_name(row->name, width);
        if (row->failed) {
            printf(" %12s %9s %9.1f  error: ", "-", "-", ms);
            print_text(row->error ? row->error : "there is no memory to say which");
            putchar('\n');
        } else {
            printf(" %12" PRIu64 " %9" PRIu64 " %9.1f  %.*s\n", row->summary.bytes,
                   row->summary.lines, ms, digits, row->summary.sha256);
        }
    }
}

void table_print_totals(const struct table *table, uint64_t ns, vow_counts counts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < table->count; i++)
        sum += table->rows[i].ns;
    printf("%zu inputs, %zu failed; %.1f ms for %.1f ms of parts; %" PRIu64
           " promises made, at most %zu alive, %" PRIu64 " unhandled\n",
           table->count, table->failed, (double)ns / 1e6, (double)sum / 1e6, counts.made,
           counts.peak, counts.unhandled);
}
