/* SPDX-License-Identifier: MIT
 *
 * table.h - what the tour prints: a row an input, and how far it has come.
 */
#ifndef TOUR_TABLE_H
#define TOUR_TABLE_H

#include "digest.h"

struct row {
    struct table *table;
    const char *name;
    uint64_t ns; /* when it began; then how long it took */
    struct summary summary;
    bool failed;
    char *error; /* if it failed; NULL: no memory for it */
};

struct table {
    struct row *rows;
    size_t count, begun, done, failed;
};

struct table *table_new(size_t count); /* NULL: no memory */
void table_free(struct table *table);

/* A row begins; ends with its summary or its error (borrowed). `now` as vow_now says. */
void row_begin(struct row *row, const char *name, uint64_t now);
void row_end(struct row *row, vow_value outcome, uint64_t now);

/* The line that says how far it is, for terminals; writes over the one before. */
void table_progress(const struct table *table);
void table_progress_end(void); /* takes it away */

/* The rows in order; on a terminal digests are cut to what fits. */
void table_print(const struct table *table, bool terminal);
/* The last line: the time it took against what the rows took in sum, and vow's counts. */
void table_print_totals(const struct table *table, uint64_t ns, vow_counts counts);

#endif
