/* SPDX-License-Identifier: MIT
 *
 * vow/signal.h - signals of the process as promises.
 *
 *     vow_promise *p = vow_signal(loop, SIGTERM);         // fulfils with the number
 *     ...
 *     int numbers[] = {SIGHUP, SIGUSR1};                  // or each one that comes
 *     vow_signals *signals = vow_signals_new(loop, numbers, 2);
 *     vow_promise *next = vow_signals_next(signals);
 *
 * While somebody waits for a signal, in whichever loop or thread, vow's handler is there in
 * place of what the program had. Everybody who waits hears of each signal. A handler that
 * the program had is called too; a default or ignored signal does nothing else. When nobody
 * waits any more the program has its own disposition back, unless something was put over
 * vow's in the meantime, which stays. What is put over vow's handler and does not call it
 * (libevent's signal events do not) takes the signal away until the next wait for it begins:
 * start theirs first, or use vow_signal for both. Threads that block a signal do not get it.
 *
 * A wait holds the loop; a vow_signals does only while a promise of its own is pending. In a
 * forked child they hear what is sent to the child, once vow_loop_after_fork was called;
 * before, signals do there what they would without vow. Loop's thread only, each.
 */
#ifndef VOW_SIGNAL_H
#define VOW_SIGNAL_H

#include <sys/types.h>

#include "promise.h"

VOW_BEGIN

/* A signal and its sender, as in sigaction(2). pid and uid are 0 and `value` is empty where
 * the system does not say. Of SIGCHLD `value` is the child's exit status. */
typedef struct vow_siginfo {
    int number;
    int code; /* SI_USER, SI_QUEUE, ... */
    pid_t pid;
    uid_t uid;
    union {
        int number;
        void *pointer;
    } value; /* of sigqueue(3) */
} vow_siginfo;

/* The next signal `number` that comes after the call: fulfils with the number, _info with a
 * vow_siginfo. Signals that may come several times in a row want a vow_signals: between one
 * wait and the next the program's own disposition may be in force. EINVAL: no such signal,
 * SIGKILL, SIGSTOP, or one that a fault raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL). EMFILE,
 * ENFILE: no descriptors (a loop in which somebody waits has two). Cancel-safe. */
#define vow_signal(loop, number) vow_signal_at(loop, number, VOW_HERE)
#define vow_signal_info(loop, number) vow_signal_info_at(loop, number, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_signal_at(vow_loop *loop, int number, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_signal_info_at(vow_loop *loop, int number,
                                                      const char *where);

/* Looks. A vow_siginfo, borrowed from v; another type panics. */
VOW_API const vow_siginfo *vow_siginfo_of(vow_value v);
VOW_API const vow_type *vow_siginfo_type(void);

typedef struct vow_signals vow_signals;

/* Gives a stream of these signals (looks at the `n` numbers), from now on; NULL: errno says
 * why: as above, or ENOMEM, ESHUTDOWN when the loop is closed, VOW_EFORK. */
VOW_API vow_signals *vow_signals_new(vow_loop *loop, const int *numbers, size_t n);

/* The oldest signal that was not given yet: fulfils with its number, _info with a vow_siginfo.
 * Several may wait: first come, first served. Between two of them at least 256 signals are
 * kept in order; of more, vow_signals_missed counts those that are not given. (The system
 * itself keeps one of each kind until it is delivered, and all of SIGRTMIN to SIGRTMAX.)
 * Cancel-safe: a cancelled one takes no signal. One of _info that had its signal, but is let
 * go before any handler saw it, gives it back to the stream; a number cannot come back. */
#define vow_signals_next(s) vow_signals_next_at(s, VOW_HERE)
#define vow_signals_next_info(s) vow_signals_next_info_at(s, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_signals_next_at(vow_signals *s, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_signals_next_info_at(vow_signals *s, const char *where);
VOW_API uint64_t vow_signals_missed(const vow_signals *s);

/* Ends it; waiting promises reject with ECANCELED. Takes; NULL ok; returns NULL. */
VOW_API vow_signals *vow_signals_free(vow_signals *s);

VOW_END
#endif
