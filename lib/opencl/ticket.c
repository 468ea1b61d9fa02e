/* SPDX-License-Identifier: MIT
 *
 * opencl/ticket.c - see ticket.h. The table is the process's: the first part static, the
 * others, each twice as large as the one before, allocated when needed. They are given back
 * when no ticket is out and none was ever cancelled while a driver had its number.
 */
#include "opencl/ticket.h"

#include <pthread.h>

enum { INDEX_BITS = 24, FIRST = 256, PARTS = 15 };

static struct vow__cl_ticket first_part[FIRST];
static _Atomic(struct vow__cl_ticket *) parts[PARTS]; /* [0] stays NULL: it is first_part */

/* under the lock: */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vow__cl_ticket *free_tickets;
static uint32_t ever_taken; /* tickets of a lower index were taken once */
static uint32_t out;
static bool has_strays; /* a driver has numbers of tickets that were cancelled */

/* Part k has FIRST << k tickets; those before it are FIRST * (2^k - 1). NULL: no such part. */
static struct vow__cl_ticket *ticket_at(uint32_t index)
{
    if (index < FIRST)
        return &first_part[index];
    unsigned part = 0;
    uint32_t start = 0;
    while (index - start >= (uint32_t)FIRST << part)
        start += (uint32_t)FIRST << part++;
    if (part >= PARTS)
        return NULL;
    /* acquire: pairs with the release of whoever has put the part there */
    struct vow__cl_ticket *tickets = atomic_load_explicit(&parts[part], memory_order_acquire);
    return tickets ? &tickets[index - start] : NULL;
}

/* The next that was never taken, its part allocated when it is the part's first. */
static struct vow__cl_ticket *new_ticket(void)
{
    uint32_t start = 0;
    unsigned part = 0;
    while (part < PARTS && ever_taken - start >= (uint32_t)FIRST << part)
        start += (uint32_t)FIRST << part++;
    if (part >= PARTS)
        return NULL;
    if (part > 0 && !atomic_load_explicit(&parts[part], memory_order_relaxed)) {
        void *tickets = vow_alloc(((size_t)FIRST << part) * sizeof(struct vow__cl_ticket));
        if (!tickets)
            return NULL;
        atomic_store_explicit(&parts[part], tickets, memory_order_release);
    }
    struct vow__cl_ticket *ticket = ticket_at(ever_taken);
    ticket->index = ever_taken++;
    return ticket;
}

struct vow__cl_ticket *vow__cl_ticket_take(void)
{
    pthread_mutex_lock(&lock);
    struct vow__cl_ticket *ticket = free_tickets;
    if (ticket)
        free_tickets = ticket->next_free;
    else
        ticket = new_ticket();
    out += ticket != NULL;
    pthread_mutex_unlock(&lock);
    return ticket;
}

static void give_parts_back(void)
{
    free_tickets = NULL;
    ever_taken = 0;
    for (unsigned part = 1; part < PARTS; part++)
        vow_free(atomic_exchange_explicit(&parts[part], NULL, memory_order_relaxed));
}

static uintptr_t generation_of(struct vow__cl_ticket *ticket)
{
    return atomic_load_explicit(&ticket->state, memory_order_relaxed) >> 2;
}

void vow__cl_ticket_reset(struct vow__cl_ticket *ticket)
{
    /* relaxed: the callback is done with it */
    atomic_store_explicit(&ticket->state, (generation_of(ticket) + 1) << 2, memory_order_relaxed);
}

void vow__cl_ticket_give(struct vow__cl_ticket *ticket)
{
    vow__cl_ticket_reset(ticket);
    pthread_mutex_lock(&lock);
    ticket->next_free = free_tickets;
    free_tickets = ticket;
    if (--out == 0 && !has_strays && ever_taken > FIRST)
        give_parts_back();
    pthread_mutex_unlock(&lock);
}

void *vow__cl_ticket_arm(struct vow__cl_ticket *ticket, vow_remote *remote)
{
    uintptr_t generation = generation_of(ticket);
    ticket->remote = remote;
    /* release: the callback sees the node and the remote */
    atomic_store_explicit(&ticket->state, generation << 2 | VOW__CL_ARMED, memory_order_release);
    return (void *)(generation << INDEX_BITS | ticket->index);
}

bool vow__cl_ticket_cancel(struct vow__cl_ticket *ticket)
{
    uintptr_t state = atomic_load_explicit(&ticket->state, memory_order_relaxed);
    if ((state & 3) == VOW__CL_IDLE)
        return true;
    /* relaxed: the callback that loses does not look any further */
    if ((state & 3) != VOW__CL_ARMED ||
        !atomic_compare_exchange_strong_explicit(&ticket->state, &state, ((state >> 2) + 1) << 2,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&lock);
    has_strays = true;
    pthread_mutex_unlock(&lock);
    return true;
}

bool vow__cl_ticket_is_refused(struct vow__cl_ticket *ticket)
{
    /* acquire: the callback has done with the ticket */
    return (atomic_load_explicit(&ticket->state, memory_order_acquire) & 3) == VOW__CL_REFUSED;
}

void CL_CALLBACK vow__cl_on_event(cl_event event, cl_int status, void *data)
{
    (void)event, (void)status; /* not to be trusted: the loop's thread asks again */
    uintptr_t number = (uintptr_t)data, index = number & (((uintptr_t)1 << INDEX_BITS) - 1);
    struct vow__cl_ticket *ticket = ticket_at((uint32_t)index);
    if (!ticket)
        return;
    uintptr_t state = atomic_load_explicit(&ticket->state, memory_order_relaxed);
    uintptr_t generation = state >> 2;
    if ((state & 3) != VOW__CL_ARMED || (generation << INDEX_BITS | index) != number ||
        /* acquire: pairs with the arming */
        !atomic_compare_exchange_strong_explicit(&ticket->state, &state,
                                                 generation << 2 | VOW__CL_FIRED,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    if (vow_post_node(ticket->remote, &ticket->node) != 0)
        atomic_store_explicit(&ticket->state, generation << 2 | VOW__CL_REFUSED,
                              memory_order_release);
}
