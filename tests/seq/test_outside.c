/* SPDX-License-Identifier: MIT
 *
 * Signals, walks and changes as sequences.
 */
#include "file/files.h"
#include "seq/common.h"

static vow_value number_in(vow_value v, UNUSED void *data)
{
    return vow_int(vow_siginfo_of(v)->number == SIGUSR1 ? 1 : 2);
}
static vow_value name_in(vow_value v, UNUSED void *data)
{
    return vow_text(vow_entry_of(v)->name);
}

/* What comes of it, an event of the system say. Takes p. */
#define COMES(p, expected)                                                  \
    do {                                                                    \
        vow_value v;                                                        \
        vow_promise *come = p;                                              \
        vow_mark_handled(come);                                             \
        CHECK(vow_run(loop, vow_ref(come), &v) == 0);                       \
        vow_release(v);                                                     \
        OUTCOME(come, expected);                                            \
    } while (0)

static bool is_default(int number)
{
    struct sigaction now;
    CHECK(sigaction(number, NULL, &now) == 0);
    return now.sa_handler == SIG_DFL;
}

TEST(each_signal_is_a_value_and_stopping_early_gives_the_handler_back)
{
    int numbers[] = {SIGUSR1, SIGUSR2};
    vow_seq *seq = vow_seq_of_signals(loop, vow_signals_new(loop, numbers, 2));
    seq = vow_seq_take(vow_seq_map(seq, number_in, NULL), 3);
    raise(SIGUSR1); /* also before anybody asks */
    vow_promise *p = vow_seq_next(seq);
    vow_unref(p); /* which takes no signal along */
    COMES(vow_seq_next(seq), "1");
    raise(SIGUSR2);
    raise(SIGUSR1);
    vow_promise *rest = vow_seq_collect(loop, seq, 5);
    COMES(rest, "[2 1]");
    CHECK(is_default(SIGUSR1) && is_default(SIGUSR2));
}

TEST(a_walk_gives_its_entries_and_ends)
{
    struct dir dir = make_dir();
    EQ_INT(mkdir(dir.other, 0755), 0);
    write_text(dir.file, "");
    vow_seq *seq = vow_seq_of_dir(loop, vow_dir_open(loop, dir.path, VOW_DIR_DEEP));
    vow_promise *all = vow_seq_collect(loop, vow_seq_map(seq, name_in, NULL), 9);
    vow_value v;
    EQ_INT(vow_run(loop, all, &v), 0);
    EQ_UINT(vow_count(v), 2);
    bool file_first = strcmp(vow_as_text(vow_at(v, 0)), "file") == 0;
    EQ_TEXT(vow_as_text(vow_at(v, file_first)), "other");
    EQ_TEXT(vow_as_text(vow_at(v, !file_first)), "file");
    vow_release(v);
    rmdir(dir.other);
    remove_dir(&dir);
}

TEST(a_walk_that_is_given_up_gives_its_entry_again_and_ends_with_its_sequence)
{
    struct dir dir = make_dir();
    write_text(dir.file, "");
    vow_seq *seq = vow_seq_of_dir(loop, vow_dir_open(loop, dir.path, 0));
    seq = vow_seq_map(seq, name_in, NULL);
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_poll(loop);
    vow_cancel(p);
    vow_unref(p);
    COMES(vow_seq_next(seq), "'file'");
    vow_seq_unref(seq);
    seq = vow_seq_of_dir(loop, vow_dir_open(loop, "no such folder", 0));
    EQ_INT(vow_run(loop, vow_seq_next(seq), NULL), ENOENT);
    COMES(vow_seq_next(seq), "end");
    vow_seq_unref(seq);
    remove_dir(&dir);
}

#ifndef VOW_PORTABLE
static vow_value changed_name_in(vow_value v, UNUSED void *data)
{
    return vow_text(vow_change_of(v)->name);
}

TEST(each_change_is_a_value_and_stopping_early_ends_the_watch)
{
    struct dir dir = make_dir();
    vow_watch *w = vow_watch_new(loop);
    EQ_INT(vow_run(loop, vow_watch_add(w, dir.path, VOW_WATCH_CREATED), NULL), 0);
    vow_seq *seq = vow_seq_map(vow_seq_of_watch(loop, w), changed_name_in, NULL);
    write_text(dir.file, "");
    COMES(vow_seq_next(seq), "'file'");
    write_text(dir.other, "");
    vow_unref(vow_seq_next(seq));
    COMES(vow_seq_next(seq), "'other'");
    vow_seq_unref(seq);
    remove_dir(&dir);
}
#endif

TEST(a_sequence_of_nothing_is_one_without_memory)
{
    CHECK(vow_seq_of_signals(loop, NULL) == NULL && vow_seq_of_dir(loop, NULL) == NULL);
    CHECK(vow_seq_of_watch(loop, NULL) == NULL && vow_seq_of_channel(loop, NULL) == NULL);
    CHECK(vow_seq_lines(loop, NULL, 1) == NULL && vow_seq_chunks(loop, NULL, 1) == NULL);
    vow_promise *p = quiet(vow_seq_collect(loop, vow_seq_of_dir(loop, NULL), 1));
    OUTCOME(p, "!ENOMEM");
}
