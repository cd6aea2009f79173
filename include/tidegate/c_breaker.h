/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The breaker's part of the C ABI: a service that fails is left alone for a while. c.h includes it,
 * and what c.h says of every function holds here. docs/concepts/breaker.md has the rules.
 *
 *   tidegate_breaker_create(NULL, "encar", &breaker, NULL);
 *
 *   if (tidegate_breaker_enter(breaker, &permit, &retry_after_ms, NULL) != TIDEGATE_OK)
 *     return come_again_in(retry_after_ms);
 *   tidegate_breaker_leave(permit, ask(&answer) ? TIDEGATE_CAUSE_NONE : TIDEGATE_CAUSE_CONNECT);
 */
#ifndef TIDEGATE_C_BREAKER_H
#define TIDEGATE_C_BREAKER_H

#include "tidegate/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Breaker -------------------------------------------------------------------------------------
 * It is closed, and everything enters, until too many calls failed or were slow; then open, and
 * nothing enters, for a while; then half open, and a few calls enter to try. The settings are
 * breaker.*.
 */

typedef struct tidegate_breaker tidegate_breaker;               /**< of one service */
typedef struct tidegate_breaker_permit tidegate_breaker_permit; /**< the right to make one call */

typedef struct tidegate_breaker_counts {
  size_t struct_size;
  int64_t retry_after_ms; /**< what a refusal would say now; 0 where a call would enter */
  uint64_t calls;         /**< in the window, since the last change of state */
  uint64_t failures;      /**< of them */
  uint64_t slow;          /**< of them */
  uint64_t probing;       /**< calls that try a half-open one */
  tidegate_breaker_state state;
  tidegate_breaker_mode mode;
  uint64_t redis_answers;  /**< through Redis: questions that it has answered … */
  uint64_t redis_failures; /**< … and that it has not; of all of the name in this process */
} tidegate_breaker_counts;
#define TIDEGATE_BREAKER_COUNTS_INIT {sizeof(tidegate_breaker_counts), 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** A breaker with the settings breaker.* of the service that is called `name`, before those for
 * everybody; `config` NULL: the defaults. Breakers of one name count together in stats, and in
 * nothing else, unless breaker.share is "host": then all of the name, in all processes of this user
 * on this host, are one. That is refused with the cause config where others run under the name with
 * different settings, or where gate.state_dir is not to be trusted. With "redis" each counts for
 * itself, and all of the name that use the Redis of gate.redis open and close together, on any host;
 * without the URL of one it is refused with the cause config. [any] */
TIDEGATE_API tidegate_status tidegate_breaker_create(const tidegate_config *config,
                                                     const char *name, tidegate_breaker **breaker,
                                                     tidegate_error **err);
/** Gives the breaker back. Its permits stay good. [any] */
TIDEGATE_API void tidegate_breaker_destroy(tidegate_breaker *breaker);
/** The right to make one call now. Never waits. A refusal is TIDEGATE_UNAVAILABLE with the cause
 * circuit_open, and `retry_after_ms`, which may be NULL, says when to come again. [any] */
TIDEGATE_API tidegate_status tidegate_breaker_enter(tidegate_breaker *breaker,
                                                    tidegate_breaker_permit **permit,
                                                    int64_t *retry_after_ms, tidegate_error **err);
/** Says what came of the call, and gives the permit back: TIDEGATE_CAUSE_NONE for a success, and a
 * cause that is local or TIDEGATE_CAUSE_CANCELLED for what says nothing about the service. A
 * permit that is not live is left alone. [any] */
TIDEGATE_API void tidegate_breaker_leave(tidegate_breaker_permit *permit, tidegate_cause cause);
/** The same for an answer of HTTP: 500 and above is a failure, 429 says nothing. [any] */
TIDEGATE_API void tidegate_breaker_leave_http(tidegate_breaker_permit *permit, int32_t status);
/** Before one of these: the call had `timeout_ms` to itself, and its answer took `took_ms`, 0 for until
 * now. Where breaker.slow_after is not set it is slow past four fifths of its timeout. [any] */
TIDEGATE_API void tidegate_breaker_timed(tidegate_breaker_permit *permit, int64_t timeout_ms,
                                         int64_t took_ms);
/** Orders the breaker to be as `mode` says, until the next such order. [any] */
TIDEGATE_API tidegate_status tidegate_breaker_force(tidegate_breaker *breaker,
                                                    tidegate_breaker_mode mode,
                                                    tidegate_error **err);
/** Its state and what it counts now. [any] */
TIDEGATE_API tidegate_status tidegate_breaker_stats(tidegate_breaker *breaker,
                                                    tidegate_breaker_counts *counts,
                                                    tidegate_error **err);
/** "closed", "open" or "half_open"; "unknown" for other numbers. [any] */
TIDEGATE_API const char *tidegate_breaker_state_name(tidegate_breaker_state state);

#ifdef __cplusplus
}
#endif

#endif
