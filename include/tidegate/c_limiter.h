/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The limiter's part of the C ABI: how often something may start. c.h includes it, and what c.h says
 * of every function holds here. docs/concepts/limiter.md has the rules.
 */
#ifndef TIDEGATE_C_LIMITER_H
#define TIDEGATE_C_LIMITER_H

#include "tidegate/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Limiter -------------------------------------------------------------------------------------
 * Lets something start so and so often. First come, first served; whoever cannot have its turn
 * before its deadline is refused at once, with cause rate_limited and the time after which it would
 * have been let through (tidegate_error_retry_after_ms()). A refusal takes no permit.
 */

typedef struct tidegate_limiter tidegate_limiter;         /**< lets starts through */
typedef struct tidegate_reservation tidegate_reservation; /**< a start that is booked */

/** One promise: `permits` in `per_ms`, `burst` of them at the same moment. */
typedef struct tidegate_rate {
  uint64_t permits;
  int64_t per_ms;
  uint32_t burst;    /**< 0: 1 */
  int32_t is_strict; /**< 1: never more than `permits` in any window; 0: on the long run */
} tidegate_rate;

/** What a limiter promises: its rates and its pace together, at most four limits. */
typedef struct tidegate_limiter_options {
  size_t struct_size;
  const tidegate_rate *rates;
  size_t rate_count;
  int64_t pace_ms;                /**< starts at least so far apart; 0: no pace */
  int64_t jitter_ms;              /**< of a pace: up to so much more */
  int64_t least_pause_ms;         /**< of a pace: a pause from so long */
  int64_t most_pause_ms;          /**< to so long, */
  uint32_t pause_every;           /**< after so many starts each; 0: none */
  uint32_t queue;                 /**< starts that may wait at once; 0: 1,024 */
  tidegate_share share;           /**< who counts together */
  const char *state_dir;          /**< of a host: an absolute path; NULL: /dev/shm/tidegate-<uid> */
  const char *redis;              /**< of TIDEGATE_SHARE_REDIS: its URL */
  int64_t redis_timeout_ms;       /**< how long one question may take; 0: 50 */
  tidegate_share_down share_down; /**< while it cannot be asked */
  uint32_t
      share_workers; /**< of TIDEGATE_SHARE_DOWN_LOCAL: processes that divide the limits; 0: 1 */
} tidegate_limiter_options;
#define TIDEGATE_LIMITER_OPTIONS_INIT \
  {sizeof(tidegate_limiter_options),  \
   NULL,                              \
   0,                                 \
   0,                                 \
   0,                                 \
   0,                                 \
   0,                                 \
   0,                                 \
   0,                                 \
   TIDEGATE_SHARE_PROCESS,            \
   NULL,                              \
   NULL,                              \
   0,                                 \
   TIDEGATE_SHARE_DOWN_LOCAL,         \
   0}

/** Limiters of one name in a process count together here, whoever they share their limits with. */
typedef struct tidegate_limiter_counts {
  size_t struct_size;
  uint64_t granted;         /**< starts let through */
  uint64_t refused;         /**< at once, or at their deadline */
  uint64_t lost;            /**< slots that nobody could have */
  uint64_t penalties;       /**< times that all starts were put off */
  uint64_t waiting;         /**< for their turn, now */
  uint64_t redis_decisions; /**< starts that Redis has decided about */
  uint64_t redis_failures;  /**< starts that it could not be asked about */
} tidegate_limiter_counts;
#define TIDEGATE_LIMITER_COUNTS_INIT {sizeof(tidegate_limiter_counts), 0, 0, 0, 0, 0, 0, 0}

/** A limiter that is called `name` in stats. Starts no thread. TIDEGATE_INVALID_ARGUMENT with cause
 * config where the options promise nothing, or what cannot be; with TIDEGATE_SHARE_REDIS also without
 * a URL; with TIDEGATE_SHARE_HOST also where
 * others that run promise something else under the name, or where the directory is not to be
 * trusted. [any] */
TIDEGATE_API tidegate_status tidegate_limiter_create(const char *name,
                                                     const tidegate_limiter_options *options,
                                                     tidegate_limiter **limiter,
                                                     tidegate_error **err);
