/* SPDX-License-Identifier: MIT
 *
 * Commands: what they do, what they are given to wait for, what they hold.
 */
#include <errno.h>

#include "harness.h"

#include "opencl/test.h"

TEST(bytes_go_to_the_device_through_a_kernel_and_back)
{
    struct rig rig = rig_of(loop);
    cl_program program =
        clCreateProgramWithSource(rig.context, 1, &(const char *){"add"}, NULL, NULL);
    cl_kernel kernel = clCreateKernel(program, "add", NULL);
    for (cl_uint i = 0; i < 3; i++)
        clSetKernelArg(kernel, i, sizeof rig.memory[i], &rig.memory[i]);
    vow_promise *a = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of(1), VOW_AT_ONCE);
    vow_promise *b = vow_cl_write(rig.queue, part(rig.memory[1]), bytes_of(2), VOW_AT_ONCE);
    vow_cl_range range = {.dimensions = 1, .global = {SIZE / sizeof(int)}};
    vow_promise *k = vow_cl_kernel(rig.queue, kernel, &range, VOW_AFTER(a, b));
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    vow_promise *p = vow_cl_read(rig.queue, part(rig.memory[2]), NULL, VOW_AFTER(k));
    settle_all(loop);
    vow_buf *three = bytes_of(3);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(vow_peek(p))), vow_buf_bytes(three), SIZE);
    vow_buf_unref(three);
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(a_pipeline_is_put_in_whole_with_events_of_the_device_as_wait_lists)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of(7), VOW_AT_ONCE);
    for (int i = 0; i < 3; i++)
        p = vow_cl_copy(rig.queue, part(rig.memory[i % 2]), part(rig.memory[(i + 1) % 2]),
                        VOW_AFTER(p));
    p = vow_cl_read(rig.queue, part(rig.memory[1]), NULL, VOW_AFTER(p));
    EQ_UINT(stub->command_count(), 5); /* before the loop has turned once */
    for (int i = 0; i < 5; i++)
        EQ_INT(stub->command(i).waits[0], i == 0 ? 0 : stub->command(i - 1).number);
    EQ_INT(stub->called("clCreateUserEvent"), 0);
    settle_all(loop);
    EQ_INT(vow_buf_bytes(vow_buf_of(vow_peek(p)))[5], 7);
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(only_a_promise_of_the_host_becomes_a_user_event)
{
    struct rig rig = rig_of(loop);
    vow_promise *up = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of(1), VOW_AT_ONCE);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(up, vow_delay(loop, 10)));
    EQ_INT(stub->called("clCreateUserEvent"), 1);
    EQ_INT(stub->command(2).waits[0], stub->command(0).number);
    EQ_INT(stub->command(2).waits[1], stub->command(1).number);
    settle_all(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 10);
    settle_all(loop);
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(commands_may_end_in_any_order)
{
    enum { N = 20 };
    struct rig rig = rig_of(loop);
    vow_promise *p[N];
    stub->backwards(true);
    for (int i = 0; i < N; i++)
        p[i] = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of((char)i), VOW_AT_ONCE);
    vow_poll(loop);
    for (int i = N; i-- > 0;) {
        EQ_INT(stub->finish(1, i % 3 ? CL_COMPLETE : CL_OUT_OF_RESOURCES), 1);
        vow_mark_handled(p[i]);
        vow_poll(loop);
        EQ_INT(vow_state(p[i]), i % 3 ? VOW_FULFILLED : VOW_REJECTED);
        EQ_INT(vow_state(p[0]), i == 0 ? VOW_REJECTED : VOW_PENDING);
        vow_unref(i > 0 ? p[i] : NULL);
    }
    vow_unref(p[0]);
    RIG_END(rig);
}

