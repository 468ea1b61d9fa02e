/* SPDX-License-Identifier: MIT
 *
 * Cancel, drop, close, fork: what is not begun is called off, what is begun runs out.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "opencl/test.h"

TEST(a_command_that_waits_for_the_host_is_called_off)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('x'),
                                  VOW_AFTER(vow_delay(loop, 1000)));
    vow_poll(loop);
    vow_cancel(p);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_unref(p);
    settle_all(loop);
    EQ_INT(vow_run_all(loop), 0); /* the delay was stopped, the device waits for nothing */
    vow_promise *read = vow_cl_read(rig.queue, part(rig.memory[0]), NULL, VOW_AT_ONCE);
    settle_all(loop);
    EQ_INT(vow_buf_bytes(vow_buf_of(vow_peek(read)))[0], 0); /* it was never written */
    EQ_FULFILLED(read);
    RIG_END(rig);
}

TEST(in_an_in_order_queue_what_comes_after_a_command_that_was_called_off_is_let_go)
{
    struct rig rig = rig_of(loop);
    cl_command_queue raw = raw_queue(rig.context, 0);
    vow_cl_queue *queue = vow_cl_queue_new(loop, raw, NULL);
    vow_promise *held = vow_cl_write(queue, part(rig.memory[0]), bytes_of('x'),
                                     VOW_AFTER(vow_delay(loop, 1000)));
    vow_promise *after = vow_cl_read(queue, part(rig.memory[0]), NULL, VOW_AT_ONCE);
    settle_all(loop);
    EQ_INT(vow_state(after), VOW_PENDING);
    vow_unref(held);
    settle_all(loop);
    EQ_INT(vow_buf_bytes(vow_buf_of(vow_peek(after)))[0], 0);
    EQ_FULFILLED(after);
    vow_cl_queue_unref(queue);
    clReleaseCommandQueue(raw);
    RIG_END(rig);
}

TEST(a_failing_dependency_of_a_dropped_command_counts_as_handled)
{
    struct rig rig = rig_of(loop);
    vow_promise *up = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('y'), VOW_AT_ONCE);
    vow_unref(vow_cl_marker(rig.queue, VOW_AFTER(vow_ref(up))));
    vow_poll(loop);
    EQ_INT(stub->finish(1, CL_OUT_OF_RESOURCES), 1);
    settle_all(loop);
    EQ_INT(vow_state(up), VOW_REJECTED);
    vow_unref(up);
    RIG_END(rig);
}

TEST(a_command_under_way_runs_out_when_nobody_wants_it)
{
    struct rig rig = rig_of(loop);
    vow_promise *up = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('y'), VOW_AT_ONCE);
    vow_promise *p = vow_cl_read(rig.queue, part(rig.memory[0]), NULL, VOW_AFTER(up));
    vow_poll(loop);
    vow_cancel(p);
    vow_unref(p);
    EQ_INT(stub->finish(9, CL_COMPLETE), 2);
    EQ_INT(vow_run_all(loop), 0);
    RIG_END(rig);
}

TEST(dispatch_waits_for_what_the_device_has_under_way)
{
    struct rig rig = rig_of(loop);
    stub->slow(2000);
    stub->run(STUB_THREAD);
    vow_unref(vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('z'), VOW_AT_ONCE));
    EQ_INT(vow_run_all(loop), 0);
    vow_promise *p = vow_cl_read(rig.queue, part(rig.memory[0]), NULL, VOW_AT_ONCE);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_buf_bytes(vow_buf_of(v))[0], 'z');
    vow_release(v);
    RIG_END(rig);
}

TEST(closing_waits_for_the_device)
{
    vow_loop *own = vow_loop_new();
    struct rig rig = rig_of(own);
    stub->slow(3000);
    stub->run(STUB_THREAD);
    for (int i = 0; i < 5; i++)
        vow_detach(vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('c'), VOW_AT_ONCE), NULL,
                   NULL, NULL);
    vow_loop_free(own); /* before the queue was ever flushed */
    EQ_INT(stub->unflushed(), 0);
    CHECK(loop != NULL);
    stub->run(STUB_BY_HAND);
    EQ_INT(stub->finish(9, CL_COMPLETE), 0); /* nothing was left */
    RIG_END(rig);
}

