/* SPDX-License-Identifier: MIT
 *
 * main.c - the tour: sizes, lines and SHA-256 of whatever it is given, all at once; the lines
 * on an OpenCL device where there is one.
 *
 *     examples/run                              the project's own files, and pages of them
 *                                               from a server on the same loop
 *     examples/run tour [-n N] [-t MS] INPUT... files, directories, https:// and http://
 *
 * At most N inputs (16) are under way at a time, each for at most MS milliseconds (5000).
 * Every input gets its row, a failed one with its causes, and fails nobody else.
 *
 * Memory: a file of at most 1 MiB is read whole, a bigger one and every page in pieces of
 * 256 or 64 KiB; so at most N times 1 MiB, whatever the inputs are.
 *
 * Exit status: 0; 1 if an input failed, 2 if the arguments are wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vow.h>

#include "digest.h"
#include "http.h"
#include "inputs.h"
#include "server.h"
#include "table.h"

enum { PROGRESS_MS = 50 };

/* What the tour without arguments looks at. */
static const char *const files[] = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md",
                                    "LICENSE",   "SECURITY.md",  "include",
                                    "lib",       "examples"};
static const char *const pages[] = {"README.md", "LICENSE", "include/vow.h",
                                    "include/vow/promise.h", "examples/README.md"};
enum { FILES = sizeof files / sizeof *files, PAGES = sizeof pages / sizeof *pages };

struct tour {
    vow_loop *loop;
    struct means means;
    vow_http_client *client;
    struct inputs *inputs;
    struct table *table;
    size_t limit;
    uint64_t timeout_ms;
    bool terminal;
};

/* ---- one input ---- */

static vow_promise *digest_of(struct tour *tour, const struct input *input)
{
    if (input->error != 0)
        return vow_rejected(tour->loop, vow_error_new(vow_errno_domain(), input->error, "list"));
    if (url_is(input->name))
        return http_digest(tour->client, &tour->means, input->name);
    return digest_file(&tour->means, input->name);
}

/* Value or error: a row either way, so that no input fails the others. */
static vow_value on_outcome(vow_value outcome, void *data)
{
    struct row *row = data;
    row_end(row, outcome, vow_now(vow_current()));
    return vow_none();
}

static vow_value start(size_t i, void *data)
{
    struct tour *tour = data;
    const struct input *input = &tour->inputs->items[i];
    struct row *row = &tour->table->rows[i];
    row_begin(row, input->name, vow_now(tour->loop));
    vow_promise *p = digest_of(tour, input);
    p = vow_timeout(p, tour->timeout_ms);
    return vow_v(vow_handle(p, on_outcome, row));
}

/* ---- all of them ---- */

static int complain(vow_value error)
{
    char why[300];
    vow_describe(vow_as_error(error), VOW_ONE_LINE, why, sizeof why);
    fprintf(stderr, "tour: %s\n", why);
    return 1;
}

static vow_value show_progress(void *data)
{
    table_progress(data);
    return VOW_AGAIN;
}

/* The exit status. */
static int digest_all(struct tour *tour)
{
    vow_loop *loop = tour->loop;
    uint64_t begin = vow_now(loop);
    vow_promise *progress = NULL;
    if (tour->terminal)
        progress = vow_interval(loop, PROGRESS_MS, show_progress, tour->table);
    vow_value v;
    int code = vow_run(loop, vow_for_each(loop, tour->inputs->count, tour->limit, start, tour), &v);
    vow_unref(progress); /* dropped: it does not tick any more */
    if (tour->terminal)
        table_progress_end();
    if (code != 0)
        complain(v);
    vow_release(v);
    if (code != 0)
        return 1;
    table_print(tour->table, tour->terminal);
    table_print_totals(tour->table, vow_now(loop) - begin, vow_stats(loop));
    return tour->table->failed > 0 ? 1 : 0;
}

static int tour_of(struct tour *tour, const char *const *arguments, size_t count)
{
    vow_value found;
    int status = 1;
    if (vow_run(tour->loop, inputs_find(tour->loop, tour->means.pool, arguments, count), &found) != 0) {
        complain(found);
    } else {
        tour->inputs = inputs_of(found);
        tour->table = table_new(tour->inputs->count);
        if (tour->table == NULL)
            perror("tour");
        else
            status = digest_all(tour);
        table_free(tour->table);
    }
    vow_release(found);
    return status;
}

static int tour_of_the_project(struct tour *tour)
{
    const char *arguments[FILES + PAGES];
    char urls[PAGES][100];
    struct server *server = server_new(tour->loop);
    if (server == NULL) {
        perror("tour: listen");
        return 1;
    }
    memcpy(arguments, files, sizeof files);
    for (size_t i = 0; i < PAGES; i++) {
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%u/%s", server_port(server), pages[i]);
        arguments[FILES + i] = urls[i];
    }
    int status = tour_of(tour, arguments, FILES + PAGES);
    vow_value v;
    if (vow_run(tour->loop, server_stop(server), &v) != 0)
        status = complain(v);
    vow_release(v);
    server_free(server);
    return status;
}

/* Without one, or without vow-opencl, the workers count: no error. */
static void open_device(struct tour *tour, vow_value *ret)
{
    if (vow_run(tour->loop, device_open(tour->loop), ret) == 0)
        tour->means.device = device_of(*ret);
}

/* ---- arguments ---- */

/* A number from 1 to `most`; 0 if it is none. */
static unsigned long number_of(const char *text, unsigned long most)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && number <= most ? number : 0;
}

static bool parse_options(struct tour *tour, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "n:t:")) != -1) {
        if (option == 'n')
            tour->limit = number_of(optarg, 10000);
        else if (option == 't')
            tour->timeout_ms = number_of(optarg, 1000000000);
        else
            return false;
    }
    return tour->limit > 0 && tour->timeout_ms > 0;
}

int main(int argc, char **argv)
{
    struct tour tour = {.limit = 16, .timeout_ms = 5000, .terminal = isatty(STDOUT_FILENO)};
    if (!parse_options(&tour, argc, argv)) {
        fprintf(stderr, "usage: tour [-n AT_ONCE] [-t MILLISECONDS] [FILE|DIRECTORY|URL]...\n");
        return 2;
    }
    tour.loop = vow_loop_new();
    tour.means = (struct means){tour.loop, vow_pool_new("digest", 0, 0), NULL};
    tour.client = tour.loop == NULL ? NULL : vow_http_client_new(tour.loop, NULL);
    if (tour.client == NULL || tour.means.pool == NULL) {
        perror("tour");
        return 1;
    }
    vow_value device;
    open_device(&tour, &device);
    int status = optind < argc
                     ? tour_of(&tour, (const char *const *)argv + optind, (size_t)(argc - optind))
                     : tour_of_the_project(&tour);
    vow_release(device);
    vow_http_client_free(tour.client);
    vow_pool_free(tour.means.pool);
    vow_loop_free(tour.loop);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("tour: standard output");
        return 1;
    }
    return status;
}