/* On the driver's own thread, in a chain and beside one another. */
TEST(ten_thousand_commands_in_flight_are_all_told)
{
    enum { N = 10000 };
    static vow_promise *p[N];
    struct rig rig = rig_of(loop);
    for (int i = 0; i < N; i++)
        p[i] = i % 2 ? vow_cl_marker(rig.queue, VOW_AFTER(vow_ref(p[i - 1])))
                     : vow_cl_marker(rig.queue, VOW_AFTER(vow_resolved(loop, vow_none())));
    vow_poll(loop);
    EQ_INT(stub->called("clEnqueueMarkerWithWaitList"), N);
    stub->run(STUB_THREAD);
    EQ_INT(vow_run_all(loop), 0);
    for (int i = 0; i < N; i++)
        EQ_FULFILLED(p[i]);
    RIG_END(rig);
}

TEST(a_dependency_that_has_fulfilled_is_not_waited_for)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(vow_resolved(loop, vow_v(1))));
    EQ_INT(stub->command(0).waits[0], 0);
    settle_all(loop);
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(after_a_dependency_that_was_rejected_nothing_is_put_in)
{
    struct rig rig = rig_of(loop);
    vow_promise *failed = vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "disk"));
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(failed));
    vow_mark_handled(p);
    settle_all(loop);
    EQ_UINT(stub->command_count(), 0);
    EQ_INT(vow_error_code(vow_error_of(p)), EIO);
    HAS_TEXT(vow_error_message(vow_error_cause(vow_error_of(p))), "disk");
    vow_unref(p);
    RIG_END(rig);
}

TEST(a_command_that_is_dropped_tells_nothing_of_its_dependency)
{
    struct rig rig = rig_of(loop);
    vow_promise *failed = vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "disk"));
    vow_unref(vow_cl_marker(rig.queue, VOW_AFTER(failed)));
    settle_all(loop);
    EQ_UINT(stub->command_count(), 0);
    RIG_END(rig);
}

TEST(a_failed_upload_rejects_the_tail_once_with_its_causes)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of(1), VOW_AT_ONCE);
    p = vow_cl_copy(rig.queue, part(rig.memory[0]), part(rig.memory[1]), VOW_AFTER(p));
    p = vow_cl_read(rig.queue, part(rig.memory[1]), NULL, VOW_AFTER(p));
    vow_poll(loop);
    EQ_INT(stub->finish(1, CL_OUT_OF_RESOURCES), 1);
    EXPECT_UNHANDLED(1);
    settle_all(loop);
    char text[200];
    vow_describe(vow_error_of(p), VOW_ONE_LINE, text, sizeof text);
    EQ_TEXT(text,
            "clEnqueueReadBuffer: clEnqueueCopyBuffer: clEnqueueWriteBuffer: CL_OUT_OF_RESOURCES");
    EQ_REJECTED(p, CL_OUT_OF_RESOURCES);
    RIG_END(rig);
}

TEST(dependants_that_the_driver_forgets_are_rejected_all_the_same)
{
    struct rig rig = rig_of(loop);
    stub->forget_dependants(true);
    stub->calls(STUB_CALLS_NO_ERROR);
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of(1), VOW_AT_ONCE);
    p = vow_cl_read(rig.queue, part(rig.memory[0]), NULL, VOW_AFTER(p));
    vow_mark_handled(p);
    vow_poll(loop);
    stub->finish(1, CL_OUT_OF_RESOURCES);
    vow_clock_advance(loop, 100);
    EQ_REJECTED(p, CL_OUT_OF_RESOURCES);
    vow_clock_advance(loop, 1000);
    EQ_INT(vow_run_all(loop), 0); /* nothing is waited for any more */
    stub->forget_dependants(false);
    stub->finish(1, CL_COMPLETE);
    RIG_END(rig);
}

TEST(a_promise_of_the_host_that_fails_fails_what_waits_for_it_on_the_device)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(vow_timeout(vow_delay(loop, 100), 10)));
    vow_mark_handled(p);
    vow_promise *q = vow_cl_read(rig.queue, part(rig.memory[0]), NULL, VOW_AFTER(vow_ref(p)));
    vow_mark_handled(q);
    vow_clock_advance(loop, 10);
    settle_all(loop);
    EQ_INT(vow_state(p), VOW_REJECTED);
    EQ_INT(vow_state(q), VOW_REJECTED);
    EQ_INT(vow_error_code(vow_error_of(p)), ETIMEDOUT);
    EQ_INT(vow_error_code(vow_error_of(q)), ETIMEDOUT);
    vow_unref(p);
    vow_unref(q);
    vow_clock_advance(loop, 100);
    RIG_END(rig);
}

