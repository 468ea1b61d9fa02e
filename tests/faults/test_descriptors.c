/* SPDX-License-Identifier: MIT
 *
 * test_descriptors.c - what needs descriptors, with too few of them.
 */
#include "faults/few.h"

#include "file/files.h"

/* Who accepts without descriptors waits, here until the time is up. */
static int accepted(vow_loop *loop, vow_promise *p, vow_value *ret)
{
    int code = vow_run(loop, vow_timeout(p, 5000), ret);
    if (code == 0)
        return 0;
    vow_release(*ret);
    *ret = vow_none();
    EQ_INT(code, ETIMEDOUT);
    return EMFILE;
}

static int connect_and_accept(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!l)
        return errno;
    char port[8];
    vow_value here = vow_none(), there = vow_none();
    snprintf(port, sizeof port, "%u", vow_listener_port(l));
    int code = OUTCOME(vow_sock_connect(loop, "127.0.0.1", port), &here);
    if (code == 0)
        code = accepted(loop, vow_accept(l), &there);
    if (code == 0) {
        vow_promise *end = vow_ready(loop, vow_stream_fd(vow_stream_of(there)), VOW_HANGUP);
        vow_stream_close(vow_stream_of(here));
        code = OUTCOME(end, NULL);
    }
    vow_release(here);
    vow_release(there);
    vow_listener_close(l);
    return code;
}
TEST_PLAIN(sockets) { with_few_descriptors(connect_and_accept); }

/* The second of two addresses is tried although there was no descriptor for the first. */
static int race_addresses(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!l)
        return errno;
    vow_value to[] = {vow_address_value(vow_listener_address(l)),
                      vow_address_value(vow_listener_address(l))};
    int code = OUTCOME(vow_sock_connect_to(loop, vow_array(2, to), NULL), NULL);
    vow_listener_close(l);
    return code;
}
TEST_PLAIN(a_race_of_addresses) { with_few_descriptors(race_addresses); }

static int use_udp(vow_loop *loop)
{
    vow_address a;
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 0), 0);
    vow_dgram *d = vow_udp_open(loop, &a, NULL);
    if (!d)
        return errno;
    EQ_INT(vow_dgram_address(d, &a), 0);
    int code = OUTCOME(vow_dgram_send(d, &a, "hello", 5), NULL);
    code = code ? code : OUTCOME(vow_dgram_receive(d, 10), NULL);
    vow_dgram_unref(d);
    return code;
}
TEST_PLAIN(datagrams) { with_few_descriptors(use_udp); }

static int use_unix(vow_loop *loop)
{
    vow_stream *s[2];
    vow_dgram *d[2];
    int code = vow_unix_pair(loop, s);
    if (code)
        return code;
    code = vow_unix_dgram_pair(loop, d);
    if (code == 0) {
        vow_dgram_unref(d[0]);
        vow_dgram_unref(d[1]);
    }
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
    vow_listener *l = code ? NULL : vow_unix_listen(loop, "@", 0);
    if (!l)
        return code ? code : errno;
    vow_value to = vow_address_value(vow_listener_address(l));
    code = OUTCOME(vow_sock_connect_to(loop, to, NULL), NULL);
    vow_listener_close(l);
    return code;
}
TEST_PLAIN(unix_sockets) { with_few_descriptors(use_unix); }

static void no_more(void *data) { ++*(int *)data; }

/* A loop of its own, posts to it, a timer and a job in the pool. */
static int use_loop(vow_loop *unused)
{
    (void)unused;
    int told = 0;
    vow_loop *loop = vow_loop_new();
    if (!loop)
        return errno;
    vow_remote *remote = vow_remote_new(loop);
    int code = remote ? vow_post(remote, no_more, &told, NULL) : errno;
    if (code == 0)
        code = OUTCOME(vow_delay(loop, 1), NULL);
    if (remote && code == 0)
        EQ_INT(told, 1);
    vow_remote_unref(remote);
    vow_loop_free(loop);
    return code;
}
TEST_PLAIN(loops_and_remotes) { with_few_descriptors(use_loop); }

static vow_value none(void *data)
{
    (void)data;
    return vow_none();
}

