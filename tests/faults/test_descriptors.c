/* SPDX-License-Identifier: MIT
 *
 * test_descriptors.c - too few descriptors.
 */
#include "adapt/net.h"

/* Listens, connects, accepts, waits for the hang-up and reads a file: 0 or EMFILE. An accept
 * without descriptors waits, here until its time is up. */
static int use_descriptors(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!l)
        return errno;
    char port[8];
    vow_value here = vow_none(), there = vow_none();
    snprintf(port, sizeof port, "%u", vow_listener_port(l));
    vow_promise *accept = vow_timeout(vow_accept(l), 5000);
    vow_mark_handled(accept);
    int code = vow_run(loop, vow_sock_connect(loop, "127.0.0.1", port), &here);
    if (code == 0)
        code = vow_run(loop, accept, &there);
    else
        vow_unref(accept);
    if (code == 0) {
        vow_promise *end = vow_ready(loop, vow_stream_fd(vow_stream_of(there)), VOW_HANGUP);
        vow_mark_handled(end);
        vow_stream_close(vow_stream_of(here));
        code = vow_run(loop, end, NULL);
    }
    if (code == 0)
        code = vow_run(loop, vow_file_read(loop, "/etc/passwd", 0), NULL);
    vow_release(here);
    vow_release(there);
    vow_listener_close(l);
    return code;
}

TEST(any_number_of_descriptors_short)
{
    int more = 0, code;
    do {
        struct rlimit before = net_limit_descriptors(more);
        code = use_descriptors(loop);
        setrlimit(RLIMIT_NOFILE, &before);
        if (code != 0 && code != EMFILE && code != ETIMEDOUT)
            FAIL("with %d more descriptors: code %d", more, code);
        more++;
    } while (code != 0 && more < 20 && !under_valgrind());
    CHECK(under_valgrind() || (code == 0 && more > 3));
}
