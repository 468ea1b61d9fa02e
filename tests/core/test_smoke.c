/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "harness.h"

static vow_value add1(vow_value v, void *data) { (void)data; return vow_v(vow_as_int(v) + 1); }
static vow_value log_v(vow_value v, void *data) { trace_add(data, "%d", (int)vow_as_int(v)); return vow_none(); }

TEST(basic_chain)
{
    struct trace seen = {""};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    p = vow_then(p, add1, NULL);
    p = vow_then(p, add1, NULL);
    p = vow_then(p, log_v, &seen);
    vow_resolve(r, vow_v(1));
    EQ_TRACE(seen, "");
    vow_drain(loop, 100);
    EQ_TRACE(seen, "3");
    vow_unref(p);
}
TEST(run_delay)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_delay(loop, 1000), &v), 0);
}
TEST(stall)
{
    vow_resolver *r;
    vow_value v;
    vow_promise *p = vow_promise_new(loop, &r);
    p = vow_then(p, add1, NULL);
    EQ_INT(vow_run(loop, p, &v), EDEADLK);
    char b[2000]; vow_describe(vow_as_error(v), VOW_LINES, b, sizeof b); puts(b);
    vow_release(v);
    vow_resolver_drop(r);
}
static void post_fn(void *d) { trace_add(d, "posted"); }
TEST(post)
{
    struct trace seen = {""};
    vow_remote *m = vow_remote_new(loop);
    EQ_INT(vow_post(m, post_fn, &seen, NULL), 0);
    vow_remote_unref(m);
    vow_run_all(loop);
    EQ_TRACE(seen, "posted");
}
