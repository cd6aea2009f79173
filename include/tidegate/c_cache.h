/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The cache's part of the C ABI: values that are expensive to get, kept for a while. c.h includes
 * it, and what c.h says of every function holds here. docs/concepts/cache.md has the rules.
 *
 *   static void load_prices(tidegate_load *load, void *user) {
 *     tidegate_bytes *prices = ask_the_backend(tidegate_load_key(load));
 *     if (prices) tidegate_load_succeed(load, prices);
 *     else tidegate_load_fail(load, TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "the backend is down");
 *     tidegate_bytes_release(prices);
 *   }
 *
 *   tidegate_cache_create(NULL, "prices", &cache, NULL);
 *   tidegate_cache_get_or_load(cache, "audi", load_prices, NULL, NULL, NULL, &op, NULL);
 *   tidegate_op_wait(op, -1);                      // bounded by cache.load_timeout, 15 s
 *   tidegate_op_bytes(op, &prices, NULL);          // tidegate_op_answer(): fresh, cached or stale
 */
#ifndef TIDEGATE_C_CACHE_H
#define TIDEGATE_C_CACHE_H

#include "tidegate/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Cache ---------------------------------------------------------------------------------------
 * One load for all who want a key at the same time, and one outcome for all of them. A value is
 * fresh for cache.ttl, and then, for cache.stale_for, good enough where the load fails, failed a
 * moment ago or takes too long: it answers as TIDEGATE_SOURCE_STALE, with the reason. Whoever asks
 * after an invalidation gets nothing that was loaded before, also not from a load under way.
 *
 * Keys are texts, and may be "". Values are bytes: the cache holds a reference to them and copies
 * nothing, but for those of tidegate_bytes_create_nocopy(), which it copies once.
 */

typedef struct tidegate_load tidegate_load;       /**< one value on its way into a cache */
typedef struct tidegate_refresh tidegate_refresh; /**< a key that is loaded on a schedule */

/** Brings one value, or says why it cannot: with tidegate_load_succeed() or tidegate_load_fail(),
 * before it returns or later, on any thread. `load` is valid until the return; retain it to answer
 * later. It runs on a thread of the cache, cache.loaders at once, and may block. */
typedef void (*tidegate_load_fn)(tidegate_load *load, void *user);

/** What one call wants otherwise than its cache. */
typedef struct tidegate_load_options {
  size_t struct_size;
  int64_t timeout_ms;      /**< from the call; 0: cache.load_timeout, which is also the most */
  int64_t ttl_ms;          /**< how long the value is fresh; 0: cache.ttl; a year at most */
  int64_t stale_for_ms;    /**< how long it then serves; 0: cache.stale_for; a year at most */
  int64_t soft_timeout_ms; /**< where a stale value is there; 0: cache.soft_timeout */
  tidegate_page *page;     /**< the page that the call belongs to */
  int32_t stale_at_once;   /**< 1: a stale value answers without a wait, and the load runs behind */
  int32_t reserved;
} tidegate_load_options;
#define TIDEGATE_LOAD_OPTIONS_INIT {sizeof(tidegate_load_options), 0, 0, 0, 0, NULL, 0, 0}

