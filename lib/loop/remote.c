/* SPDX-License-Identifier: MIT
 *
 * loop/remote.c - see remote.h and vow/remote.h.
 */
#include "loop/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>
#ifdef VOW__LINUX
#include <sys/eventfd.h>
#endif

#include "base/fd.h"
#include "base/mem.h"

vow_node vow__inbox_closed;

/* The descriptor that wakes the loop. */

#ifdef VOW__LINUX
static int open_descriptor(int fd[2])
{
    fd[0] = fd[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd[0] < 0 ? errno : 0;
}

static void close_descriptor(int fd[2])
{
    if (fd[0] >= 0)
        close(fd[0]);
    fd[0] = fd[1] = -1;
}
#else
static int open_descriptor(int fd[2]) { return vow__fd_pipe(O_NONBLOCK, fd); }

static void close_descriptor(int fd[2])
{
    for (int i = 0; i < 2; i++) {
        if (fd[i] >= 0)
            close(fd[i]);
        fd[i] = -1;
    }
}
#endif

/* relaxed: it changes only where the process has no other thread of vow's */
static bool is_ours(const vow_remote *remote)
{
    return atomic_load_explicit(&remote->generation, memory_order_relaxed) == vow__forks;
}

/* Async-signal-safe. Writing, which does not wait, fails only where the loop is awake
 * already: a full pipe. */
static void ring(vow_remote *remote)
{
    uint64_t one = 1;
    int kept = errno;
    ssize_t written = is_ours(remote) /* else we would wake our parent */
                          ? write(remote->fd[1], &one, sizeof one)
                          : 0;
    (void)written;
    errno = kept;
}

static void unring(vow_remote *remote)
{
    char bytes[512]; /* an eventfd gives 8; what a pipe has left over fires again */
    ssize_t size = read(remote->fd[0], bytes, sizeof bytes);
    (void)size;
}

static void forget(vow_remote *remote)
{
    /* release: what we did with the memory comes before its end; acquire: the last one sees
     * what the others did */
    if (atomic_fetch_sub_explicit(&remote->refs, 1, memory_order_acq_rel) != 1)
        return;
    close_descriptor(remote->fd);
    vow__free(remote);
}

bool vow__remote_is_here(const vow_remote *remote)
{
    return remote->thread == vow__thread() && remote->loop;
}

/* In the base exactly while somebody may still post, or has. 0 or an errno number. */
static int keep_registered(vow_remote *remote)
{
    if (!remote->event || !is_ours(remote))
        return 0;
    bool wanted = remote->errands || vow__inbox_is_awaited(&remote->inbox);
    if (wanted == remote->added)
        return 0;
    if (wanted && event_add(remote->event, NULL))
        return ENOMEM;
    if (!wanted)
        event_del(remote->event);
    remote->added = wanted;
    return 0;
}

static void remember(vow_remote *remote)
{
    /* relaxed: the caller has a reference, or is the loop */
    atomic_fetch_add_explicit(&remote->refs, 1, memory_order_relaxed);
}

static void add_holder(vow_remote *remote)
{
    remember(remote);
    vow__inbox_hold(&remote->inbox);
}

/* One less to wait for. The caller still has its reference, which keeps the descriptor. */
static void let_go(vow_remote *remote)
{
    if (!vow__inbox_let_go(&remote->inbox))
        return;
    if (vow__remote_is_here(remote))
        keep_registered(remote);
    else
        ring(remote);
}

/* What many posts have settled is served in between, while it is in the cache. */
static void run_nodes(vow_loop *loop, vow_node *node)
{
    enum { MANY = 128 };
    for (unsigned i = 1; node; i++) {
        vow_node *next = node->next;
        node->run(node);
        node = next;
        if (i % MANY == 0 && loop->head) {
            vow__drain(loop, loop->budget);
            loop->awake = true; /* as in vow_enter: vow_leave is still to come */
        }
    }
}

static void on_ring(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    vow_remote *remote = data;
    vow_loop *loop = &remote->loop->core;
    unring(remote); /* before taking: who pushes after that rings again */
    vow_enter(loop);
    run_nodes(loop, vow__inbox_take(&remote->inbox, NULL));
    keep_registered(remote);
    vow_leave(loop); /* the loop may be gone */
}

static vow_remote *new_remote(struct vow__event_loop *l)
{
    vow_remote *remote = vow__alloc_zeroed(sizeof *remote);
    int failed = remote ? open_descriptor(remote->fd) : ENOMEM;
    if (failed) {
        vow__free(remote);
        errno = failed;
        return NULL;
    }
    atomic_init(&remote->refs, 1); /* the loop's */
    atomic_init(&remote->inbox.open, 0);
    atomic_init(&remote->inbox.newest, NULL);
    atomic_init(&remote->generation, vow__forks);
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

vow_remote *vow__remote_of(vow_loop *loop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    if (loop->closing || !vow__same_process(loop)) {
        errno = loop->closing ? ESHUTDOWN : VOW_EFORK;
        return NULL;
    }
    if (!l->remote)
        l->remote = new_remote(l);
    return l->remote;
}

vow_remote *vow_remote_new(vow_loop *loop)
{
    vow__check_loop(loop, "vow_remote_new");
    vow_remote *remote = vow__remote_of(loop);
    if (!remote)
        return NULL;
    add_holder(remote);
    int failed = keep_registered(remote);
    if (!failed)
        return remote;
    vow_remote_unref(remote);
    errno = failed;
    return NULL;
}

vow_remote *vow_remote_ref(vow_remote *remote)
{
    if (remote)
        add_holder(remote);
    return remote;
}

vow_remote *vow_remote_unref(vow_remote *remote)
{
    if (remote) {
        let_go(remote);
        forget(remote);
    }
    return NULL;
}

/* Posts. */

int vow__post_held(vow_remote *remote, vow_node *node)
{
    if (!is_ours(remote))
        return VOW_EFORK;
    enum vow__pushed pushed = vow__inbox_push(&remote->inbox, node);
    if (pushed == VOW__PUSHED_FIRST)
        ring(remote);
    return pushed == VOW__PUSH_REFUSED ? ESHUTDOWN : 0;
}

/* The loop may take the node, with it give the last reference back, and be freed before the
 * push has rung: that waits for `posting`. */
int vow_post_node(vow_remote *remote, vow_node *node)
{
    /* relaxed: the push makes it visible to whoever takes the node; release: nothing of the
     * remote is touched after the second */
    atomic_fetch_add_explicit(&remote->posting, 1, memory_order_relaxed);
    int failed = vow__post_held(remote, node);
    atomic_fetch_sub_explicit(&remote->posting, 1, memory_order_release);
    return failed;
}

/* They are between a push and a write. In a forked child there are no such threads. */
static void wait_for_posts(const vow_remote *remote)
{
    while (is_ours(remote) && atomic_load_explicit(&remote->posting, memory_order_acquire) > 0)
        sched_yield();
}

struct post {
    vow_node node; /* first */
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

/* Errands. */

int vow__errand_begin(struct vow__errand *errand, vow_remote *remote)
{
    remember(remote);
    errand->remote = remote;
    errand->next = remote->errands;
    errand->at = &remote->errands;
    if (errand->next)
        errand->next->at = &errand->next;
    remote->errands = errand;
    int failed = errand->next ? 0 : keep_registered(remote);
    if (failed) {
        vow__errand_end(errand);
        forget(remote);
    }
    return failed;
}

void vow__errand_end(struct vow__errand *errand)
{
    if (!errand->at)
        return;
    *errand->at = errand->next;
    if (errand->next)
        errand->next->at = errand->at;
    errand->at = NULL;
    if (!errand->remote->errands)
        keep_registered(errand->remote);
}

void vow__errand_done(struct vow__errand *errand) { forget(errand->remote); }

static void lose_errands(vow_remote *remote, int code)
{
    while (remote->errands)
        remote->errands->lost(remote->errands, code);
}

static void discard(vow_node *node)
{
    for (vow_node *next; node; node = next) {
        next = node->next;
        node->gone(node);
    }
}

static void drop_event(vow_remote *remote)
{
    if (remote->event)
        event_free(remote->event);
    remote->event = NULL;
    remote->added = false;
}

/* Closing, freeing, forking. */

/* What has come home counts; only then are the others lost. */
void vow__remote_close(struct vow__event_loop *l)
{
    if (!l->remote)
        return;
    discard(vow__inbox_take(&l->remote->inbox, &vow__inbox_closed));
    lose_errands(l->remote, VOW_ECLOSED);
    drop_event(l->remote);
}

void vow__remote_free(struct vow__event_loop *l)
{
    vow_remote *remote = l->remote;
    if (!remote)
        return;
    wait_for_posts(remote);
    remote->loop = NULL;
    l->remote = NULL;
    forget(remote);
}

/* The child gets a descriptor of its own. What was posted before the fork is the parent's,
 * and so is what was still to come. 0 or an errno number; may be called again. */
int vow__remote_after_fork(struct vow__event_loop *l)
{
    vow_remote *remote = l->remote;
    if (!remote)
        return 0;
    atomic_store_explicit(&remote->posting, 0, memory_order_relaxed); /* were the parent's */
    if (l->core.closed) { /* its inbox stays so */
        atomic_store_explicit(&remote->generation, vow__forks, memory_order_relaxed);
        return 0;
    }
    lose_errands(remote, VOW_EFORK);
    discard(vow__inbox_take(&remote->inbox, NULL));
    drop_event(remote);
    close_descriptor(remote->fd);
    int failed = open_descriptor(remote->fd);
    if (failed)
        return failed;
    remote->event = event_new(l->base, remote->fd[0], EV_READ | EV_PERSIST, on_ring, remote);
    if (!remote->event)
        return ENOMEM;
    atomic_store_explicit(&remote->generation, vow__forks, memory_order_relaxed);
    return keep_registered(remote);
}