TEST(a_queue_is_flushed_once_for_all_that_a_round_of_handlers_puts_in)
{
    struct rig rig = rig_of(loop);
    vow_promise *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    EQ_INT(stub->unflushed(), 3);
    vow_poll(loop);
    EQ_INT(stub->unflushed(), 0);
    EQ_INT(stub->called("clFlush"), 1);
    settle_all(loop);
    for (int i = 0; i < 3; i++)
        EQ_FULFILLED(p[i]);
    EQ_INT(stub->called("clFlush"), 1);
    RIG_END(rig);
}

TEST(a_flush_that_fails_rejects_what_it_was_for)
{
    struct rig rig = rig_of(loop);
    stub->fail("clFlush", CL_OUT_OF_RESOURCES, 1);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_REJECTED(p, CL_OUT_OF_RESOURCES);
    clFlush(vow_cl_queue_handle(rig.queue)); /* the command was in the queue all the same */
    settle_all(loop);
    RIG_END(rig);
}

TEST(a_flush_that_fails_leaves_alone_what_is_in_other_queues)
{
    struct rig rig = rig_of(loop);
    cl_command_queue raw = raw_queue(rig.context, 0);
    vow_cl_queue *other = vow_cl_queue_new(loop, raw, NULL);
    stub->fail("clFlush", CL_OUT_OF_RESOURCES, 1);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    vow_promise *q = vow_cl_marker(other, VOW_AT_ONCE);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_REJECTED(p, CL_OUT_OF_RESOURCES);
    EQ_INT(vow_state(q), VOW_PENDING);
    clFlush(vow_cl_queue_handle(rig.queue));
    settle_all(loop);
    EQ_FULFILLED(q);
    vow_cl_queue_unref(other);
    clReleaseCommandQueue(raw);
    RIG_END(rig);
}

/* Nobody else would set it: the command never begins. What the stub has of it stays there. */
TEST(a_user_event_that_cannot_be_set_ends_its_command)
{
    struct rig rig = rig_of(loop);
    stub->fail("clSetUserEventStatus", CL_OUT_OF_HOST_MEMORY, 1);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(vow_delay(loop, 1)));
    vow_mark_handled(p);
    vow_clock_advance(loop, 1);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 100);
    EQ_REJECTED(p, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    EQ_INT(vow_run_all(loop), 0);
    vow_cl_queue_unref(rig.queue);
    for (int i = 0; i < 3; i++)
        clReleaseMemObject(rig.memory[i]);
    clReleaseContext(rig.context);
}

TEST(a_flush_that_fails_leaves_alone_what_was_flushed_before)
{
    struct rig rig = rig_of(loop);
    vow_promise *before = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    vow_poll(loop);
    stub->fail("clFlush", CL_OUT_OF_RESOURCES, 1);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_REJECTED(p, CL_OUT_OF_RESOURCES);
    EQ_INT(vow_state(before), VOW_PENDING);
    clFlush(vow_cl_queue_handle(rig.queue));
    settle_all(loop);
    EQ_FULFILLED(before);
    RIG_END(rig);
}

