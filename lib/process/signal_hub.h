/* SPDX-License-Identifier: MIT
 *
 * process/signal_hub.h - inside the hub for signals: what vow's handler writes to.
 */
#ifndef VOW_PROCESS_SIGNAL_HUB_H
#define VOW_PROCESS_SIGNAL_HUB_H

#include <stdatomic.h>

#include "process/signal.h"

struct vow__inlet {
    _Atomic(struct vow__inlet *) next;
    atomic_uint_fast64_t wants; /* a bit each number */
    atomic_int pid;             /* the process whose pipe it is; 0: none */
    atomic_int fd;              /* the pipe's write end, not blocking */
    atomic_uint lost[VOW__SIGNALS]; /* signals without a record: the pipe was full */
    atomic_bool any_lost;           /* set after the count */
    unsigned users[VOW__SIGNALS];   /* claims; the hub's */
};

/* Any thread. After _remove no handler touches the inlet any more. */
void vow__inlet_add(struct vow__inlet *inlet);
void vow__inlet_remove(struct vow__inlet *inlet);

/* Has `number` written to it: vow's handler is set if it was not. 0 or an errno number. Each
 * claim is given back by one _disclaim. */
int vow__inlet_claim(struct vow__inlet *inlet, int number);
void vow__inlet_disclaim(struct vow__inlet *inlet, int number);

#endif
