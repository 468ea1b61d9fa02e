/* SPDX-License-Identifier: MIT
 *
 * opencl/ticket.h - what a driver is given for its callback: a number, not a pointer.
 *
 * PoCL calls nothing back for an event that failed; others may call late, twice, or when the
 * loop is long gone. So nobody may wait for a callback before giving memory back, and no
 * memory may be given back while one could come. A ticket solves that: the callback gets
 * its place in a table and how often that place was used (its generation). It posts the
 * ticket's node if the ticket still is what it was, and does nothing otherwise.
 *
 * A ticket is IDLE, ARMED by the loop's thread, and FIRED by the callback that claims it, once;
 * cancelling makes an ARMED one IDLE of the next generation. REFUSED: the loop has closed
 * between the claim and the post.
 */
#ifndef VOW_OPENCL_TICKET_H
#define VOW_OPENCL_TICKET_H

#include <stdatomic.h>

#include "vow/opencl.h"
#include "vow/remote.h"

enum vow__cl_ticket_state { VOW__CL_IDLE, VOW__CL_ARMED, VOW__CL_FIRED, VOW__CL_REFUSED };

struct vow__cl_ticket {
    vow_node node;            /* first; run and gone are the owner's */
    _Atomic(uintptr_t) state; /* generation * 4 + enum vow__cl_ticket_state */
    vow_remote *remote;       /* the owner's reference, from ARMED until the node is home */
    void *owner;
    uint32_t index;
    struct vow__cl_ticket *next_free;
};

/* Loop's thread, any loop. NULL: no memory. */
struct vow__cl_ticket *vow__cl_ticket_take(void);
/* Arms it; gives what the callback is registered with. */
void *vow__cl_ticket_arm(struct vow__cl_ticket *ticket, vow_remote *remote);
/* True: the node does not come (any more). False: the callback has it: it is under way, or,
 * when the loop has closed, refused once vow__cl_ticket_is_refused says so. */
bool vow__cl_ticket_cancel(struct vow__cl_ticket *ticket);
bool vow__cl_ticket_is_refused(struct vow__cl_ticket *ticket);
/* Its node is home: idle again. */
void vow__cl_ticket_reset(struct vow__cl_ticket *ticket);
/* Gives back an idle one, one whose node is home, or one that was refused. */
void vow__cl_ticket_give(struct vow__cl_ticket *ticket);

/* For clSetEventCallback. Any thread, also inside the registration. */
void CL_CALLBACK vow__cl_on_event(cl_event event, cl_int status, void *data);

#endif
