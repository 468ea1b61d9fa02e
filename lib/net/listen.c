/* SPDX-License-Identifier: MIT
 *
 * net/listen.c - accepting. A wait brings its stream's memory with it, so that an accepted
 * connection can always be delivered.
 */
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "adapt/op.h"
#include "adapt/pause.h"
#include "base/fd.h"
#include "base/mem.h"
#include "net/address.h"
#include "stream/stream.h"

/* While descriptors or memory are short: how long to leave the clients in the backlog. */
enum { FIRST_PAUSE_MS = 10, LONGEST_PAUSE_MS = 1000 };

struct waiter {
    struct waiter *next, **at; /* at NULL: in no list any more */
    vow_listener *listener;
    vow_resolver *resolver;
    vow_stream *sock; /* without a descriptor; NULL once delivered */
};

/* What accepted streams know of their listener. It outlives that when they do. */
struct tally {
    struct vow__stream_home home; /* of those that nobody has seen */
    size_t refs;                  /* the listener's, and one of each that counts or may come back */
    size_t open;                  /* with a limit: how many are */
    vow_listener *listener;       /* NULL once it is closed */
};

struct vow_listener {
    struct vow__member member;
    struct vow__watch watch; /* added while somebody waits, has room, and there is no pause */
    struct waiter *first, **end;
    struct vow__pause pause;
    vow_stream *back, **back_end; /* came home unseen; none while somebody waits */
    struct tally *tally;
    size_t most; /* 0: no limit */
    int fd;
    int reserve; /* a descriptor to be given up for turning a client away; -1: none */
    size_t shed;
    pid_t process; /* that made the file of a unix address */
    vow_address address;
};

static void leave_list(struct waiter *w)
{
    if (!w->at)
        return;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    else
        w->listener->end = w->at;
    w->at = NULL;
}

static void reject_all(vow_listener *l, int code, const char *text)
{
    while (l->first) {
        struct waiter *w = l->first;
        leave_list(w);
        vow_resolve(w->resolver, vow_fail_at(NULL, vow_errno_domain(), code, "accept%s", text));
    }
}

static bool has_room(const vow_listener *l) { return !l->most || l->tally->open < l->most; }

static void watch(vow_listener *l)
{
    int failed = vow__watch_begin(l->member.loop, &l->watch);
    if (failed)
        reject_all(l, failed, "");
}

/* Somebody waits, or there is room again. */
static void go_on(vow_listener *l)
{
    if (l->first && has_room(l) && !l->pause.end && l->watch.event)
        watch(l);
}

static void forget_tally(struct tally *t)
{
    if (--t->refs == 0)
        vow__free(t);
}

static void on_closed(void *data)
{
    struct tally *t = data;
    t->open--;
    if (t->listener)
        go_on(t->listener);
    forget_tally(t);
}

static struct tally *tally_of(struct vow__stream_home *home) { return (struct tally *)home; }

static void seen(struct vow__stream_home *home) { forget_tally(tally_of(home)); }

/* Takes s, which comes back unless somebody sees it. */
static vow_value unseen(vow_listener *l, vow_stream *s)
{
    s->home = &l->tally->home;
    l->tally->refs++;
    return vow_stream_value(s);
}

/* The kernel is not asked any more. */
static void nobody_waits(vow_listener *l)
{
    vow__watch_stop(l->member.loop, &l->watch);
    vow__pause_stop(&l->pause);
}

static void give_back(struct vow__stream_home *home, vow_stream *s)
{
    struct tally *t = tally_of(home);
    vow_listener *l = t->listener;
    struct waiter *w = l ? l->first : NULL;
    if (w) {
        leave_list(w);
        vow_resolve(w->resolver, unseen(l, s));
        if (!l->first)
            nobody_waits(l);
    } else if (l) {
        s->next = NULL;
        *l->back_end = s;
        l->back_end = &s->next;
    } else {
        vow_stream_unref(s);
    }
    forget_tally(t);
}

static vow_stream *take_back(vow_listener *l)
{
    vow_stream *s = l->back;
    l->back = s->next;
    if (!l->back)
        l->back_end = &l->back;
    return s;
}

static void deliver(vow_listener *l, int fd)
{
    struct waiter *w = l->first;
    vow_stream *s = w->sock;
    leave_list(w);
    w->sock = NULL;
    vow__stream_set_fd(s, fd);
    if (l->most) {
        l->tally->refs++;
        l->tally->open++;
        vow__stream_on_close(s, on_closed, l->tally);
    }
    vow_resolve(w->resolver, unseen(l, s));
}

static void on_pause_over(void *data, int failed)
{
    vow_listener *l = data;
    if (failed)
        reject_all(l, failed, ""); /* no memory for the timer */
    else
        go_on(l);
}

/* The clients wait in the backlog. Without a pause the descriptor, which stays readable,
 * would keep the loop spinning. */
static void pause_for(vow_listener *l, int code)
{
    vow__watch_stop(l->member.loop, &l->watch);
    if (vow__pause_begin(l->member.loop, &l->pause))
        reject_all(l, code, ""); /* no memory even for the pause */
}

