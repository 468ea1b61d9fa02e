/* SPDX-License-Identifier: MIT
 *
 * file/watch_paths.c - what a watch watches: the ids that inotify knows, what each of them
 * stands for, and what that is called. A folder in a tree has the name that it was last seen
 * by; its path is made of those above it, so that a move changes one name.
 */
#include "file/watch.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

struct vow__watched *vow__watched_new(const char *name, size_t length)
{
    struct vow__watched *node = vow__alloc_zeroed(sizeof *node);
    char *copy = node ? vow__alloc(length + 1) : NULL;
    if (!copy) {
        vow__free(node);
        return NULL;
    }
    node->id = -1;
    node->root = node;
    node->name = memcpy(copy, name, length);
    copy[length] = '\0';
    return node;
}

void vow__watched_free(struct vow__watched *node)
{
    if (node)
        vow__free(node->name);
    vow__free(node);
}

/* Where id is, or belongs. */
static size_t place_of(const vow_watch *w, int id)
{
    size_t low = 0, high = w->paths_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->paths[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct vow__watched *vow__watched_find(const vow_watch *w, int id)
{
    size_t i = place_of(w, id);
    return i < w->paths_count && w->paths[i]->id == id ? w->paths[i] : NULL;
}

bool vow__watched_reserve(vow_watch *w, size_t more)
{
    size_t room = w->paths_room ? w->paths_room : 4;
    while (room - w->paths_count < more)
        room *= 2;
    if (room == w->paths_room)
        return true;
    struct vow__watched **paths = vow__resize(w->paths, room * sizeof *paths);
    if (!paths)
        return false;
    w->paths = paths;
    w->paths_room = room;
    return true;
}

void vow__watched_insert(vow_watch *w, struct vow__watched *node)
{
    size_t i = place_of(w, node->id); /* at the end, mostly: ids grow */
    memmove(w->paths + i + 1, w->paths + i, (w->paths_count - i) * sizeof *w->paths);
    w->paths[i] = node;
    w->paths_count++;
    if (node->above)
        node->above->folders++;
}

void vow__watched_move(struct vow__watched *node, struct vow__watched *above)
{
    node->above->folders--;
    above->folders++;
    node->above = above;
}

struct vow__watched *vow__watched_below(const vow_watch *w, const struct vow__watched *above,
                                        const char *name)
{
    for (size_t i = 0; i < w->paths_count; i++)
        if (w->paths[i]->above == above && strcmp(w->paths[i]->name, name) == 0)
            return w->paths[i];
    return NULL;
}

bool vow__watched_is_in(const struct vow__watched *node, const struct vow__watched *top)
{
    while (node && node != top)
        node = node->above;
    return node;
}

/* Those that are `gone`. */
static void forget_gone(vow_watch *w)
{
    size_t left = 0;
    for (size_t i = 0; i < w->paths_count; i++) {
        struct vow__watched *node = w->paths[i];
        if (!node->gone) {
            w->paths[left++] = node;
            continue;
        }
        vow__unwatch(w, node->id);
        vow__watched_free(node);
    }
    w->paths_count = left;
}

/* It alone: of a tree that is deleted each folder goes like that. */
static void forget_one(vow_watch *w, struct vow__watched *node)
{
    size_t i = place_of(w, node->id);
    w->paths_count--;
    memmove(w->paths + i, w->paths + i + 1, (w->paths_count - i) * sizeof *w->paths);
    vow__unwatch(w, node->id);
    vow__watched_free(node);
}

void vow__watched_forget(vow_watch *w, struct vow__watched *top, bool only_below)
{
    if (top->above && !only_below)
        top->above->folders--;
    if (top->folders == 0) {
        if (!only_below)
            forget_one(w, top);
        return;
    }
    for (size_t i = 0; i < w->paths_count; i++)
        w->paths[i]->gone = vow__watched_is_in(w->paths[i], top);
    top->gone = !only_below;
    top->folders = 0;
    forget_gone(w);
}

void vow__watched_forget_unmarked(vow_watch *w, const struct vow__watched *root, unsigned mark)
{
    for (size_t i = 0; i < w->paths_count; i++)
        w->paths[i]->gone = w->paths[i]->root == root && w->paths[i]->mark != mark;
    for (size_t i = 0; i < w->paths_count; i++)
        if (w->paths[i]->gone && !w->paths[i]->above->gone)
            w->paths[i]->above->folders--;
    forget_gone(w);
}

void vow__watched_forget_all(vow_watch *w)
{
    while (w->paths_count > 0)
        vow__watched_free(w->paths[--w->paths_count]);
    vow__free(w->paths);
    w->paths = NULL;
}

/* A folder that was given with a slash at its end has that for the one behind it. */
static bool ends_with_slash(const char *path)
{
    size_t length = strlen(path);
    return length > 0 && path[length - 1] == '/';
}

size_t vow__watched_size(const struct vow__watched *node, const char *name)
{
    bool alone = !node->above && !*name;
    size_t size = *name ? strlen(name) + 2 : 1;
    for (; node->above; node = node->above)
        size += strlen(node->name) + 1;
    return size + strlen(node->name) - (!alone && ends_with_slash(node->name) ? 1 : 0);
}

static char *put_before(char *end, const char *name)
{
    size_t length = strlen(name);
    end -= length;
    memcpy(end, name, length);
    *--end = '/';
    return end;
}

char *vow__watched_write(const struct vow__watched *node, const char *name, char *text)
{
    char *after = text + vow__watched_size(node, name), *at = after - 1;
    *at = '\0';
    if (*name)
        at = put_before(at, name);
    for (; node->above; node = node->above)
        at = put_before(at, node->name);
    memcpy(text, node->name, (size_t)(at - text)); /* the slash is there */
    return after;
}

vow_value vow__watched_failed(const char *path, int code, const char *where)
{
    bool full = code == ENOSPC;
    return vow_fail_at(where, vow_errno_domain(), code, "watch %s%s", path,
                       full ? ": this user watches as many as it may" : "");
}
