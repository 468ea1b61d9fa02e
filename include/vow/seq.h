/* SPDX-License-Identifier: MIT
 *
 * vow/seq.h - sequences: values that come one after the other, each when it is asked for.
 *
 *     vow_seq *words = vow_seq_lines(loop, stream, 1000);
 *     words = vow_seq_filter(words, is_word, NULL);
 *     words = vow_seq_take(words, 10);
 *     vow_promise *done = vow_seq_for_each(loop, words, 4, look_up, dictionary);
 *
 * Nothing is read, computed or waited for before somebody asks at the end, so the slowest part
 * sets the pace. What takes a sequence owns it from then on; giving the last one back stops
 * everything before it: the source is destroyed, and with it what it waits for. An error ends a
 * sequence as its end does; who asks again gets the end. A next that is cancelled while it waits
 * or before anybody has seen its value, leaves the sequence as it was: what stages hold is kept,
 * a function that was busy with a value gets it again, a value that had come is the next one.
 * (Only what the promise of a sequence of one's own has just fulfilled with may go with it.)
 * Users' functions are called from the queue. Loop's thread only.
 *
 * Constructors give NULL without memory, having given back what they took, and take NULL for
 * that: what is built of it rejects with ENOMEM in the end.
 */
#ifndef VOW_SEQ_H
#define VOW_SEQ_H

#include "channel.h"
#include "dir.h"
#include "flow.h"
#include "signal.h"
#include "stream.h"
#include "watch.h"

VOW_BEGIN

typedef struct vow_seq vow_seq;

/* A sequence of one's own: next(data) gives the next value, vow_end(), an error, or a promise of
 * one of them. It is not called again before that has settled, nor after the end or an error
 * (ECANCELED does not count). Takes data: destroy(data) (may be NULL) runs at the end, or when
 * nobody wants the sequence any more. */
#define vow_seq_new(loop, next, data, destroy) vow_seq_new_at(loop, next, data, destroy, VOW_HERE)
VOW_API vow_seq *vow_seq_new_at(vow_loop *loop, vow_step_fn *next, void *data,
                                vow_destroy_fn *destroy, const char *where);
/* Counted. NULL ok. Values may carry one, to be taken by vow_seq_ref(vow_seq_of(v)). */
VOW_API vow_seq *vow_seq_ref(vow_seq *seq);
VOW_API vow_seq *vow_seq_unref(vow_seq *seq);
VOW_API vow_value vow_seq_value(vow_seq *seq); /* takes */
VOW_API vow_seq *vow_seq_of(vow_value v);      /* looks; another type panics */
VOW_API bool vow_seq_is(vow_value v);
VOW_API const vow_type *vow_seq_type(void);

/* Sources.
 *   channel   what is received; takes ch. Stopping early is vow_channel_abort
 *   array     the elements; takes v
 *   interval  0, 1, 2, ... every `ms` milliseconds (at least 1), the first after `ms`; ticks
 *             that nobody asked for in time are left out, their numbers too
 *   chunks    vow_bufs of at most `most` bytes, as they come; takes s
 *   lines     vow_bufs up to each newline, without it, the last one maybe without having had
 *             one; longer than `most` bytes: EMSGSIZE; takes s
 *   signals   a vow_siginfo each; takes signals
 *   dir       the vow_entry of a walk; takes dir. A directory that cannot be read ends it, as
 *             every error does; vow_dir_next goes on behind it
 *   watch     a vow_change each; takes watch */
VOW_API vow_seq *vow_seq_of_channel(vow_loop *loop, vow_channel *ch);
VOW_API vow_seq *vow_seq_of_array(vow_loop *loop, vow_value v);
VOW_API vow_seq *vow_seq_interval(vow_loop *loop, uint64_t ms);
VOW_API vow_seq *vow_seq_chunks(vow_loop *loop, vow_stream *s, size_t most);
VOW_API vow_seq *vow_seq_lines(vow_loop *loop, vow_stream *s, size_t most);
VOW_API vow_seq *vow_seq_of_signals(vow_loop *loop, vow_signals *signals);
VOW_API vow_seq *vow_seq_of_dir(vow_loop *loop, vow_dir *dir);
VOW_API vow_seq *vow_seq_of_watch(vow_loop *loop, vow_watch *watch);

/* Stages. All take seq. fn borrows the value; what is given by promise is waited for.
 *   map     fn gives the new value, or an error
 *   filter  fn gives a bool: true lets the value pass */
#define vow_seq_map(seq, fn, data) vow_seq_map_at(seq, fn, data, NULL, VOW_HERE)
#define vow_seq_filter(seq, fn, data) vow_seq_filter_at(seq, fn, data, NULL, VOW_HERE)
#define vow_seq_map_with(seq, fn, data, destroy) vow_seq_map_at(seq, fn, data, destroy, VOW_HERE)
#define vow_seq_filter_with(seq, fn, data, destroy) \
    vow_seq_filter_at(seq, fn, data, destroy, VOW_HERE)
VOW_API vow_seq *vow_seq_map_at(vow_seq *seq, vow_then_fn *fn, void *data, vow_destroy_fn *destroy,
                                const char *where);
VOW_API vow_seq *vow_seq_filter_at(vow_seq *seq, vow_then_fn *fn, void *data,
                                   vow_destroy_fn *destroy, const char *where);
/*   take    at most n values; the source is stopped with the last
 *   chunk   arrays of n values (at least 1), the last one maybe shorter
 *   buffer  asks ahead, from the first next on, for up to n values (at least 1)
 *   merge   the values of all, as they come, each source one ahead; an error of one ends all,
 *           behind what had come before. Zeroes the array */
VOW_API vow_seq *vow_seq_take(vow_seq *seq, size_t n);
VOW_API vow_seq *vow_seq_chunk(vow_seq *seq, size_t n);
VOW_API vow_seq *vow_seq_buffer(vow_seq *seq, size_t n);
VOW_API vow_seq *vow_seq_merge(vow_loop *loop, size_t n, vow_seq **seqs);

/* The next value, or the end. One at a time: a second one while it is pending is misuse. Looks:
 * the sequence stays until the promise has settled or is dropped. */
#define vow_seq_next(seq) vow_seq_next_at(seq, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_seq_next_at(vow_seq *seq, const char *where);

/* Both take seq.
 *   for_each  calls fn(value, data) for all, at most `limit` unfinished at a time (0: no limit),
 *             asking for the next only when it may be called; fulfils with nothing. The first
 *             failure stops the sequence, cancels those running, waits for them, and is the
 *             result. destroy runs when all that was started has ended
 *   collect   an array of all values; more than `most`: EMSGSIZE */
#define vow_seq_for_each(loop, seq, limit, fn, data) \
    vow_seq_for_each_at(loop, seq, limit, fn, data, NULL, VOW_HERE)
#define vow_seq_for_each_with(loop, seq, limit, fn, data, destroy) \
    vow_seq_for_each_at(loop, seq, limit, fn, data, destroy, VOW_HERE)
#define vow_seq_collect(loop, seq, most) vow_seq_collect_at(loop, seq, most, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_seq_for_each_at(vow_loop *loop, vow_seq *seq, size_t limit,
                                                       vow_then_fn *fn, void *data,
                                                       vow_destroy_fn *destroy, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_seq_collect_at(vow_loop *loop, vow_seq *seq, size_t most,
                                                      const char *where);

VOW_END
#endif