TEST(buffers_are_filled_and_copied)
{
    struct rig rig = rig_of(loop);
    uint16_t word = 0x4142;
    vow_promise *p =
        vow_cl_fill(rig.queue, part(rig.memory[0]), ((vow_cl_pattern){&word, 2}), VOW_AT_ONCE);
    p = vow_cl_copy(rig.queue, ((vow_cl_part){rig.memory[0], 0, 8}),
                    ((vow_cl_part){rig.memory[1], 8, 8}), VOW_AFTER(p));
    vow_buf *into = bytes_of(0);
    p = vow_cl_read(rig.queue, part(rig.memory[1]), vow_buf_ref(into), VOW_AFTER(p));
    settle_all(loop);
    EQ_PTR(vow_buf_of(vow_peek(p)), into);
    EQ_BYTES(vow_buf_bytes(into) + 6, "\0\0BABABABA\0", 11);
    vow_buf_unref(into);
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(boxes_of_images_are_written_and_read)
{
    struct rig rig = rig_of(loop);
    cl_image_format format = {CL_R, CL_UNSIGNED_INT8};
    cl_image_desc desc = {.image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 8, .image_height = 8};
    cl_mem image = clCreateImage(rig.context, CL_MEM_READ_WRITE, &format, &desc, NULL, NULL);
    vow_cl_box box = {.image = image, .region = {8, 8, 1}, .bytes = SIZE};
    vow_promise *p = vow_cl_image_write(rig.queue, &box, bytes_of('i'), VOW_AT_ONCE);
    p = vow_cl_image_read(rig.queue, &box, NULL, VOW_AFTER(p));
    vow_buf *into = bytes_of(0);
    vow_promise *q = vow_cl_image_read(rig.queue, &box, vow_buf_ref(into), VOW_AFTER(vow_ref(p)));
    clReleaseMemObject(image);
    settle_all(loop);
    EQ_INT(vow_buf_bytes(vow_buf_of(vow_peek(p)))[SIZE - 1], 'i');
    EQ_PTR(vow_buf_of(vow_peek(q)), into);
    EQ_INT(vow_buf_bytes(into)[0], 'i');
    vow_buf_unref(into);
    EQ_FULFILLED(p);
    EQ_FULFILLED(q);
    RIG_END(rig);
}

static cl_int enqueue_marker(cl_command_queue queue, cl_uint count, const cl_event *waits,
                             cl_event *ret, void *data)
{
    ++*(int *)data;
    return clEnqueueMarkerWithWaitList(queue, count, waits, ret);
}

TEST(any_command_can_be_put_in_by_a_function_of_the_programs)
{
    struct rig rig = rig_of(loop);
    int calls = 0;
    vow_promise *p = vow_cl_enqueue(rig.queue, enqueue_marker, &calls, count_destroy, VOW_AT_ONCE);
    EQ_INT(calls, 1);
    settle_all(loop);
    EQ_INT(calls, 2); /* its data is back when the device is done */
    EQ_FULFILLED(p);
    p = vow_cl_enqueue(rig.queue, enqueue_marker, &calls, NULL, VOW_AT_ONCE);
    settle_all(loop);
    EQ_INT(calls, 3);
    EQ_FULFILLED(p);
    RIG_END(rig);
}

/* What the driver forgets it keeps: at the end it is told to finish after all. */
static void forget(void)
{
    stub->forget_dependants(true);
    stub->calls(STUB_CALLS_NO_ERROR);
}

TEST(a_chain_that_the_driver_forgets_ends_at_one_look)
{
    struct rig rig = rig_of(loop);
    int calls = 0;
    forget();
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('x'), VOW_AT_ONCE);
    for (int i = 0; i < 3; i++)
        p = vow_cl_enqueue(rig.queue, enqueue_marker, &calls, count_destroy, VOW_AFTER(p));
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(stub->finish(1, CL_OUT_OF_RESOURCES), 1);
    EQ_INT(calls, 3);
    vow_clock_advance(loop, 100); /* the write's end is found: all are rejected */
    vow_clock_advance(loop, 100);
    EQ_INT(calls, 6); /* the data of all three is back */
    EQ_REJECTED(p, CL_OUT_OF_RESOURCES);
    stub->forget_dependants(false);
    settle_all(loop);
    RIG_END(rig);
}

TEST(a_failure_after_a_minute_is_looked_after_soon)
{
    struct rig rig = rig_of(loop);
    int calls = 0;
    cl_event event = clCreateUserEvent(rig.context, NULL);
    vow_promise *other = vow_cl_wait(loop, event);
    vow_clock_advance(loop, 60500); /* looks are a second apart by now */
    forget();
    vow_resolver *r;
    vow_promise *p = vow_cl_enqueue(rig.queue, enqueue_marker, &calls, count_destroy,
                                    VOW_AFTER(vow_promise_new(loop, &r)));
    vow_mark_handled(p);
    vow_reject(r, vow_error_new(vow_errno_domain(), EIO, NULL));
    vow_clock_advance(loop, 100);
    EQ_INT(calls, 2);
    vow_unref(p);
    clSetUserEventStatus(event, CL_COMPLETE);
    clReleaseEvent(event);
    stub->forget_dependants(false);
    settle_all(loop);
    EQ_FULFILLED(other);
    RIG_END(rig);
}