static bool is_shortage(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* What accept reports of the listener itself; all else is a client that left or could not
 * be reached any more, and is skipped. */
static bool is_fatal(int code)
{
    return code == EBADF || code == EINVAL || code == ENOTSOCK || code == EFAULT;
}

static int open_reserve(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

/* One client, out of descriptors, hears that it is not served. False: nor can that be done. */
static bool turn_away(vow_listener *l)
{
    if (l->reserve < 0)
        return false;
    close(l->reserve);
    int fd = vow__fd_accept(l->fd);
    if (fd >= 0) {
        close(fd);
        l->shed++;
    }
    l->reserve = open_reserve();
    return fd >= 0;
}

static void accept_waiting(vow_listener *l)
{
    while (l->first && has_room(l)) {
        int fd = vow__fd_accept(l->fd), code = fd < 0 ? errno : 0;
        if (code == EAGAIN || code == EWOULDBLOCK)
            return;
        if ((code == EMFILE || code == ENFILE) && turn_away(l))
            return; /* the next one in the next turn */
        if (is_shortage(code)) {
            pause_for(l, code);
            return;
        }
        if (is_fatal(code))
            reject_all(l, code, "");
        if (code == 0) {
            l->pause.ms = 0;
            deliver(l, fd);
        }
    }
    if (l->first)
        vow__watch_stop(l->member.loop, &l->watch);
    else
        vow__watch_rest(l->member.loop, &l->watch);
}

static void on_acceptable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_listener *l = data;
    vow_loop *loop = l->member.loop;
    vow_enter(loop);
    if (l->first)
        accept_waiting(l);
    else
        vow__watch_stop(loop, &l->watch);
    vow_leave(loop);
}

static void stop(void *data)
{
    struct waiter *w = data;
    vow_listener *l = w->listener;
    leave_list(w);
    if (!l->first)
        nobody_waits(l);
}

static void destroy(void *data)
{
    struct waiter *w = data;
    vow_stream_unref(w->sock);
    vow__free(w);
}

vow_promise *vow_accept_at(vow_listener *l, const char *where)
{
    vow_loop *loop = l->member.loop;
    VOW_CHECK(loop, "vow_accept at %s: the listener's loop is freed", where);
    vow_promise *p = vow__refused(loop, where);
    if (p)
        return p;
    if (l->back)
        return vow_resolved_at(loop, unseen(l, take_back(l)), where);
    struct waiter *w = vow__alloc_zeroed(sizeof *w);
    if (w)
        w->sock = vow__stream_of_sock(loop);
    if (!w || !w->sock) {
        vow__free(w);
        return vow__op_no_memory(loop);
    }
    w->listener = l;
    vow_resolver *resolver = vow__op_begin(loop, w, stop, destroy, where, &p);
    if (!resolver)
        return p;
    w->resolver = resolver;
    w->at = l->end;
    *l->end = w;
    l->end = &w->next;
    go_on(l);
    return p;
}

/* The loop has rejected the waiting ones. */
static void give_events_back(struct vow__member *member)
{
    vow_listener *l = (vow_listener *)member;
    vow__watch_done(l->member.loop, &l->watch);
}

/* Everything but the descriptor; NULL: no memory. */
static vow_listener *new_listener(vow_loop *loop, const vow_listen_options *o)
{
    vow_listener *l = vow__alloc_zeroed(sizeof *l);
    struct tally *t = vow__alloc_zeroed(sizeof *t);
    if (!l || !t) {
        vow__free(l);
        vow__free(t);
        return NULL;
    }
    l->fd = -1;
    l->reserve = -1;
    l->end = &l->first;
    l->back_end = &l->back;
    l->most = o->most;
    l->tally = t;
    *t = (struct tally){{give_back, seen}, 1, 0, l};
    l->pause = (struct vow__pause){
        .first = FIRST_PAUSE_MS, .most = LONGEST_PAUSE_MS, .over = on_pause_over, .data = l};
    vow__member_join(&l->member, loop, give_events_back);
    return l;
}

/* 0 or an errno number. */
static int open_all(vow_listener *l, const vow_address *address, const vow_listen_options *o)
{
    int fd = vow__listen_open(address, o);
    if (fd < 0)
        return -fd;
    l->fd = fd;
    l->process = getpid();
    int failed = vow_address_local(&l->address, fd);
    if (!failed && o->shed && (l->reserve = open_reserve()) < 0)
        failed = errno;
    if (!failed &&
        vow__watch_init(l->member.loop, &l->watch, fd, EV_READ | EV_PERSIST, on_acceptable, l))
        failed = ENOMEM;
    return failed;
}

vow_listener *vow_listen_on(vow_loop *loop, const vow_address *address,
                            const vow_listen_options *options)
{
    static const vow_listen_options none;
    const vow_listen_options *o = options ? options : &none;
    vow__check_loop(loop, "vow_listen");
    vow_listener *l = loop->closing ? NULL : new_listener(loop, o);
    int failed = loop->closing ? ESHUTDOWN : l ? open_all(l, address, o) : ENOMEM;
    if (!failed)
        return l;
    vow_listener_close(l);
    errno = failed;
    return NULL;
}

vow_listener *vow_listen(vow_loop *loop, const char *address, uint16_t port, int backlog)
{
    vow_address a;
    int failed = vow_address_ip(&a, address ? address : "127.0.0.1", port);
    if (!failed)
        return vow_listen_on(loop, &a, &(vow_listen_options){.backlog = backlog});
    errno = failed;
    return NULL;
}

uint16_t vow_listener_port(const vow_listener *l) { return vow_address_port(&l->address); }
const vow_address *vow_listener_address(const vow_listener *l) { return &l->address; }
size_t vow_listener_shed(const vow_listener *l) { return l->shed; }

vow_listener *vow_listener_close(vow_listener *l)
{
    if (!l)
        return NULL;
    reject_all(l, ECANCELED, ": the listener was closed");
    vow__pause_stop(&l->pause);
    vow__watch_done(l->member.loop, &l->watch);
    vow__member_leave(&l->member);
    while (l->back)
        vow_stream_unref(take_back(l));
    l->tally->listener = NULL;
    forget_tally(l->tally);
    if (l->fd >= 0 && l->process == getpid())
        vow__address_unlink(&l->address);
    if (l->fd >= 0)
        close(l->fd);
    if (l->reserve >= 0)
        close(l->reserve);
    vow__free(l);
    return NULL;
}
