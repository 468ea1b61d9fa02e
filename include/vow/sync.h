/* SPDX-License-Identifier: MIT
 *
 * vow/sync.h - waiting for one another, for chains and fibers: semaphore, mutex, read-write
 * lock, condition, flag, rate limiter.
 *
 *     // at most so many at a time; the permit goes back however the query ends
 *     vow_promise *p = vow_using(vow_semaphore_acquire(slots, 1), query, request);
 *
 * What is acquired comes as a value, a permit: giving back its last reference is the unlock.
 * So an error, a cancel, a time limit or a drop anywhere unlocks, also between the grant and
 * the handler that would have seen it: the next one gets it then. First come, first served:
 * one that asks for much is not overtaken by those who ask for little. A waiter that is
 * cancelled or dropped has consumed nothing and has left its place when that call returns; so
 * has one that has fulfilled, and nobody has seen it: permits, tokens and notifications go to
 * the next.
 *
 * All belong to the loop's thread; other threads come in by vow_post (remote.h) and call from
 * there. _new gives NULL without memory; _free takes NULL and returns NULL, rejects those who
 * wait with ESHUTDOWN and leaves permits that are out valid. Waking allocates nothing.
 */
#ifndef VOW_SYNC_H
#define VOW_SYNC_H

#include "promise.h"

VOW_BEGIN

/* What was acquired, as a value: counted, not to leave the loop's thread. vow_permit_of looks
 * into the value (another type panics). vow_permit_release gives back at once what other
 * references still stand for; once is enough, more does nothing. */
typedef struct vow_permit vow_permit;
VOW_API vow_permit *vow_permit_of(vow_value v);
VOW_API vow_permit *vow_permit_ref(vow_permit *permit);
VOW_API vow_permit *vow_permit_unref(vow_permit *permit); /* NULL ok; returns NULL */
VOW_API void vow_permit_release(vow_permit *permit);      /* looks */
VOW_API const vow_type *vow_permit_type(void);

/* Takes p. When it has fulfilled, calls fn with its value (borrowed), and keeps a reference of
 * that until what fn gives has settled, which is the result: for permits, and any other value
 * that is to be given back after use. Keeps data; destroy(data) runs once, before the value is
 * given back. */
#define vow_using(p, fn, data) vow_using_at(p, fn, data, NULL, VOW_HERE)
#define vow_using_with(p, fn, data, destroy) vow_using_at(p, fn, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_using_at(vow_promise *p, vow_then_fn *fn, void *data,
                                                vow_destroy_fn *destroy, const char *where);

/* Counts permits. acquire gives a permit for n of them. try gives one, or nothing when it would
 * have to wait, or an error (ENOMEM). add makes more. close lets nobody in any more (those who
 * wait: ESHUTDOWN) and gives a promise that fulfils when all permits are back. */
typedef struct vow_semaphore vow_semaphore;
VOW_API vow_semaphore *vow_semaphore_new(vow_loop *loop, uint64_t permits);
VOW_API vow_semaphore *vow_semaphore_free(vow_semaphore *s);
#define vow_semaphore_acquire(s, n) vow_semaphore_acquire_at(s, n, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_semaphore_acquire_at(vow_semaphore *s, uint64_t n,
                                                            const char *where);
VOW_API VOW_NODISCARD vow_value vow_semaphore_try(vow_semaphore *s, uint64_t n);
VOW_API void vow_semaphore_add(vow_semaphore *s, uint64_t n);
#define vow_semaphore_close(s) vow_semaphore_close_at(s, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_semaphore_close_at(vow_semaphore *s, const char *where);
VOW_API uint64_t vow_semaphore_available(const vow_semaphore *s);

/* One at a time. */
typedef struct vow_mutex vow_mutex;
VOW_API vow_mutex *vow_mutex_new(vow_loop *loop);
VOW_API vow_mutex *vow_mutex_free(vow_mutex *m);
#define vow_mutex_lock(m) vow_mutex_lock_at(m, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_mutex_lock_at(vow_mutex *m, const char *where);
VOW_API VOW_NODISCARD vow_value vow_mutex_try(vow_mutex *m);

/* Any number of readers, or one writer. A writer that waits goes before readers that come
 * later. */
typedef struct vow_rwlock vow_rwlock;
VOW_API vow_rwlock *vow_rwlock_new(vow_loop *loop);
VOW_API vow_rwlock *vow_rwlock_free(vow_rwlock *l);
#define vow_rwlock_read(l) vow_rwlock_acquire_at(l, false, VOW_HERE)
#define vow_rwlock_write(l) vow_rwlock_acquire_at(l, true, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_rwlock_acquire_at(vow_rwlock *l, bool write,
                                                         const char *where);

/* Waiting for something to become true. wait takes the permit, gives back what it stands for,
 * waits to be notified, acquires the same again behind others who wait for it, and fulfils
 * with the new permit. permit NULL: only waits, and fulfils with nothing. Look again at what
 * you waited for: others may have been there first. One that is cancelled holds nothing. A
 * notification whose receiver is cancelled or dropped before it has seen it wakes the next. */
typedef struct vow_condition vow_condition;
VOW_API vow_condition *vow_condition_new(vow_loop *loop);
VOW_API vow_condition *vow_condition_free(vow_condition *c);
#define vow_condition_wait(c, permit) vow_condition_wait_at(c, permit, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_condition_wait_at(vow_condition *c, vow_permit *permit,
                                                         const char *where);
VOW_API void vow_condition_notify(vow_condition *c);     /* the one that waits longest */
VOW_API void vow_condition_notify_all(vow_condition *c);

/* An event that stays: wait fulfils with nothing when it is set, at once if it is. */
typedef struct vow_flag vow_flag;
VOW_API vow_flag *vow_flag_new(vow_loop *loop);
VOW_API vow_flag *vow_flag_free(vow_flag *f);
#define vow_flag_wait(f) vow_flag_wait_at(f, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_flag_wait_at(vow_flag *f, const char *where);
VOW_API void vow_flag_set(vow_flag *f);
VOW_API void vow_flag_clear(vow_flag *f);
VOW_API bool vow_flag_is_set(const vow_flag *f);

/* A bucket of at most `burst` tokens, full at first, into which `tokens` of them drip, evenly,
 * every `ms` milliseconds of the loop's clock. take fulfils with nothing when n have been
 * taken; n over burst: EINVAL. None of the three is 0: misuse. */
typedef struct vow_rate vow_rate;
VOW_API vow_rate *vow_rate_new(vow_loop *loop, uint64_t tokens, uint64_t ms, uint64_t burst);
VOW_API vow_rate *vow_rate_free(vow_rate *r);
#define vow_rate_take(r, n) vow_rate_take_at(r, n, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_rate_take_at(vow_rate *r, uint64_t n, const char *where);

VOW_END
#endif