TEST(a_map_is_handed_out_when_it_is_valid_and_unmapped_by_its_own_promise)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_map_part(rig.queue, part(rig.memory[0]), CL_MAP_WRITE, VOW_AT_ONCE);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    settle_all(loop);
    vow_cl_map *map = vow_cl_map_ref(vow_cl_map_of(vow_peek(p)));
    EQ_FULFILLED(p);
    memset(vow_cl_map_bytes(map), 'm', vow_cl_map_size(map));
    vow_promise *unmapped = vow_cl_unmap(vow_cl_map_ref(map), VOW_AT_ONCE);
    EQ_PTR(vow_cl_map_bytes(map), NULL);
    vow_cl_map_unref(map);
    p = vow_cl_read(rig.queue, part(rig.memory[0]), NULL, VOW_AFTER(unmapped));
    settle_all(loop);
    EQ_INT(vow_buf_bytes(vow_buf_of(vow_peek(p)))[0], 'm');
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(a_map_that_nobody_takes_is_unmapped)
{
    struct rig rig = rig_of(loop);
    vow_unref(vow_cl_map_part(rig.queue, part(rig.memory[0]), CL_MAP_READ, VOW_AT_ONCE));
    settle_all(loop);
    EQ_INT(stub->called("clEnqueueUnmapMemObject"), 1);
    settle_all(loop);
    RIG_END(rig);
}

/* Closing does not wait for it: it is the driver's alone. */
TEST(a_map_that_nobody_has_when_the_loop_is_gone_is_unmapped)
{
    vow_loop *own = vow_loop_new();
    struct rig rig = rig_of(own);
    vow_promise *p = vow_cl_map_part(rig.queue, part(rig.memory[0]), CL_MAP_READ, VOW_AT_ONCE);
    settle_all(own);
    vow_cl_map *map = vow_cl_map_ref(vow_cl_map_of(vow_peek(p)));
    EQ_FULFILLED(p);
    vow_loop_free(own);
    CHECK(vow_cl_map_bytes(map) != NULL);
    vow_cl_map_unref(map);
    EQ_INT(stub->called("clEnqueueUnmapMemObject"), 1);
    EQ_INT(stub->unflushed(), 0);
    EQ_INT(stub->finish(9, CL_COMPLETE), 1);
    CHECK(loop != NULL);
    RIG_END(rig);
}

TEST(a_map_that_cannot_be_unmapped_is_let_go_all_the_same)
{
    struct rig rig = rig_of(loop);
    stub->fail("clEnqueueUnmapMemObject", CL_OUT_OF_RESOURCES, 1);
    vow_unref(vow_cl_map_part(rig.queue, part(rig.memory[0]), CL_MAP_READ, VOW_AT_ONCE));
    settle_all(loop);
    RIG_END(rig);
}

TEST(nothing_is_counted_and_let_go_like_anything)
{
    EQ_PTR(vow_cl_map_ref(NULL), NULL);
    EQ_PTR(vow_cl_map_unref(NULL), NULL);
    EQ_PTR(vow_cl_queue_ref(NULL), NULL);
    EQ_PTR(vow_cl_queue_unref(NULL), NULL);
    EQ_PTR(vow_cl_device_ref(NULL), NULL);
    EQ_PTR(vow_cl_device_unref(NULL), NULL);
    CHECK(loop != NULL);
}

TEST(a_map_can_be_unmapped_once)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_map_part(rig.queue, part(rig.memory[0]), CL_MAP_READ, VOW_AT_ONCE);
    settle_all(loop);
    vow_cl_map *map = vow_cl_map_ref(vow_cl_map_of(vow_peek(p)));
    EQ_FULFILLED(p);
    vow_promise *first = vow_cl_unmap(vow_cl_map_ref(map), VOW_AT_ONCE);
    EQ_REJECTED(vow_cl_unmap(map, VOW_AT_ONCE), CL_INVALID_VALUE);
    settle_all(loop);
    EQ_FULFILLED(first);
    RIG_END(rig);
}