/** Since the cache was made in this process. */
typedef struct tidegate_cache_counts {
  size_t struct_size;
  uint64_t hits;       /**< answers that were fresh */
  uint64_t stale_hits; /**< lookups that found a stale value */
  uint64_t misses;     /**< lookups that found none */
  uint64_t puts;       /**< values stored, loaded ones too */
  uint64_t refused;    /**< values that were not stored: too large, or invalidated meanwhile */
  uint64_t evicted;    /**< values forgotten because it was full */
  uint64_t expired;    /**< values forgotten because they were over */
  uint64_t entries;    /**< values that are there */
  uint64_t bytes;      /**< what they weigh */
  /* Of Redis; caches of one name in a process count together. */
  uint64_t tier_hits;       /**< loads that Redis answered */
  uint64_t tier_stale_hits; /**< stale values of Redis' that a load kept */
  uint64_t tier_misses;     /**< loads for which Redis had nothing */
  uint64_t tier_stored;     /**< values written to Redis */
  uint64_t tier_refused;    /**< values not written: invalidated meanwhile */
  uint64_t tier_failed;     /**< values not written: Redis failed */
  uint64_t tier_dropped;    /**< values not written: superseded, too large, no room, or over */
  uint64_t tier_invalidations_sent;    /**< invalidations that Redis took */
  uint64_t tier_invalidations_heard;   /**< invalidations of other processes */
  uint64_t tier_pending_stores;        /**< values that wait to be written */
  uint64_t tier_pending_invalidations; /**< invalidations that Redis has not taken yet */
  uint64_t tier_waiting_loads;         /**< loads that wait because Redis is down */
  int32_t tier_up;                     /**< 1 while Redis answers and invalidations are heard */
  int32_t reserved;
} tidegate_cache_counts;
/* clang-format off */
#define TIDEGATE_CACHE_COUNTS_INIT \
  {sizeof(tidegate_cache_counts), 0, 0, 0, 0, 0, 0, 0, 0, 0, \
   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

/** A cache with the settings cache.* of the service that is called `name`, before those for
 * everybody; `config` NULL: the defaults. Caches of one name count together in stats. Starts no
 * thread and opens nothing: the first call does. TIDEGATE_INVALID_ARGUMENT with cause config where
 * cache.redis is no URL of a Redis. [any] */
TIDEGATE_API tidegate_status tidegate_cache_create(const tidegate_config *config, const char *name,
                                                   tidegate_cache **cache, tidegate_error **err);
/** Gives the cache back. Does not wait: operations and loads in flight end as they would have, and
 * what they bring is not kept. [any] */
TIDEGATE_API void tidegate_cache_destroy(tidegate_cache *cache);
/** The value of a key: the fresh one that is there, and then the operation has ended when this
 * returns; else by the load under way, else by `fn`. Never blocks. Its answer has bytes, and a
 * version. It ends by its timeout or a cancel without harm to the load, which belongs to the cache
 * and ends by cache.load_timeout. `user_free` is called when the operation and every load that `fn`
 * was given have ended and been given back. `options` may be NULL. [any] */
TIDEGATE_API tidegate_status tidegate_cache_get_or_load(tidegate_cache *cache, const char *key,
                                                        tidegate_load_fn fn, void *user,
                                                        tidegate_free_fn user_free,
                                                        const tidegate_load_options *options,
                                                        tidegate_op **op, tidegate_error **err);
/** Loads a key now and then every `period_ms`, drawn within a tenth, whoever wants it, until
 * tidegate_refresh_stop(). A run joins a load that is under way, and takes what another process has
 * loaded less than half a period ago; one that fails does not end the others. The cache lives as
 * long. `user_free` is called when no load uses `user` any more. `period_ms` is 1 to a day; of
 * `options`, which may be NULL, ttl_ms and stale_for_ms count. It does not run in a child made by
 * fork(). [any] */
TIDEGATE_API tidegate_status tidegate_cache_refresh_every(tidegate_cache *cache, const char *key,
                                                          int64_t period_ms, tidegate_load_fn fn,
                                                          void *user, tidegate_free_fn user_free,
                                                          const tidegate_load_options *options,
                                                          tidegate_refresh **refresh,
                                                          tidegate_error **err);
/** Ends the schedule and gives it back. Does not wait: a load that is under way goes on. [any] */
TIDEGATE_API void tidegate_refresh_stop(tidegate_refresh *refresh);
/** The fresh value that is there; TIDEGATE_OK and a NULL *value where there is none. Loads nothing.
 * `answer` may be NULL, and is written where there is a value: set it to TIDEGATE_ANSWER_INIT
 * first. [any] */
TIDEGATE_API tidegate_status tidegate_cache_get(tidegate_cache *cache, const char *key,
                                                tidegate_bytes **value, tidegate_answer *answer,
                                                tidegate_error **err);
/** The same, fresh or stale. [any] */
TIDEGATE_API tidegate_status tidegate_cache_peek(tidegate_cache *cache, const char *key,
                                                 tidegate_bytes **value, tidegate_answer *answer,
                                                 tidegate_error **err);
/** Stores a value; of `options`, which may be NULL, ttl_ms and stale_for_ms count. *version, which
 * may be NULL, is 0 where the value is too large for the cache: then it is not kept. [any] */
TIDEGATE_API tidegate_status tidegate_cache_put(tidegate_cache *cache, const char *key,
                                                const tidegate_bytes *value,
                                                const tidegate_load_options *options,
                                                uint64_t *version, tidegate_error **err);
/** Forgets a key; with a version other than 0 only if that is the one that is there. So of many who
 * saw the same bad value the first forgets it, and the others leave its successor alone. *forgotten,
 * which may be NULL, is 1 if there was something to forget. [any] */
TIDEGATE_API tidegate_status tidegate_cache_invalidate(tidegate_cache *cache, const char *key,
                                                       uint64_t version, int *forgotten,
                                                       tidegate_error **err);
/** Forgets all, at once whatever their number. [any] */
TIDEGATE_API tidegate_status tidegate_cache_invalidate_all(tidegate_cache *cache,
                                                           tidegate_error **err);
/** As tidegate_cache_invalidate(), but what is there stays as a stale value: who asks next waits for
 * a load, and has the stale one only where that fails or takes too long. *expired, which may be
 * NULL, is 1 if there was something to expire. [any] */
TIDEGATE_API tidegate_status tidegate_cache_expire(tidegate_cache *cache, const char *key,
                                                   int *expired, tidegate_error **err);
/** The same for all, at once whatever their number. [any] */
TIDEGATE_API tidegate_status tidegate_cache_expire_all(tidegate_cache *cache, tidegate_error **err);
/** What it did and holds. Set *counts to TIDEGATE_CACHE_COUNTS_INIT first. [any] */
TIDEGATE_API tidegate_status tidegate_cache_stats(tidegate_cache *cache,
                                                  tidegate_cache_counts *counts,
                                                  tidegate_error **err);

/* --- Loads: what a loader learns and says --------------------------------------------------------
 * The first answer counts. A load whose last reference goes without one fails with cause
 * callable_failed, and so does one whose loader throws: nobody waits for ever. What it says of its
 * value it says before the answer; later that is TIDEGATE_INVALID_ARGUMENT.
 *
 * A load that was given up, by cache.load_timeout or shutdown, may still be answered: the value is
 * kept for who asks next. In a child made by fork() a load of the parent can only be given back.
 */

/** The key. The load's; "" for what is no tidegate_load. [data] */
TIDEGATE_API const char *tidegate_load_key(const tidegate_load *load);
/** 1 once it was given up, and for what is no tidegate_load. Costs some ten nanoseconds. [data] */
TIDEGATE_API int tidegate_load_stopped(const tidegate_load *load);
/** What is left until it is given up; 0 for what is no tidegate_load. [data] */
TIDEGATE_API int64_t tidegate_load_left_ms(const tidegate_load *load);
/** How long this value is fresh, instead of the cache's time; 0: it is stale at once. [one] */
TIDEGATE_API tidegate_status tidegate_load_set_ttl_ms(tidegate_load *load, int64_t ttl_ms);
/** How long it then serves where there is no better one; 0: not at all. [one] */
TIDEGATE_API tidegate_status tidegate_load_set_stale_for_ms(tidegate_load *load,
                                                            int64_t stale_for_ms);
/** The value says that there is none: it is kept for cache.negative_ttl, and never serves stale.
 * [one] */
TIDEGATE_API tidegate_status tidegate_load_set_negative(tidegate_load *load);
/** The value answers those who wait for it, and is not kept. [one] */
TIDEGATE_API tidegate_status tidegate_load_set_uncached(tidegate_load *load);
/** The value is a fallback, good enough to show and not good enough to keep: those who wait have it
 * as TIDEGATE_SOURCE_DEFAULT, and where a stale value is there they have that. For the cache the load
 * has failed with `cause`; `message` is as for tidegate_load_fail(). [one] */
TIDEGATE_API tidegate_status tidegate_load_set_degraded(tidegate_load *load, tidegate_cause cause,
                                                        const char *message);
/** What the value counts for in cache.max_bytes; its size and a little if it is not set. [one] */
TIDEGATE_API tidegate_status tidegate_load_set_weight(tidegate_load *load, size_t bytes);
/** The answer is `value`, which stays the caller's. TIDEGATE_INVALID_ARGUMENT where there was an
 * answer before, or where `value` is no tidegate_bytes. [any] */
TIDEGATE_API tidegate_status tidegate_load_succeed(tidegate_load *load,
                                                   const tidegate_bytes *value);
/** The answer is a failure. `message` is one line and holds no secret; NULL is "".
 * TIDEGATE_CAUSE_NONE is taken for callable_failed. [any] */
TIDEGATE_API tidegate_status tidegate_load_fail(tidegate_load *load, tidegate_cause cause,
                                                const char *message);
/** One more reference, to be given back too. [any] */
TIDEGATE_API tidegate_status tidegate_load_retain(tidegate_load *load);
/** Gives one reference back. [any] */
TIDEGATE_API void tidegate_load_release(tidegate_load *load);

#ifdef __cplusplus
}
#endif

#endif