TEST(closing_calls_off_what_waits_for_the_loop_itself)
{
    vow_loop *own = vow_loop_new();
    struct rig rig = rig_of(own);
    stub->run(STUB_THREAD);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(vow_delay(own, 100000)));
    vow_promise *q = vow_cl_marker(rig.queue, VOW_AFTER(vow_ref(p)));
    vow_mark_handled(p);
    vow_mark_handled(q);
    EQ_UINT(vow_loop_close(own), 2);
    EQ_INT(vow_state(p), VOW_REJECTED);
    EQ_INT(vow_state(q), VOW_REJECTED);
    vow_unref(p);
    vow_unref(q);
    vow_promise *late = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    CHECK(vow_error_is(vow_error_of(late), vow_own_domain(), VOW_ECLOSED));
    vow_unref(late);
    vow_loop_free(own);
    CHECK(loop != NULL);
    RIG_END(rig);
}

TEST(closing_does_not_wait_for_events_of_others)
{
    vow_loop *own = vow_loop_new();
    cl_context context = raw_context();
    cl_event event = clCreateUserEvent(context, NULL);
    vow_promise *p = vow_cl_wait(own, event);
    vow_mark_handled(p);
    vow_loop_close(own);
    CHECK(vow_error_is(vow_error_of(p), vow_own_domain(), VOW_ECLOSED));
    vow_unref(p);
    vow_loop_free(own);
    clSetUserEventStatus(event, CL_COMPLETE); /* calls back into nothing */
    clReleaseEvent(event);
    clReleaseContext(context);
    CHECK(loop != NULL);
    EQ_UINT(stub->live(), 0);
}

TEST(a_loop_may_be_freed_while_callbacks_come)
{
    CHECK(loop != NULL);
    for (int round = 0; round < 50; round++) {
        vow_loop *own = vow_loop_new();
        struct rig rig = rig_of(own);
        stub->run(STUB_THREAD);
        for (int i = 0; i < 20; i++)
            vow_unref(vow_cl_marker(rig.queue, VOW_AT_ONCE));
        vow_poll(own);
        vow_loop_free(own);
        RIG_END(rig);
    }
}

TEST(loops_of_a_thread_each_have_their_own)
{
    vow_loop *loops[3] = {vow_loop_new(), vow_loop_new(), vow_loop_new()};
    cl_context context = raw_context();
    vow_cl_queue *queues[3];
    vow_promise *p[3];
    stub->run(STUB_BY_HAND);
    for (int i = 0; i < 3; i++) {
        cl_command_queue raw = raw_queue(context, 0);
        queues[i] = vow_cl_queue_new(loops[i], raw, NULL);
        clReleaseCommandQueue(raw);
        p[i] = vow_cl_marker(queues[i], VOW_AT_ONCE);
    }
    for (int i = 0; i < 3; i++)
        settle_all(loops[i]);
    for (int i = 0; i < 3; i++)
        EQ_FULFILLED(p[i]);
    for (int i = 0; i < 3; i++) {
        vow_cl_queue_unref(queues[(i + 1) % 3]); /* the one in the middle first */
        vow_loop_free(loops[(i + 1) % 3]);
    }
    clReleaseContext(context);
    CHECK(loop != NULL);
    EQ_UINT(stub->live(), 0);
}

/* A context, two threads, a loop and a queue each. */
static void *run_a_thousand(void *context)
{
    static const int n = 1000;
    vow_loop *own = vow_loop_new();
    cl_command_queue raw = raw_queue(context, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    vow_cl_queue *queue = vow_cl_queue_new(own, raw, NULL);
    cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE, SIZE, NULL, NULL);
    int wrong = 0;
    clReleaseCommandQueue(raw);
    for (int i = 0; i < n; i++) {
        vow_promise *up = vow_cl_write(queue, part(memory), bytes_of((char)i), VOW_AT_ONCE);
        vow_value v;
        wrong += vow_run(own, vow_cl_read(queue, part(memory), NULL, VOW_AFTER(up)), &v) != 0;
        wrong += !wrong && (char)vow_buf_bytes(vow_buf_of(v))[SIZE - 1] != (char)i;
        vow_release(v);
    }
    clReleaseMemObject(memory);
    vow_cl_queue_unref(queue);
    vow_loop_free(own);
    return wrong ? context : NULL;
}

TEST(loops_of_several_threads_share_a_context)
{
    cl_context context = raw_context();
    pthread_t threads[3];
    void *wrong;
    stub->run(STUB_THREAD);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, run_a_thousand, context) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], &wrong) == 0);
        EQ_PTR(wrong, NULL);
    }
    clReleaseContext(context);
    CHECK(loop != NULL);
    EQ_UINT(stub->live(), 0);
}

