/* SPDX-License-Identifier: MIT
 *
 * Watches without memory: of a folder, and of a tree in which folders appear.
 */
#include "vow/watch.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oom/oom.h"

struct place {
    char path[32], inner[64], file[96];
};

static struct place make_place(void)
{
    struct place place = {"vow-test-oom-XXXXXX", "", ""};
    CHECK(mkdtemp(place.path) != NULL);
    snprintf(place.inner, sizeof place.inner, "%s/inner", place.path);
    snprintf(place.file, sizeof place.file, "%s/file", place.inner);
    return place;
}

static void fill(const struct place *place)
{
    CHECK(mkdir(place->inner, 0755) == 0 && symlink("x", place->file) == 0);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    (void)s, (void)kind, (void)ftw;
    return remove(path);
}

static void end(vow_loop *loop, vow_watch *w, const struct place *place)
{
    EQ_INT(vow_run_all(loop), 0);
    vow_watch_unref(w);
    CHECK(nftw(place->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

/* The next change is of `path`; what was rejected for want of memory is told by the next one. */
static void expect_change(vow_loop *loop, vow_watch *w, const char *path)
{
    vow_value v;
    for (int tries = 0; tries < 5; tries++)
        if (EXPECT(vow_watch_next(w), &v)) {
            EQ_TEXT(vow_change_of(v)->path, path);
            vow_release(v);
            return;
        }
    CHECK(oom_is_sticky());
}

static void watch(vow_loop *loop, int what)
{
    struct place place = make_place();
    vow_watch *w = vow_watch_new(loop);
    vow_value id;
    if (HAVE(w) && EXPECT(vow_watch_add(w, place.path, what), &id)) {
        fill(&place);
        expect_change(loop, w, place.inner);
        if (what & VOW_WATCH_TREE)
            expect_change(loop, w, place.file);
    }
    end(loop, w, &place);
}

SCENARIO(a_watched_folder) { watch(loop, VOW_WATCH_CREATED); }
SCENARIO(a_watched_tree) { watch(loop, VOW_WATCH_CREATED | VOW_WATCH_TREE); }

SCENARIO(a_watched_tree_that_nobody_waits_for)
{
    struct place place = make_place();
    fill(&place);
    vow_watch *w = vow_watch_new(loop);
    if (HAVE(w)) {
        vow_promise *p = vow_watch_add(w, place.path, VOW_WATCH_ALL | VOW_WATCH_TREE);
        vow_mark_handled(p);
        vow_unref(p);
    }
    end(loop, w, &place);
}