/** Gives the limiter back. Does not wait: what waits for its turn has it when it comes. [any] */
TIDEGATE_API void tidegate_limiter_destroy(tidegate_limiter *limiter);
/** Whether a start of `weight` permits may be now. Never waits, and allocates nothing; with
 * TIDEGATE_SHARE_REDIS it waits for the answer, for at most `redis_timeout_ms`, as
 * tidegate_limiter_reserve() does. Where it may not, TIDEGATE_RESOURCE_EXHAUSTED, and in
 * `retry_after_ms`, which may be NULL, after which time it may; TIDEGATE_INVALID_ARGUMENT for a weight
 * that is 0 or beyond the burst; TIDEGATE_UNAVAILABLE where Redis could not be asked. [any] */
TIDEGATE_API tidegate_status tidegate_limiter_try_acquire(tidegate_limiter *limiter,
                                                          uint32_t weight, int64_t *retry_after_ms);
/** Ends when a start of `weight` permits may be; fails at once where that is not within
 * `timeout_ms`, which is negative for no bound. Never blocks. [any] */
TIDEGATE_API tidegate_status tidegate_limiter_acquire(tidegate_limiter *limiter, uint32_t weight,
                                                      int64_t timeout_ms, tidegate_op **op,
                                                      tidegate_error **err);
/** Books a start of `weight` permits that is at most `most_wait_ms` from now, for who waits by itself;
 * negative is no bound. Fails where there is none: TIDEGATE_RESOURCE_EXHAUSTED with cause
 * rate_limited, or TIDEGATE_INVALID_ARGUMENT for a weight that is 0 or beyond the burst. [any] */
TIDEGATE_API tidegate_status tidegate_limiter_reserve(tidegate_limiter *limiter, uint32_t weight,
                                                      int64_t most_wait_ms,
                                                      tidegate_reservation **reservation,
                                                      tidegate_error **err);
/** How long it is until the start, rounded up; 0 once it may be, and for what is no reservation.
 * [any] */
TIDEGATE_API int64_t tidegate_reservation_wait_ms(const tidegate_reservation *reservation);
/** It does not start: whoever comes next has its slot, unless somebody has booked behind it or its
 * time has passed. Once; more often does nothing. Keeps the handle. [any] */
TIDEGATE_API void tidegate_reservation_cancel(tidegate_reservation *reservation);
/** Gives the reservation back, and keeps what it has booked. [any] */
TIDEGATE_API void tidegate_reservation_destroy(tidegate_reservation *reservation);
/** Nothing starts for `time_ms`, an hour at the most, and then one at a time: after a 429. [any] */
TIDEGATE_API tidegate_status tidegate_limiter_penalize(tidegate_limiter *limiter, int64_t time_ms,
                                                       tidegate_error **err);
/** What it did and does. [any] */
TIDEGATE_API tidegate_status tidegate_limiter_stats(tidegate_limiter *limiter,
                                                    tidegate_limiter_counts *counts,
                                                    tidegate_error **err);

/* --- Limits for each key --------------------------------------------------------------------------
 * The same for each of many: users, tokens, hosts. All keys have the same limits, each counts by
 * itself, and none waits for another. Memory is bounded: an idle key is forgotten, which nobody can
 * tell. docs/concepts/keyed-limiter.md has the rules.
 */

typedef struct tidegate_keyed_limiter tidegate_keyed_limiter; /**< lets each key start so often */

typedef struct tidegate_keyed_limiter_options {
  size_t struct_size;
  const tidegate_limiter_options
      *limits;        /**< of each key, without pauses, in one process; its queue
                                               is that of all keys together */
  uint32_t max_keys;  /**< so many are kept; 0: 100,000 */
  uint32_t key_queue; /**< starts of one key that may wait at once; 0: 64 */
} tidegate_keyed_limiter_options;
#define TIDEGATE_KEYED_LIMITER_OPTIONS_INIT {sizeof(tidegate_keyed_limiter_options), NULL, 0, 0}

/** Of all keys of all keyed limiters of one name in a process. */
typedef struct tidegate_keyed_limiter_counts {
  size_t struct_size;
  uint64_t granted;   /**< starts let through */
  uint64_t refused;   /**< at once, or at their deadline */
  uint64_t lost;      /**< slots that nobody could have */
  uint64_t penalties; /**< times that the starts of a key were put off */
  uint64_t waiting;   /**< for their turn, now */
  uint64_t keys;      /**< that are kept, now */
  uint64_t forgotten; /**< idle keys that had to go */
  uint64_t crowded;   /**< starts asked for by keys that had to count with others */
} tidegate_keyed_limiter_counts;
#define TIDEGATE_KEYED_LIMITER_COUNTS_INIT \
  {sizeof(tidegate_keyed_limiter_counts), 0, 0, 0, 0, 0, 0, 0, 0}