static bool is_forked(vow_promise *p)
{
    bool yes = vow_error_is(vow_error_of(p), vow_own_domain(), VOW_EFORK);
    vow_mark_handled(p);
    vow_unref(p);
    return yes;
}

/* In the child: nothing is asked of the driver. */
static bool all_is_refused(vow_loop *loop, struct rig *rig, vow_promise *pending, cl_event event)
{
    vow_cl_times times;
    cl_int codes[3];
    cl_command_queue raw = vow_cl_queue_handle(rig->queue);
    vow_promise *delay = vow_delay(loop, 1);
    vow_mark_handled(delay);
    bool ok = is_forked(vow_cl_marker(rig->queue, VOW_AT_ONCE));
    ok = is_forked(vow_cl_read(rig->queue, part(rig->memory[0]), bytes_of(1), VOW_AT_ONCE)) && ok;
    ok = is_forked(vow_cl_wait(loop, event)) && ok;
    ok = is_forked(vow_cl_open(loop, NULL, 0)) && ok;
    ok = is_forked(vow_cl_build(loop, NULL, "f", NULL)) && ok;
    ok = !vow_cl_queue_new(loop, raw, &codes[0]) && !vow_cl_queue_open(loop, NULL, 0, &codes[1]) &&
         !vow_cl_user_event(loop, rig->context, delay, &codes[2]) && ok;
    for (int i = 0; i < 3; i++)
        ok = codes[i] == CL_DEVICE_NOT_AVAILABLE && ok;
    ok = vow_cl_times_of(event, &times) == CL_DEVICE_NOT_AVAILABLE && ok;
    return !vow_cl_event_of(pending) && ok;
}

static bool child(vow_loop *loop, struct rig *rig, vow_promise *pending, vow_cl_map *map, cl_event event)
{
    bool ok = all_is_refused(loop, rig, pending, event);
    vow_mark_handled(pending);
    ok = vow_loop_after_fork(loop) == 0 && vow_poll(loop) >= 0 && ok;
    ok = vow_state(pending) == VOW_REJECTED && is_forked(pending) && ok;
    ok = vow_unhandled_count(loop) == 0 && ok;
    vow_cl_map_unref(map);
    vow_cl_queue_unref(rig->queue);
    dump_coverage();
    return ok;
}

static int calls_made(void)
{
    static const char *const names[] = {"clReleaseEvent",   "clGetEventInfo",
                                        "clFlush",          "clReleaseCommandQueue",
                                        "clRetainEvent",    "clEnqueueUnmapMemObject",
                                        "clReleaseContext", "clReleaseMemObject"};
    int sum = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sum += stub->called(names[i]);
    return sum;
}

static void fork_with(vow_loop *loop, bool is_watched)
{
    struct rig rig = rig_of(loop);
    vow_promise *m = vow_cl_map_part(rig.queue, part(rig.memory[1]), CL_MAP_READ, VOW_AT_ONCE);
    settle_all(loop);
    vow_cl_map *map = vow_cl_map_ref(vow_cl_map_of(vow_peek(m)));
    EQ_FULFILLED(m);
    if (is_watched)
        stub->fail("clSetEventCallback", CL_OUT_OF_HOST_MEMORY, 0);
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('f'), VOW_AT_ONCE);
    cl_event event = vow_cl_event_of(p);
    vow_poll(loop);
    vow_promise *unflushed = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    pid_t pid = fork();
    if (pid == 0) {
        int made = calls_made();
        vow_mark_handled(unflushed);
        vow_unref(unflushed);
        bool ok = child(loop, &rig, p, map, event) && calls_made() == made;
        raise(ok ? SIGKILL : SIGUSR1); /* valgrind would complain of what the parent's threads run */
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status));
    EQ_INT(WTERMSIG(status), SIGKILL);
    clReleaseEvent(event);
    vow_cl_map_unref(map);
    while (vow_state(p) == VOW_PENDING || vow_state(unflushed) == VOW_PENDING)
        settle_all(loop);
    EQ_FULFILLED(p);
    EQ_FULFILLED(unflushed);
    RIG_END(rig);
}

TEST(in_a_forked_child_everything_is_rejected_without_asking_the_driver) { fork_with(loop, false); }
TEST(in_a_forked_child_nothing_is_ended_twice_that_a_thread_watched) { fork_with(loop, true); }
