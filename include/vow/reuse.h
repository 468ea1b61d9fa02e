/* SPDX-License-Identifier: MIT
 *
 * vow/reuse.h - doing things once for many: once, a cache whose loads are shared, a stock of
 * objects that are used again.
 *
 *     vow_cache *users = vow_cache_new(loop, 60000, 1000, load_user, db);
 *     vow_promise *p = vow_cache_get(users, "alice");   // a hundred at once: one load
 *
 * Who asks while it is under way gets the same outcome. One of them that is cancelled or
 * dropped only leaves; when nobody waits any more, what runs is cancelled. Users' functions are
 * called from the queue and give a value, an error or a promise. Loop's thread only. _new gives
 * NULL without memory; _free takes NULL and returns NULL, and what is under way then goes on
 * for those who wait for it.
 */
#ifndef VOW_REUSE_H
#define VOW_REUSE_H

#include "flow.h"

VOW_BEGIN

/* The first run calls fn(data); its value is that of all later runs. An error is that of those
 * who wait: the next run tries again. destroy(data) runs once: when what fn gave has settled, or
 * at once where fn is not to be called. */
typedef struct vow_once vow_once;
VOW_API vow_once *vow_once_new(vow_loop *loop);
VOW_API vow_once *vow_once_free(vow_once *once);
#define vow_once_run(once, fn, data) vow_once_run_at(once, fn, data, NULL, VOW_HERE)
#define vow_once_run_with(once, fn, data, destroy) \
    vow_once_run_at(once, fn, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_once_run_at(vow_once *once, vow_step_fn *fn, void *data,
                                                   vow_destroy_fn *destroy, const char *where);

/* Values by key, each kept for `ms` milliseconds since it was loaded (0: only as long as the
 * load runs; VOW_FOREVER), at most `most` of them, those asked for longest ago going first. key
 * is valid for load until what it gives has settled. Errors are not kept. drop forgets the
 * value of a key, or of all (NULL); a load under way is not affected, and its value not kept.
 * Keeps data, for as long as anything is being loaded. */
#define VOW_FOREVER UINT64_MAX
typedef struct vow_cache vow_cache;
typedef vow_value vow_load_fn(const char *key, void *data);
VOW_API vow_cache *vow_cache_new(vow_loop *loop, uint64_t ms, size_t most, vow_load_fn *load,
                                 void *data);
VOW_API vow_cache *vow_cache_free(vow_cache *cache);
#define vow_cache_get(cache, key) vow_cache_get_at(cache, key, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cache_get_at(vow_cache *cache, const char *key,
                                                    const char *where);
VOW_API void vow_cache_drop(vow_cache *cache, const char *key);

/* Objects that are dear to make (connections). take gives a loan: of an idle object, the one
 * that came back last, if it is younger than `idle_ms` since then (0: however old) and `check`
 * (may be NULL) gives true for it; else of a new one from `make`; and where `most` are out, when
 * one comes back, first come, first served. Those that fail the check are released, and those
 * whose check is cancelled. What make fails with is the take's error. A take that is cancelled or
 * dropped gives its place to the next, and its object back if it was ready. Keeps data, for as
 * long as anything is being taken. */
typedef struct vow_stock_policy {
    size_t most; /* 1 at least */
    uint64_t idle_ms;
    vow_value (*make)(void *data);
    vow_value (*check)(vow_value object, void *data); /* borrows */
} vow_stock_policy;
typedef struct vow_stock vow_stock;
VOW_API vow_stock *vow_stock_new(vow_loop *loop, const vow_stock_policy *policy, void *data);
VOW_API vow_stock *vow_stock_free(vow_stock *stock); /* releases the idle; loans that are out
                                                        release theirs when they end */
#define vow_stock_take(stock) vow_stock_take_at(stock, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_stock_take_at(vow_stock *stock, const char *where);
VOW_API size_t vow_stock_idle(const vow_stock *stock);

/* A loan is a counted value: giving back its last reference gives the object back (vow_using in
 * sync.h holds it as long as needed). vow_loan_object borrows the object. vow_loan_spoil: it is
 * not to be used again. */
typedef struct vow_loan vow_loan;
VOW_API vow_loan *vow_loan_of(vow_value v); /* looks; another type panics */
VOW_API vow_loan *vow_loan_ref(vow_loan *loan);
VOW_API vow_loan *vow_loan_unref(vow_loan *loan); /* NULL ok; returns NULL */
VOW_API vow_value vow_loan_object(const vow_loan *loan);
VOW_API void vow_loan_spoil(vow_loan *loan);

VOW_END
#endif
