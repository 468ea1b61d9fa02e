/* SPDX-License-Identifier: MIT
 *
 * process/signal.h - the process's one hub for signals, as those see it who listen.
 */
#ifndef VOW_PROCESS_SIGNAL_H
#define VOW_PROCESS_SIGNAL_H

#include "loop/watch.h"
#include "vow/signal.h"

enum { VOW__SIGNALS = 65 }; /* numbers are 1 to 64: a bit each */

struct vow__listener {
    uint64_t numbers; /* bit number - 1; not changed while it listens */
    /* On the loop's thread. May end this listener, no other one. */
    void (*hear)(struct vow__listener *listener, const vow_siginfo *info);
    struct vow__ear *ear; /* NULL: it does not listen */
    struct vow__listener *next, **at;
    bool waits;
};

/* Can a program wait for it? */
bool vow__signal_is_good(int number);
static inline uint64_t vow__signal_bit(int number) { return (uint64_t)1 << (number - 1); }

/* Hears the signals that come from now on. 0 or an errno number. Loop's thread, all of them. */
int vow__listen_begin(struct vow__listener *listener, vow_loop *loop);
void vow__listen_end(struct vow__listener *listener); /* also one that does not listen */
/* Holds the loop until _rest or _end, and is told as soon as something comes: 0 or an errno
 * number. Without, it is told when somebody else of the loop's is, or by _look. */
int vow__listen_wait(struct vow__listener *listener);
void vow__listen_rest(struct vow__listener *listener);
void vow__listen_look(struct vow__listener *listener);

#endif
