/* SPDX-License-Identifier: MIT
 *
 * inspect/test.c - the test kit: a loop on a virtual clock and a reckoning at its end.
 */
#include <dirent.h>
#include <stdio.h>

#include "base/mem.h"
#include "core/loop.h"
#include "vow/inspect.h"
#include "vow/test.h"

struct vow_test {
    vow_loop *loop;
    size_t blocks, descriptors, expected; /* before; unhandled rejections meant */
};

static char complaint[256];

/* SIZE_MAX where the system does not tell. */
static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return SIZE_MAX;
    size_t n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

vow_test *vow_test_begin(void)
{
    size_t blocks = vow_test_blocks(), descriptors = open_descriptors();
    vow_test *t = vow__alloc(sizeof *t);
    if (!t)
        return NULL;
    vow_places(true);
    *t = (vow_test){vow_loop_new(), blocks, descriptors, 0};
    if (!t->loop) {
        vow__free(t);
        return NULL;
    }
    vow_clock_virtual(t->loop, true);
    return t;
}

vow_loop *vow_test_loop(vow_test *t) { return t->loop; }

void vow_test_expect_unhandled(vow_test *t, size_t n) { t->expected = n; }

/* NULL, or the complaint that `what` differs. */
static const char *compare(const char *what, size_t expected, size_t got)
{
    if (expected == got)
        return NULL;
    snprintf(complaint, sizeof complaint, "%s: expected %zu, got %zu", what, expected, got);
    return complaint;
}

/* Small seeds, too, are to begin with a mixture of bits. */
void vow_test_shuffle(vow_loop *loop, uint64_t seed)
{
    vow__check_loop(loop, "vow_test_shuffle");
    loop->shuffle = seed ? (seed * UINT64_C(0x9e3779b97f4a7c15)) | 1 : 0;
}

const char *vow_test_end(vow_test *t)
{
    vow__drain(t->loop, SIZE_MAX);
    vow_counts counts = vow_stats(t->loop);
    const char *wrong = compare("unhandled rejections", t->expected, (size_t)counts.unhandled);
    const char *leak = compare("live promises at the end", 0, counts.live);
    size_t blocks = t->blocks, descriptors = t->descriptors;
    vow_loop_free(t->loop);
    vow__free(t);
    if (!wrong && !leak)
        leak = compare("blocks of vow's memory", blocks, vow_test_blocks());
    if (!wrong && !leak)
        leak = compare("open descriptors", descriptors, open_descriptors());
    return wrong ? wrong : leak;
}
