/* SPDX-License-Identifier: MIT
 *
 * loop/remote.c - see remote.h and vow/remote.h.
 */
#include "loop/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

#include "base/mem.h"

static vow_node closed; /* the inbox of a closed loop */

static int open_descriptor(int fd[2])
{
#ifdef __linux__
    fd[0] = fd[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd[0] < 0 ? -1 : 0;
#else
    if (pipe(fd))
        return -1;
    for (int i = 0; i < 2; i++) {
        fcntl(fd[i], F_SETFL, O_NONBLOCK);
        fcntl(fd[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
#endif
}

static void close_descriptor(int fd[2])
{
    close(fd[0]);
    if (fd[1] != fd[0])
        close(fd[1]);
}

/* Async-signal-safe. A full pipe wakes the loop as well. */
static void ring(vow_remote *remote)
{
    uint64_t one = 1;
    int kept = errno;
    while (write(remote->fd[1], &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = kept;
}

static void unring(vow_remote *remote)
{
    uint64_t bytes[8];
    while (read(remote->fd[0], bytes, remote->fd[0] == remote->fd[1] ? 8 : sizeof bytes) < 0 &&
           errno == EINTR)
        ;
}

static void forget(vow_remote *remote)
{
    /* acq_rel: whoever frees sees everything that the others did with the memory */
    if (atomic_fetch_sub_explicit(&remote->refs, 1, memory_order_acq_rel) != 1)
        return;
    close_descriptor(remote->fd);
    vow__free(remote);
}

/* Takes everything from the inbox, leaving `instead`, oldest first. */
static vow_node *take_all(vow_remote *remote, vow_node *instead)
{
    /* acquire: what was written before each push is seen here */
    vow_node *node = atomic_exchange_explicit(&remote->inbox, instead, memory_order_acquire);
    vow_node *oldest = NULL;
    while (node && node != &closed) {
        vow_node *older = node->next;
        node->next = oldest;
        oldest = node;
        node = older;
    }
    return oldest;
}

/* Registered exactly while somebody holds the remote open or a post waits. */
static int keep_registered(vow_remote *remote)
{
    /* acquire pairs with the release of the last closer: its posts are in the inbox */
    bool wanted = atomic_load_explicit(&remote->open, memory_order_acquire) > 0 ||
                  atomic_load_explicit(&remote->inbox, memory_order_relaxed) != NULL;
    if (wanted == remote->added)
        return 0;
    if (wanted && event_add(remote->event, NULL))
        return ENOMEM;
    if (!wanted)
        event_del(remote->event);
    remote->added = wanted;
    return 0;
}

static void on_ring(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    vow_remote *remote = data;
    vow_loop *loop = &remote->loop->core;
    unring(remote); /* before taking: a later push rings again */
    vow_enter(loop);
    for (vow_node *node = take_all(remote, NULL), *next; node; node = next) {
        next = node->next;
        node->run(node);
    }
    keep_registered(remote);
    vow_leave(loop);
}

static vow_remote *new_remote(struct vow__event_loop *l)
{
    vow_remote *remote = vow__alloc_zeroed(sizeof *remote);
    if (!remote) {
        errno = ENOMEM;
        return NULL;
    }
    if (open_descriptor(remote->fd)) {
        vow__free(remote);
        return NULL;
    }
    atomic_init(&remote->refs, 1); /* the loop's */
    atomic_init(&remote->open, 0);
    atomic_init(&remote->inbox, NULL);
    remote->thread = l->core.thread;
    remote->loop = l;
    remote->event = event_new(l->base, remote->fd[0], EV_READ | EV_PERSIST, on_ring, remote);
    if (!remote->event) {
        forget(remote);
        errno = ENOMEM;
        return NULL;
    }
    return remote;
}

int vow__remote_hold(vow_remote *remote)
{
    atomic_fetch_add_explicit(&remote->refs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&remote->open, 1, memory_order_relaxed);
    int failed = keep_registered(remote);
    if (failed)
        vow__remote_release(remote);
    return failed;
}

bool vow__remote_is_here(const vow_remote *remote)
{
    return remote->thread == vow__thread() && remote->loop;
}

vow_remote *vow_remote_new(vow_loop *loop)
{
    vow__check_loop(loop, "vow_remote_new");
    struct vow__event_loop *l = vow__event_loop(loop);
    if (loop->closing || !vow__same_process(loop)) {
        errno = ESHUTDOWN;
        return NULL;
    }
    if (!l->remote)
        l->remote = new_remote(l);
    if (!l->remote)
        return NULL;
    int failed = vow__remote_hold(l->remote);
    if (failed)
        errno = failed;
    return failed ? NULL : l->remote;
}

vow_remote *vow_remote_ref(vow_remote *remote)
{
    if (remote) {
        /* relaxed: the caller's own reference keeps both above zero */
        atomic_fetch_add_explicit(&remote->refs, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&remote->open, 1, memory_order_relaxed);
    }
    return remote;
}

void vow__remote_release(vow_remote *remote)
{
    /* release: the loop that finds zero finds our posts too. Our reference in `refs` keeps
     * the descriptor for the ring. */
    if (atomic_fetch_sub_explicit(&remote->open, 1, memory_order_release) == 1) {
        if (vow__remote_is_here(remote))
            keep_registered(remote);
        else
            ring(remote);
    }
    forget(remote);
}

vow_remote *vow_remote_unref(vow_remote *remote)
{
    if (remote)
        vow__remote_release(remote);
    return NULL;
}

int vow_post_node(vow_remote *remote, vow_node *node)
{
    vow_node *newest = atomic_load_explicit(&remote->inbox, memory_order_relaxed);
    do {
        if (newest == &closed)
            return ESHUTDOWN;
        node->next = newest;
        /* release: the taker sees the node's contents. relaxed on failure: `newest` is only
         * compared and stored, never followed here. */
    } while (!atomic_compare_exchange_weak_explicit(&remote->inbox, &newest, node,
                                                    memory_order_release, memory_order_relaxed));
    if (!newest)
        ring(remote);
    return 0;
}

struct post {
    vow_node node;
    vow_destroy_fn *fn, *destroy;
    void *data;
};

static void end_post(vow_node *node)
{
    struct post *post = (struct post *)node;
    if (post->destroy)
        post->destroy(post->data);
    vow__free(post);
}

static void run_post(vow_node *node)
{
    struct post *post = (struct post *)node;
    post->fn(post->data);
    end_post(node);
}

int vow_post(vow_remote *remote, vow_destroy_fn *fn, void *data, vow_destroy_fn *destroy)
{
    struct post *post = vow__alloc(sizeof *post);
    int failed = ENOMEM;
    if (post) {
        *post = (struct post){{NULL, run_post, end_post}, fn, destroy, data};
        failed = vow_post_node(remote, &post->node);
    }
    if (failed) {
        vow__free(post);
        if (destroy)
            destroy(data);
    }
    return failed;
}

static void discard(vow_node *node)
{
    for (vow_node *next; node; node = next) {
        next = node->next;
        node->gone(node);
    }
}

void vow__remote_close(struct vow__event_loop *l)
{
    vow_remote *remote = l->remote;
    if (!remote)
        return;
    discard(take_all(remote, &closed));
    vow__remote_reject_pending(remote, VOW_ECLOSED);
    event_free(remote->event);
    remote->loop = NULL;
    l->remote = NULL;
    forget(remote);
}

/* The child gets a descriptor of its own. What was posted to the parent stays there. */
int vow__remote_after_fork(struct vow__event_loop *l)
{
    vow_remote *remote = l->remote;
    if (!remote)
        return 0;
    discard(take_all(remote, NULL));
    vow__remote_reject_pending(remote, VOW_EFORK);
    event_free(remote->event);
    remote->added = false;
    close_descriptor(remote->fd);
    if (open_descriptor(remote->fd))
        return errno;
    remote->event = event_new(l->base, remote->fd[0], EV_READ | EV_PERSIST, on_ring, remote);
    return remote->event ? keep_registered(remote) : ENOMEM;
}