TEST(the_hosts_memory_lives_until_the_device_is_done_with_it)
{
    struct rig rig = rig_of(loop);
    vow_unref(vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('w'), VOW_AT_ONCE));
    vow_unref(vow_cl_read(rig.queue, part(rig.memory[1]), NULL, VOW_AT_ONCE));
    settle_all(loop); /* ASan would see it */
    vow_promise *p = vow_cl_read(rig.queue, part(rig.memory[0]), NULL, VOW_AT_ONCE);
    settle_all(loop);
    EQ_INT(vow_buf_bytes(vow_buf_of(vow_peek(p)))[0], 'w');
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(buffers_of_another_size_than_the_hosts_are_refused)
{
    struct rig rig = rig_of(loop);
    vow_cl_part half = {rig.memory[0], 0, SIZE / 2};
    EQ_REJECTED(vow_cl_write(rig.queue, half, bytes_of(1), VOW_AT_ONCE), CL_INVALID_BUFFER_SIZE);
    EQ_REJECTED(vow_cl_read(rig.queue, half, bytes_of(1), VOW_AT_ONCE), CL_INVALID_BUFFER_SIZE);
    EQ_REJECTED(vow_cl_copy(rig.queue, half, part(rig.memory[1]), VOW_AT_ONCE),
                CL_INVALID_BUFFER_SIZE);
    vow_cl_pattern wide = {rig.memory, 129};
    EQ_REJECTED(vow_cl_fill(rig.queue, half, wide, VOW_AT_ONCE), CL_INVALID_VALUE);
    EQ_UINT(stub->command_count(), 0);
    RIG_END(rig);
}

TEST(bytes_that_there_was_no_memory_for_reject_with_ENOMEM)
{
    struct rig rig = rig_of(loop);
    vow_cl_box box = {.image = rig.memory[0], .region = {8, 8, 1}, .bytes = SIZE};
    vow_promise *p[] = {
        vow_cl_write(rig.queue, part(rig.memory[0]), NULL, VOW_AFTER(vow_delay(loop, 1))),
        vow_cl_image_write(rig.queue, &box, NULL, VOW_AT_ONCE)};
    for (int i = 0; i < 2; i++) {
        CHECK(vow_error_is(vow_error_of(p[i]), vow_errno_domain(), ENOMEM));
        vow_mark_handled(p[i]);
        vow_unref(p[i]);
    }
    EQ_UINT(stub->command_count(), 0);
    RIG_END(rig);
}

TEST(times_can_be_asked_for_where_the_queue_has_them)
{
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AT_ONCE);
    cl_event event = vow_cl_event_of(p);
    settle_all(loop);
    vow_cl_times times;
    EQ_INT(vow_cl_times_of(event, &times), CL_SUCCESS);
    CHECK(times.queued <= times.submitted && times.started <= times.ended);
    clReleaseEvent(event);
    EQ_FULFILLED(p);
    RIG_END(rig);
}

TEST(an_event_of_another_context_is_waited_for_on_the_host)
{
    struct rig rig = rig_of(loop);
    cl_context other = raw_context();
    cl_event event = clCreateUserEvent(other, NULL);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(vow_cl_wait(loop, event)));
    EQ_INT(stub->called("clCreateUserEvent"), 2);
    clSetUserEventStatus(event, CL_COMPLETE);
    settle_all(loop);
    EQ_FULFILLED(p);
    clReleaseEvent(event);
    clReleaseContext(other);
    RIG_END(rig);
}

TEST(a_dependency_of_another_loop_is_refused)
{
    struct rig rig = rig_of(loop);
    vow_loop *other = vow_loop_new();
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(vow_delay(other, 1)));
    CHECK(vow_error_is(vow_error_of(p), vow_own_domain(), VOW_ELOOP));
    vow_mark_handled(p);
    vow_unref(p);
    vow_loop_free(other);
    RIG_END(rig);
}
