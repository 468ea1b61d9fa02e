/* SPDX-License-Identifier: MIT
 *
 * sync/cache.c - slots by key: a hash table with chains, and all entries in the order in which
 * they were last asked for.
 */
#include <string.h>

#include "base/mem.h"
#include "sync/flight.h"
#include "value/value.h"
#include "vow/timer.h"

/* In the table as long as it has a value or a flight. */
struct entry {
    struct vow__slot slot; /* first: found by the slot */
    vow_cache *cache;
    struct entry *chain, *next, *prev; /* next: asked for longer ago */
    uint64_t hash, loaded;             /* when, in ns */
    char key[];
};

enum { FIRST_ROOM = 16 };

struct vow_cache {
    vow_loop *loop;
    vow_load_fn *load;
    void *data;
    uint64_t keep_ns;
    size_t most, count, room; /* entries; buckets, a power of two */
    struct entry **buckets;
    struct entry *newest, *oldest;
};

static uint64_t hash_of(const char *key) /* FNV-1a */
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 0x100000001b3u;
    return hash;
}

static struct entry **place_of(vow_cache *cache, const char *key, uint64_t hash)
{
    struct entry **at = &cache->buckets[hash & (cache->room - 1)];
    while (*at && ((*at)->hash != hash || strcmp((*at)->key, key) != 0))
        at = &(*at)->chain;
    return at;
}

static void unlink_entry(vow_cache *cache, struct entry *e)
{
    *(e->prev ? &e->prev->next : &cache->newest) = e->next;
    *(e->next ? &e->next->prev : &cache->oldest) = e->prev;
}

static void make_newest(vow_cache *cache, struct entry *e)
{
    e->prev = NULL;
    e->next = cache->newest;
    *(e->next ? &e->next->prev : &cache->oldest) = e;
    cache->newest = e;
}

static void remove_entry(struct entry *e)
{
    vow_cache *cache = e->cache;
    *place_of(cache, e->key, e->hash) = e->chain;
    unlink_entry(cache, e);
    cache->count--;
    vow__slot_clear(&e->slot);
    vow__free(e);
}

static void drop_all(vow_cache *cache)
{
    while (cache->newest)
        remove_entry(cache->newest);
}

/* Without memory the chains get longer, which is all. */
static void grow(vow_cache *cache)
{
    size_t room = 2 * cache->room;
    struct entry **buckets =
        cache->count < cache->room ? NULL : vow__alloc_zeroed(room * sizeof(struct entry *));
    if (!buckets)
        return;
    for (struct entry *e = cache->newest; e; e = e->next) {
        e->chain = buckets[e->hash & (room - 1)];
        buckets[e->hash & (room - 1)] = e;
    }
    vow__free(cache->buckets);
    cache->buckets = buckets;
    cache->room = room;
}

/* Those that are being loaded stay. */
static void make_room(vow_cache *cache)
{
    struct entry *e = cache->oldest;
    while (cache->count > cache->most && e) {
        struct entry *newer = e->prev;
        if (e->slot.filled)
            remove_entry(e);
        e = newer;
    }
}

static void landed(struct vow__slot *slot, bool fulfilled)
{
    struct entry *e = (struct entry *)slot;
    vow_cache *cache = e->cache;
    if (!fulfilled || cache->keep_ns == 0) {
        remove_entry(e);
        return;
    }
    e->loaded = vow_now(cache->loop);
    make_room(cache);
}

static struct entry *new_entry(vow_cache *cache, const char *key, uint64_t hash)
{
    size_t size = strlen(key) + 1;
    struct entry *e = vow__alloc_zeroed(sizeof *e + size);
    if (!e)
        return NULL;
    memcpy(e->key, key, size);
    e->slot.loop = cache->loop;
    e->slot.landed = landed;
    e->cache = cache;
    e->hash = hash;
    cache->count++;
    make_newest(cache, e);
    grow(cache);
    *place_of(cache, key, hash) = e;
    return e;
}

vow_cache *vow_cache_new(vow_loop *loop, uint64_t ms, size_t most, vow_load_fn *load, void *data)
{
    vow__check_loop(loop, "vow_cache_new");
    vow_cache *cache = vow__alloc_zeroed(sizeof *cache);
    if (!cache)
        return NULL;
    *cache =
        (vow_cache){.loop = loop, .load = load, .data = data, .most = most, .room = FIRST_ROOM};
    cache->keep_ns = ms < UINT64_MAX / 1000000 ? ms * 1000000 : UINT64_MAX;
    cache->buckets = vow__alloc_zeroed(FIRST_ROOM * sizeof(struct entry *));
    if (cache->buckets)
        return cache;
    vow__free(cache);
    return NULL;
}

vow_cache *vow_cache_free(vow_cache *cache)
{
    if (!cache)
        return NULL;
    drop_all(cache);
    vow__free(cache->buckets);
    vow__free(cache);
    return NULL;
}

vow_promise *vow_cache_get_at(vow_cache *cache, const char *key, const char *where)
{
    VOW_CHECK(key, "vow_cache_get at %s: the key is NULL", where);
    uint64_t hash = hash_of(key);
    struct entry *e = *place_of(cache, key, hash);
    if (e && e->slot.filled && vow_now(cache->loop) - e->loaded >= cache->keep_ns) {
        remove_entry(e);
        e = NULL;
    }
    if (e) {
        unlink_entry(cache, e);
        make_newest(cache, e);
    } else {
        e = new_entry(cache, key, hash);
    }
    if (!e)
        return vow__refuse(cache->loop, NULL, NULL, NULL);
    struct vow__call call = {NULL, cache->load, cache->data, NULL, e->key};
    vow_promise *p = vow__slot_get(&e->slot, call, where);
    e = *place_of(cache, key, hash);
    if (e && !e->slot.filled && !e->slot.flight)
        remove_entry(e); /* refused */
    return p;
}

void vow_cache_drop(vow_cache *cache, const char *key)
{
    vow__check_loop(cache->loop, "vow_cache_drop");
    if (!key) {
        drop_all(cache);
        return;
    }
    struct entry *e = *place_of(cache, key, hash_of(key));
    if (e)
        remove_entry(e);
}