static int use_pool(vow_loop *loop)
{
    return OUTCOME(vow_work(loop, NULL, none, NULL, NULL), NULL);
}
TEST_PLAIN(jobs) { with_few_descriptors(use_pool); }

static int use_signals(vow_loop *loop)
{
    int number = SIGUSR1;
    vow_signals *s = vow_signals_new(loop, &number, 1);
    if (!s)
        return errno;
    EQ_INT(raise(SIGUSR1), 0);
    int code = OUTCOME(vow_signals_next(s), NULL);
    vow_signals_free(s);
    return code;
}
TEST_PLAIN(signals) { with_few_descriptors(use_signals); }

static int use_processes(vow_loop *loop)
{
    vow_process_options options = {
        .in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE, .err = VOW_STDIO_PIPE};
    const char *const echo[] = {"/bin/echo", "hello", NULL};
    vow_value v;
    int code = OUTCOME(vow_process_start(loop, echo, &options), &v);
    if (code)
        return code;
    code = OUTCOME(vow_process_wait(vow_process_of(v)), NULL);
    vow_release(v);
    return code ? code : OUTCOME(vow_process_run(loop, echo, NULL, 0), NULL);
}
TEST_PLAIN(processes) { with_few_descriptors(use_processes); }

/* Files: in a folder that is there before and afterwards. */

static struct dir dir;

static int use_files(vow_loop *loop)
{
    int code = OUTCOME(vow_file_write(loop, dir.file, text_buf("text"), 0), NULL);
    code = code ? code : OUTCOME(vow_file_read(loop, dir.file, 0), NULL);
    code = code ? code : OUTCOME(vow_file_copy(loop, dir.file, dir.other, NULL, NULL), NULL);
    vow_value v;
    code = code ? code : OUTCOME(vow_file_open(loop, dir.other, O_RDWR, 0), &v);
    if (code)
        return code;
    vow_file *f = vow_file_ref(vow_file_of(v));
    vow_release(v);
    vow_file *held = vow_file_ref(f); /* so that closing takes a second descriptor */
    code = OUTCOME(vow_file_close(loop, f), NULL);
    vow_file_unref(held);
    return code;
}
TEST_PLAIN(files)
{
    dir = make_dir();
    with_few_descriptors(use_files);
    remove_dir(&dir);
}

static char deep[128];

static int use_directories(vow_loop *loop)
{
    vow_value v = vow_none();
    int code = OUTCOME(vow_dir_make(loop, deep, 0777), NULL);
    vow_dir *d = code ? NULL : vow_dir_open(loop, dir.path, VOW_DIR_DEEP);
    while (d && code == 0) {
        code = OUTCOME(vow_dir_next(d), &v);
        if (code == 0 && vow_is_none(v))
            break;
        vow_release(v);
    }
    vow_dir_unref(d);
    return code ? code : OUTCOME(vow_dir_remove(loop, dir.file), NULL);
}
TEST_PLAIN(directories)
{
    dir = make_dir();
    snprintf(deep, sizeof deep, "%s/a/b/c/d", dir.file);
    with_few_descriptors(use_directories);
    remove_dir(&dir);
}

#ifndef VOW_PORTABLE /* which has no watches */
static int use_watches(vow_loop *loop)
{
    vow_watch *w = vow_watch_new(loop);
    if (!w)
        return errno;
    int code = OUTCOME(vow_watch_add(w, dir.path, VOW_WATCH_CREATED | VOW_WATCH_TREE), NULL);
    vow_watch_unref(w);
    return code;
}
TEST_PLAIN(watches)
{
    dir = make_dir();
    with_few_descriptors(use_watches);
    remove_dir(&dir);
}
#endif

/* A device takes another one for the question whether it can be waited for. */
static int use_streams(vow_loop *loop)
{
    int fd = open("/dev/null", O_RDWR);
    vow_stream *s = fd < 0 ? NULL : vow_stream_from_fd(loop, fd);
    if (!s)
        return errno;
    int code = OUTCOME(vow_stream_write(s, "hello", 5), NULL);
    code = code ? code : OUTCOME(vow_stream_read(s, 5), NULL);
    vow_stream_unref(s);
    return code;
}
TEST_PLAIN(streams) { with_few_descriptors(use_streams); }
