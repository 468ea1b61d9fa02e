/* SPDX-License-Identifier: MIT
 *
 * Ended at each of its suspension points, by a cancel, a drop and the loop's end: a client and
 * a server as in examples/09-await, and a task as in 28-crowd beside them.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "harness.h"

enum way { NOT_AT_ALL, CANCEL, DROP, CLOSE, WAYS };

struct show {
    vow_loop *loop;
    vow_listener *listener;
    vow_promise *client, *server, *task;
    char port[8];
    int begun, ended, resumed_late, codes;
};

/* Every fiber and task counts itself in and out. */
struct part {
    vow_task task;
    struct show *show;
    vow_stream *stream;
    int rounds;
    bool over;
};

static struct part *new_part(struct show *show)
{
    struct part *part = calloc(1, sizeof *part);
    part->show = show;
    return part;
}

static void free_part(void *data)
{
    struct part *part = data;
    part->show->ended++;
    vow_stream_unref(part->stream);
    free(part);
}

static int await_in(struct part *part, vow_promise *p, vow_value *ret)
{
    int code = vow_await(p, ret);
    part->show->resumed_late += part->over;
    return code;
}

static vow_value client(void *data)
{
    struct part *part = data;
    struct show *show = part->show;
    vow_value v;
    show->begun++;
    int code = await_in(part, vow_sock_connect(show->loop, "127.0.0.1", show->port), &v);
    if (code == 0) {
        part->stream = vow_stream_ref(vow_stream_of(v));
        vow_release(v);
        code = await_in(part, vow_stream_write(part->stream, "ping\n", 5), &v);
    }
    if (code == 0)
        code = await_in(part, vow_stream_read_until(part->stream, '\n', 100), &v);
    part->over = true;
    show->codes += code == 0;
    return v;
}

static vow_value server(void *data)
{
    struct part *part = data;
    struct show *show = part->show;
    vow_value v;
    show->begun++;
    int code = await_in(part, vow_accept(show->listener), &v);
    if (code == 0) {
        part->stream = vow_stream_ref(vow_stream_of(v));
        vow_release(v);
        code = await_in(part, vow_stream_read_until(part->stream, '\n', 100), &v);
    }
    if (code == 0) {
        vow_release(v);
        code = await_in(part, vow_stream_write(part->stream, "pong\n", 5), &v);
    }
    part->over = true;
    show->codes += code == 0;
    return v;
}

static vow_value nothing(void *data)
{
    struct part *part = data;
    part->show->begun++;
    if (vow_yield() == 0)
        vow_await(vow_delay(vow_current(), 0), NULL);
    return vow_none();
}

static vow_value rest(vow_task *task)
{
    struct part *part = (struct part *)task;
    VOW_TASK_BEGIN(task);
    part->show->begun++;
    for (part->rounds = 0; part->rounds < 3; part->rounds++) {
        VOW_TRY(task, vow_spawn(vow_current(), nothing, new_part(part->show), free_part));
        VOW_YIELD(task);
    }
    VOW_TASK_END(vow_none());
}

static void start(struct show *show)
{
    *show = (struct show){.loop = vow_loop_new()};
    show->listener = vow_listen(show->loop, NULL, 0, 8);
    snprintf(show->port, sizeof show->port, "%d", vow_listener_port(show->listener));
    vow_loop_set_budget(show->loop, 1);
    show->server = vow_spawn(show->loop, server, new_part(show), free_part);
    show->client = vow_spawn(show->loop, client, new_part(show), free_part);
    show->task = vow_task_start(show->loop, rest, &new_part(show)->task, free_part);
    vow_mark_handled(show->client);
    vow_mark_handled(show->server);
    vow_mark_handled(show->task);
}

static bool is_over(const struct show *show)
{
    return vow_state(show->client) != VOW_PENDING && vow_state(show->server) != VOW_PENDING &&
           vow_state(show->task) != VOW_PENDING;
}

/* At most one handler more; false: that was all. */
static bool step(struct show *show)
{
    uint64_t before = vow_stats(show->loop).handlers;
    while (!is_over(show) && vow_stats(show->loop).handlers == before)
        event_base_loop(vow_loop_base(show->loop), EVLOOP_ONCE);
    return !is_over(show);
}

static void end(struct show *show, enum way way)
{
    vow_promise *all[] = {show->client, show->server, show->task};
    for (int i = 0; i < 3; i++) {
        if (way == CANCEL)
            vow_cancel(all[i]);
        if (way == DROP)
            vow_unref(all[i]);
    }
    if (way != DROP) {
        if (way == CLOSE)
            vow_loop_close(show->loop);
        while (way != CLOSE && step(show))
            ;
        for (int i = 0; i < 3; i++)
            vow_unref(all[i]);
    }
    vow_listener_close(show->listener);
    vow_loop_free(show->loop);
}

/* How many points there are before it is over; ended at the given one. */
static int run(enum way way, int at)
{
    struct show show;
    int points = 0;
    start(&show);
    while ((way == NOT_AT_ALL || points < at) && step(&show))
        points++;
    end(&show, way);
    EQ_INT(show.resumed_late, 0);
    CHECK(show.ended >= 3 && show.begun <= show.ended);
    if (way == NOT_AT_ALL) {
        EQ_INT(show.codes, 2);
        EQ_INT(show.ended, 6);
    }
    return points;
}

TEST_PLAIN(ended_at_each_suspension_point_in_each_way_nothing_is_lost_or_resumed_late)
{
    int points = run(NOT_AT_ALL, 0);
    CHECK(points > 10);
    for (int at = 0; at <= points; at++)
        for (enum way way = CANCEL; way < WAYS; way++)
            run(way, at);
}
