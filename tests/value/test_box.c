/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "sweep.h"

TEST_PLAIN(a_boxed_object_is_destroyed_with_its_last_reference)
{
    int destroyed = 0;
    vow_value v = vow_box(&destroyed, count_destroy), kept = vow_keep(v);

    CHECK(vow_is(v, vow_box_type()));
    EQ_PTR(vow_unbox(v), &destroyed);
    EQ_UINT(v.type->count(v.as.p), 2);
    vow_release(v);
    EQ_INT(destroyed, 0);
    vow_release(kept);
    EQ_INT(destroyed, 1);
}

TEST_PLAIN(a_box_may_have_nothing_to_destroy)
{
    int object = 0;

    vow_release(vow_box(&object, NULL));
    EQ_INT(object, 0);
}

TEST_PLAIN(no_object_makes_none) { CHECK(vow_is_none(vow_box(NULL, count_destroy))); }

/* Objects of one's own in a box: counted by it. */
struct job {
    int destroyed;
};

static void job_free(struct job *job) { job->destroyed++; }

VOW_TYPE_DECLARE(job, struct job)
VOW_BOX_DEFINE(job, struct job, job_free)

TEST_PLAIN(a_boxed_type_of_ones_own_takes_one_line)
{
    struct job job = {0};
    vow_value v = job_value(&job), kept = vow_keep(v);

    CHECK(job_is(v) && !job_is(vow_int(1)) && vow_is(v, job_type()));
    CHECK(!vow_is(v, vow_box_type()));
    EQ_PTR(job_of(v), &job);
    EQ_TEXT(vow_type_name(v), "job");
    vow_release(v);
    EQ_INT(job.destroyed, 0);
    vow_release(kept);
    EQ_INT(job.destroyed, 1);
    CHECK(vow_is_none(job_value(NULL)));
}

static void make_boxes(void)
{
    int destroyed = 0;
    struct job job = {0};
    vow_value a = vow_box(&destroyed, count_destroy), b = job_value(&job), c = vow_box(&job, NULL);

    EQ_INT(destroyed, vow_is_error(a) ? 1 : 0);
    EQ_INT(job.destroyed, vow_is_error(b) ? 1 : 0);
    if (vow_is_error(b))
        EQ_INT(vow_error_code(vow_as_error(b)), ENOMEM);
    vow_release(a);
    vow_release(b);
    vow_release(c);
    EQ_INT(destroyed, 1);
    EQ_INT(job.destroyed, 1);
}

TEST_PLAIN(a_box_without_memory_destroys_the_object_at_once) { sweep_both(make_boxes, 3); }

/* A destroy function that releases, and relies on it being done when that returns. */
struct tree {
    vow_value twig;
    int *alive;
};

static void fell(void *data)
{
    struct tree *tree = data;

    vow_release(tree->twig);
    EQ_INT(*tree->alive, 1);
    --*tree->alive;
}

static void snap(void *alive) { --*(int *)alive; }

TEST_PLAIN(what_a_destroy_function_releases_is_gone_when_the_release_returns)
{
    int alive = 2;
    vow_value twig = vow_box(&alive, snap), inner = vow_array(1, &twig), outer;
    struct tree tree = {vow_array(1, &inner), &alive};

    twig = vow_box(&tree, fell);
    outer = vow_array(1, &twig);
    vow_release(outer);
    EQ_INT(alive, 0);
}

TEST_PANICS(what_is_no_box_cannot_be_unboxed, "vow_unbox: wanted box, got int")
{
    vow_unbox(vow_int(1));
}
