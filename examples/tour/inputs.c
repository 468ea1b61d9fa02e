/* SPDX-License-Identifier: MIT
 *
 * inputs.c - walks directories on a worker thread: a slow disk does not stop the loop.
 */
#include "inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "http.h"

enum { DEEPEST = 100 };

static void inputs_free(struct inputs *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
    free(list);
}

VOW_BOX_DEFINE(inputs, struct inputs, inputs_free)

/* Takes name; false: no memory. */
static bool add(struct inputs *list, char *name, int error)
{
    if (name != NULL && (list->count & (list->count - 1)) == 0) { /* full at each power of 2 */
        size_t room = list->count == 0 ? 1 : list->count * 2;
        struct input *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            free(name);
            return false;
        }
        list->items = items;
    }
    if (name != NULL)
        list->items[list->count++] = (struct input){name, error};
    return name != NULL;
}

static char *join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    char *path = malloc(length + strlen(name) + 2);
    if (path != NULL)
        sprintf(path, "%s%s%s", folder, length > 0 && folder[length - 1] == '/' ? "" : "/", name);
    return path;
}

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Takes path. False: no memory. */
static bool walk(struct inputs *list, char *path, int depth)
{
    struct dirent **entries;
    if (path == NULL)
        return false;
    int count =
        depth < DEEPEST ? scandir(path, &entries, not_hidden, alphasort) : (errno = ELOOP, -1);
    if (count < 0)
        return errno != ENOMEM && add(list, path, errno);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        char *below = ok ? join(path, entries[i]->d_name) : NULL;
        if (below == NULL || !is_directory(below))
            ok = ok && add(list, below, 0);
        else if (is_link(below))
            free(below);
        else
            ok = walk(list, below, depth + 1);
        free(entries[i]);
    }
    free(entries);
    free(path);
    return ok;
}

struct search {
    size_t count;
    const char *const *arguments;
};

/* On a worker. */
static vow_value find(void *data)
{
    struct search *search = data;
    struct inputs *list = calloc(1, sizeof *list);
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < search->count; i++) {
        const char *name = search->arguments[i];
        if (!url_is(name) && is_directory(name))
            ok = walk(list, strdup(name), 0);
        else
            ok = add(list, strdup(name), 0);
    }
    if (!ok && list != NULL)
        inputs_free(list);
    return ok ? inputs_value(list) : vow_fail(ENOMEM, "find the inputs");
}

vow_promise *inputs_find(vow_loop *loop, vow_pool *pool, const char *const *arguments, size_t count)
{
    struct search *search = malloc(sizeof *search);
    if (search == NULL)
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENOMEM, "find the inputs"));
    *search = (struct search){count, arguments};
    return vow_work(loop, pool, find, search, free);
}