/** A keyed limiter that is called `name` in stats. Starts no thread. TIDEGATE_INVALID_ARGUMENT with
 * cause config where the options promise nothing, or what cannot be. [any] */
TIDEGATE_API tidegate_status
tidegate_keyed_limiter_create(const char *name, const tidegate_keyed_limiter_options *options,
                              tidegate_keyed_limiter **limiter, tidegate_error **err);
/** Gives it back. Does not wait: what waits for its turn has it when it comes. [any] */
TIDEGATE_API void tidegate_keyed_limiter_destroy(tidegate_keyed_limiter *limiter);
/** Whether a start of `weight` permits may be now for `key`. Never waits. Where it may not,
 * TIDEGATE_RESOURCE_EXHAUSTED, and in `retry_after_ms`, which may be NULL, after which time it may;
 * TIDEGATE_INVALID_ARGUMENT for a weight that is 0 or beyond the burst, and for a key that is NULL or
 * longer than 1,024 bytes. [any] */
TIDEGATE_API tidegate_status tidegate_keyed_limiter_try_acquire(tidegate_keyed_limiter *limiter,
                                                                const char *key, uint32_t weight,
                                                                int64_t *retry_after_ms);
/** Ends when a start of `weight` permits may be for `key`; fails at once where that is not within
 * `timeout_ms`, which is negative for no bound. Never blocks. [any] */
TIDEGATE_API tidegate_status tidegate_keyed_limiter_acquire(tidegate_keyed_limiter *limiter,
                                                            const char *key, uint32_t weight,
                                                            int64_t timeout_ms, tidegate_op **op,
                                                            tidegate_error **err);
/** Nothing starts for `key` for `time_ms`, an hour at the most, and then one at a time. [any] */
TIDEGATE_API tidegate_status tidegate_keyed_limiter_penalize(tidegate_keyed_limiter *limiter,
                                                             const char *key, int64_t time_ms,
                                                             tidegate_error **err);
/** What it did and does. [any] */
TIDEGATE_API tidegate_status tidegate_keyed_limiter_stats(tidegate_keyed_limiter *limiter,
                                                          tidegate_keyed_limiter_counts *counts,
                                                          tidegate_error **err);

/* --- By another clock -----------------------------------------------------------------------------
 * Decides as a limiter does, and is told what time it is: an event loop's, a simulation's. Nobody
 * waits in it. Times are in nanoseconds; one that stands still or goes back grants nothing more.
 */

typedef struct tidegate_timed_limiter tidegate_timed_limiter; /**< a limiter that reads no clock */

/** One that counts with the limiters called `name`. `epoch_ns` is the earliest time that there is, and
 * no time is more than eight years later: what is beyond counts as then. The options' queue says
 * nothing here. TIDEGATE_INVALID_ARGUMENT with cause config where the options promise nothing, what
 * cannot be, or are shared. [any] */
TIDEGATE_API tidegate_status tidegate_timed_limiter_create(const char *name,
                                                           const tidegate_limiter_options *options,
                                                           int64_t epoch_ns,
                                                           tidegate_timed_limiter **limiter,
                                                           tidegate_error **err);
/** Gives it back. [any] */
TIDEGATE_API void tidegate_timed_limiter_destroy(tidegate_timed_limiter *limiter);
/** Whether a start of `weight` permits may be at `now_ns`; then it is taken. Where it may not,
 * TIDEGATE_RESOURCE_EXHAUSTED, and in `wait_ns`, which may be NULL, how long it is until then;
 * TIDEGATE_INVALID_ARGUMENT for a weight that is 0 or beyond the burst. Allocates nothing. [any] */
TIDEGATE_API tidegate_status tidegate_timed_limiter_try_acquire(tidegate_timed_limiter *limiter,
                                                                int64_t now_ns, uint32_t weight,
                                                                int64_t *wait_ns);
/** How long it is from `now_ns` until such a start may be; takes nothing. 0: now. -1: never, or it is
 * no limiter. [any] */
TIDEGATE_API int64_t tidegate_timed_limiter_wait_ns(tidegate_timed_limiter *limiter, int64_t now_ns,
                                                    uint32_t weight);
/** What it and the others of its name did and do. [any] */
TIDEGATE_API tidegate_status tidegate_timed_limiter_stats(tidegate_timed_limiter *limiter,
                                                          tidegate_limiter_counts *counts,
                                                          tidegate_error **err);

#ifdef __cplusplus
}
#endif

#endif /* TIDEGATE_C_LIMITER_H */
