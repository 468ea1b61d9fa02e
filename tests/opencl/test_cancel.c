/* SPDX-License-Identifier: MIT
 *
 * Cancel, drop, close, fork: what is not begun is called off, what is begun runs out.
 */
#include <errno.h>
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

/* In the child: nothing is asked of the driver. */
static int child(vow_loop *loop, vow_cl_queue *queue, vow_promise *pending)
{
    vow_promise *p = vow_cl_marker(queue, VOW_AT_ONCE);
    bool ok = vow_error_is(vow_error_of(p), vow_own_domain(), VOW_EFORK);
    vow_mark_handled(p);
    vow_unref(p);
    p = vow_cl_open(loop, NULL, 0);
    ok = ok && vow_error_is(vow_error_of(p), vow_own_domain(), VOW_EFORK);
    vow_mark_handled(p);
    vow_unref(p);
    vow_mark_handled(pending);
    ok = ok && vow_loop_after_fork(loop) == 0;
    ok = vow_run(loop, pending, NULL) == VOW_EFORK && ok;
    vow_cl_queue_unref(queue);
    return ok ? 0 : 1;
}

TEST(in_a_forked_child_everything_is_rejected_without_asking_the_driver)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('f'), VOW_AT_ONCE);
    vow_poll(loop);
    pid_t pid = fork();
    if (pid == 0) {
        int released = stub->called("clReleaseEvent") + stub->called("clGetEventInfo");
        int status = child(loop, rig.queue, p);
        _exit(status +
              2 * (stub->called("clReleaseEvent") + stub->called("clGetEventInfo") != released));
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    EQ_INT(WEXITSTATUS(status), 0);
    settle_all(loop);
    EQ_FULFILLED(p);
    RIG_END(rig);
}
