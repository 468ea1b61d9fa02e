/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>

#include "common.h"

static void dispatch_is_idle(struct event_base *base)
{
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    EQ_INT(event_base_dispatch(base), 1);
}

TEST_PLAIN(dispatch_returns_at_once_when_nothing_is_pending)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    dispatch_is_idle(base);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST_PLAIN(dispatch_waits_for_what_is_pending_and_then_returns)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    int fired = 0;
    vow_detach(vow_then(vow_delay(loop_, 5), count_value, &fired), NULL, NULL, NULL);
    CHECK(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > 0);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_INT(fired, 1);
    dispatch_is_idle(base);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST_PLAIN(a_settled_promise_keeps_dispatch_going_until_its_handlers_ran)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    int ran = 0;
    vow_detach(vow_then(vow_resolved(loop_, vow_none()), count_value, &ran), NULL, NULL, NULL);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_INT(ran, 1);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST_PLAIN(a_second_attach_gives_the_same_loop_to_be_freed_as_often)
{
    struct event_base *base = event_base_new();
    vow_loop *first = vow_loop_attach(base), *second = vow_loop_attach(base);
    EQ_PTR(first, second);
    vow_loop_free(second);
    EQ_INT(vow_run(first, vow_delay(first, 1), NULL), 0);
    vow_loop_free(first);
    event_base_free(base);
}

TEST(attaching_to_the_base_of_a_loop_gives_that_loop)
{
    EQ_PTR(vow_loop_attach(vow_loop_base(loop)), loop);
    vow_loop_free(loop);
}

TEST_PANICS(freeing_more_often_than_attached_is_misuse, "freed already")
{
    vow_enter(loop);
    vow_loop_free(loop);
    vow_loop_free(loop);
}

TEST_PLAIN(after_a_free_the_base_can_be_attached_again)
{
    struct event_base *base = event_base_new();
    vow_loop_free(vow_loop_attach(base));
    vow_loop *again = vow_loop_attach(base);
    EQ_INT(vow_run(again, vow_delay(again, 1), NULL), 0);
    vow_loop_free(again);
    event_base_free(base);
}

struct reattach {
    struct event_base *base;
    vow_loop *old, *fresh;
};

static vow_value free_and_attach(vow_value v UNUSED, void *data)
{
    struct reattach *r = data;
    vow_loop_free(r->old);
    r->fresh = vow_loop_attach(r->base);
    return vow_none();
}

TEST_PLAIN(attaching_while_the_old_loop_is_being_freed_gives_a_fresh_one)
{
    struct reattach r = {event_base_new(), NULL, NULL};
    r.old = vow_loop_attach(r.base);
    vow_detach(vow_then(vow_resolved(r.old, vow_none()), free_and_attach, &r), NULL, NULL, NULL);
    event_base_dispatch(r.base);
    CHECK(r.fresh && r.fresh != r.old);
    EQ_INT(vow_run(r.fresh, vow_delay(r.fresh, 1), NULL), 0);
    vow_loop_free(r.fresh);
    event_base_free(r.base);
}

static void *attach_on_thread(void *data)
{
    struct event_base *mine = event_base_new();
    vow_loop *first = vow_loop_attach(mine);
    *(bool *)data = first != NULL && first == vow_loop_attach(mine) &&
                    vow_run(first, vow_delay(first, 1), NULL) == 0;
    vow_loop_free(first);
    vow_loop_free(first);
    event_base_free(mine);
    return NULL;
}

TEST(each_thread_has_its_own_loops)
{
    bool good[2] = {false, false};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, attach_on_thread, &good[i]) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(good[0] && good[1]);
    EQ_INT(vow_run(loop, vow_delay(loop, 1), NULL), 0);
}

TEST_PLAIN(two_attached_loops_share_a_thread)
{
    struct event_base *bases[2] = {event_base_new(), event_base_new()};
    vow_loop *loops[2] = {vow_loop_attach(bases[0]), vow_loop_attach(bases[1])};
    int ran[2] = {0, 0};
    for (int i = 0; i < 2; i++)
        vow_detach(vow_then(vow_delay(loops[i], 1), count_value, &ran[i]), NULL, NULL, NULL);
    event_base_dispatch(bases[0]);
    EQ_INT(ran[0], 1);
    EQ_INT(ran[1], 0);
    event_base_dispatch(bases[1]);
    EQ_INT(ran[1], 1);
    for (int i = 0; i < 2; i++) {
        vow_loop_free(loops[i]);
        event_base_free(bases[i]);
    }
}

