/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>

#include "harness.h"
#include "value/error.h"

enum { RESERVE = 64, MANY = 100 };

static vow_error *without_memory(int code) { return vow_error_new(vow_own_domain(), code, "lost"); }

TEST_PLAIN(a_reserve_of_errors_stands_in_for_memory)
{
    vow_error *all[MANY];
    size_t before = vow_test_blocks();

    vow_test_fail_allocation(1, true);
    for (int i = 0; i < MANY; i++)
        all[i] = without_memory(i);
    for (int i = 0; i < RESERVE; i++) {
        EQ_INT(vow_error_code(all[i]), i);
        EQ_PTR(vow_error_domain(all[i]), vow_own_domain());
        EQ_TEXT(vow_error_message(all[i]), "unknown error");
    }
    for (int i = RESERVE; i < MANY; i++)
        EQ_PTR(all[i], vow__error_ready(ENOMEM));
    EQ_UINT(vow_test_blocks(), before + RESERVE); /* a lost one is a leak */
    for (int i = 0; i < MANY; i++)
        vow_error_unref(all[i]);
    vow_test_fail_allocation(0, false);
}

TEST_PLAIN(with_the_reserve_gone_nothing_leaks)
{
    vow_error *all[RESERVE], *cause = vow_error_new(vow_errno_domain(), EIO, "cause");
    int destroyed = 0;
    vow_value payload = vow_box(&destroyed, count_destroy);

    vow_test_fail_allocation(1, true);
    for (int i = 0; i < RESERVE; i++)
        all[i] = without_memory(i);
    EQ_PTR(vow_error_of_value(payload), vow__error_ready(ENOMEM));
    EQ_INT(destroyed, 1);
    EQ_PTR(vow_wrap(cause, EIO, "x").as.p, vow__error_ready(ENOMEM));
    vow_test_fail_allocation(0, false);
    vow_error_unref(cause);
    for (int i = 0; i < RESERVE; i++)
        vow_error_unref(all[i]);
}

TEST_PLAIN(errors_of_the_reserve_are_as_good_as_others)
{
    vow_error *a, *b, *c;

    vow_test_fail_allocation(1, true);
    a = without_memory(1);
    b = without_memory(2);
    c = without_memory(3);
    vow_test_fail_allocation(0, false);
    CHECK(vow__error_add_cause(a, b) == NULL);
    CHECK(vow__error_suppress(a, c) == NULL);
    vow__error_set_payload(a, vow_text("text"));
    vow_error_unref(vow_error_ref(a));
    EQ_PTR(vow_error_cause(a), b);
    vow_error_unref(a);
}

static void *no_memory(void *context, void *block, size_t size)
{
    (void)context;
    (void)block;
    (void)size;
    return NULL;
}

static void *take_and_give_back(void *ret_wrong)
{
    vow_error *held[20];

    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 20; i++)
            held[i] = without_memory(i + 1);
        for (int i = 0; i < 20; i++) {
            if (vow_error_code(held[i]) != i + 1 && held[i] != vow__error_ready(ENOMEM))
                ++*(int *)ret_wrong;
            vow_error_unref(held[i]);
        }
    }
    return NULL;
}

TEST_PLAIN(threads_share_the_reserve)
{
    enum { THREADS = 4 }; /* 80 wanted at once, more than there are */
    pthread_t threads[THREADS];
    int wrong[THREADS] = {0};

    vow_set_allocator(&(vow_allocator){no_memory, NULL});
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_and_give_back, &wrong[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        EQ_INT(wrong[i], 0);
    }
    vow_set_allocator(NULL);
}