/* What belongs to the owner of the base. */

static void note_event(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    note_plain(data);
}

TEST_PLAIN(priorities_of_the_base_stay_and_order_its_callbacks)
{
    struct event_base *base = event_base_new();
    CHECK(event_base_priority_init(base, 5) == 0);
    vow_loop *loop_ = vow_loop_attach(base);
    EQ_INT(event_base_get_npriorities(base), 5);
    struct trace seen = {""};
    struct note low = {&seen, "low"}, high = {&seen, "high"}, vow = {&seen, "vow"};
    struct event *last = event_new(base, -1, 0, note_event, &low);
    struct event *first = event_new(base, -1, 0, note_event, &high);
    event_priority_set(last, 4);
    event_priority_set(first, 0);
    vow_detach(vow_handle(vow_resolved(loop_, vow_none()), note_any, &vow), NULL, NULL, NULL);
    event_active(last, EV_TIMEOUT, 1);
    event_active(first, EV_TIMEOUT, 1);
    event_base_dispatch(base);
    EQ_TRACE(seen, "high vow low"); /* vow's events have the middle one, libevent's default */
    event_free(first);
    event_free(last);
    vow_loop_free(loop_);
    EQ_INT(event_base_get_npriorities(base), 5);
    event_base_free(base);
}

static void break_base(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    event_base_loopbreak(data);
}

TEST_PLAIN(break_and_exit_of_the_base_are_left_to_its_owner)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    int fired = 0;
    vow_promise *p = vow_then(vow_delay(loop_, 1), count_value, &fired);
    event_base_loopexit(base, NULL);
    vow_loop_stop(loop_);
    EQ_INT(event_base_dispatch(base), 0);
    CHECK(event_base_got_exit(base) && !event_base_got_break(base));
    struct event *event = event_new(base, -1, 0, break_base, base);
    event_active(event, EV_TIMEOUT, 1);
    EQ_INT(event_base_dispatch(base), 0);
    CHECK(event_base_got_break(base));
    EQ_INT(run_code(loop_, vow_delay(loop_, 3600000)), ECANCELED); /* the stop, sticky */
    EQ_INT(vow_run(loop_, p, NULL), 0);
    EQ_INT(fired, 1);
    event_free(event);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST_PLAIN(a_break_of_the_base_ends_vow_run)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    struct event *event = event_new(base, -1, 0, break_base, base);
    event_active(event, EV_TIMEOUT, 1);
    EQ_INT(run_code(loop_, vow_delay(loop_, 3600000)), ECANCELED);
    EQ_INT(vow_run(loop_, vow_delay(loop_, 1), NULL), 0);
    event_free(event);
    vow_loop_free(loop_);
    event_base_free(base);
}

static int logged;
static void count_log(int severity UNUSED, const char *message UNUSED) { logged++; }

TEST_PLAIN(the_log_hook_of_libevent_stays)
{
    event_set_log_callback(count_log);
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    EQ_INT(vow_run(loop_, vow_delay(loop_, 1), NULL), 0);
    int before = logged;
    int fd = dup(0);
    close(fd);
    struct event *bad = event_new(base, fd, EV_READ, note_event, NULL);
    event_add(bad, NULL); /* libevent complains about it */
    CHECK(logged > before);
    event_free(bad);
    vow_loop_free(loop_);
    event_base_free(base);
    event_set_log_callback(NULL);
}

/* vow's timers do not depend on the base's clock, which is coarse by default. */
TEST_PLAIN(no_timer_is_early_on_an_attached_base)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    for (uint64_t i = 0; i < 50; i++) {
        uint64_t deadline = vow_now(loop_) + 37000 * i;
        EQ_INT(vow_run(loop_, vow_delay_until(loop_, deadline), NULL), 0);
        CHECK(vow_now(loop_) >= deadline);
    }
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST_PLAIN(sockets_of_the_program_and_promises_share_the_base)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    int pair[2], readable = 0;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct event *event = event_new(base, pair[0], EV_READ, count_event, &readable);
    event_add(event, NULL);
    CHECK(write(pair[1], "x", 1) == 1);
    EQ_INT(vow_run(loop_, vow_delay(loop_, 2), NULL), 0);
    EQ_INT(readable, 1);
    event_free(event);
    close(pair[0]);
    close(pair[1]);
    vow_loop_free(loop_);
    event_base_free(base);
}
