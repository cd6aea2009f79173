/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The gate's part of the C ABI: whether, when and how many at once something may start. c.h includes
 * it, and what c.h says of every function holds here. docs/concepts/gate.md has the rules.
 *
 *   tidegate_gate_acquire(gate, TIDEGATE_PRIORITY_NORMAL, 10000, &op, NULL);
 *   tidegate_op_wait(op, -1);
 *   if (tidegate_op_permit(op, &permit, &error) != TIDEGATE_OK) return why(error);
 *   tidegate_gate_leave(permit, ask(&answer) ? TIDEGATE_CAUSE_NONE : TIDEGATE_CAUSE_CONNECT);
 */
#ifndef TIDEGATE_C_GATE_H
#define TIDEGATE_C_GATE_H

#include "tidegate/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Gate ----------------------------------------------------------------------------------------
 * A breaker, slots, the promises of a limiter, and one line before them. What is not set lets
 * everything through. Who waits does so in the order of priorities, first come, first served.
 */

typedef struct tidegate_gate tidegate_gate;               /**< before one service */
typedef struct tidegate_gate_permit tidegate_gate_permit; /**< the right to make one call */

/** Who goes first. */
typedef int32_t tidegate_priority;
enum { TIDEGATE_PRIORITY_HIGH = 0, TIDEGATE_PRIORITY_NORMAL = 1, TIDEGATE_PRIORITY_LOW = 2 };

/** NULL and 0 are what the settings say. `limits` are how often one may start, instead of gate.rate and
 * gate.pace; what they leave open of with whom they are shared is as gate.share and so on say. */
typedef struct tidegate_gate_options {
  size_t struct_size;
  const struct tidegate_limiter_options *limits;
  int64_t max_penalty_ms;     /**< how long an answer can put off all starts */
  uint32_t concurrency;       /**< calls inside at once */
  uint32_t least_concurrency; /**< of an adaptive one: never fewer; 0: 1 */
  uint32_t most_concurrency; /**< it adapts, from `concurrency` on, up to so many; 0: it does not */
  uint32_t queue;            /**< calls that may wait at once */
  int32_t has_breaker;       /**< 1: with the settings breaker.*; 0: as gate.breaker says */
  int32_t adaptive_rate;     /**< 1: starts slow down after a 429; 0: as gate.adaptive_rate says */
  int32_t rate_limit_fields; /**< 1: an answer with nothing left puts off all starts; 0: as the
                                  setting says */
} tidegate_gate_options;
#define TIDEGATE_GATE_OPTIONS_INIT {sizeof(tidegate_gate_options), NULL, 0, 0, 0, 0, 0, 0, 0, 0}

/** The counters are of all gates of one name in a process, the rest of this one. */
typedef struct tidegate_gate_counts {
  size_t struct_size;
  uint64_t granted;             /**< calls let through */
  uint64_t refused;             /**< at once, or at their deadline */
  uint64_t circuit_open;        /**< of them, by the breaker */
  uint64_t penalties;           /**< times that all starts were put off */
  uint64_t waiting;             /**< for their turn, now */
  uint64_t inside;              /**< permits that are out */
  uint64_t concurrency;         /**< how many may be; 0: any number */
  tidegate_breaker_state state; /**< of the breaker; closed where there is none */
  double rate; /**< starts in a second, where adaptive_rate holds them back; else 0 */
} tidegate_gate_counts;
#define TIDEGATE_GATE_COUNTS_INIT {sizeof(tidegate_gate_counts), 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** A gate that is called `name` in stats. What the options leave open, and its breaker, if it has one,
 * have the settings gate.* and breaker.* of the service of that name in `config`, before those for
 * everybody; NULL: the defaults. Starts no thread. TIDEGATE_INVALID_ARGUMENT with cause config where
 * the options cannot be. [any] */
TIDEGATE_API tidegate_status tidegate_gate_create(const tidegate_config *config, const char *name,
                                                  const tidegate_gate_options *options,
                                                  tidegate_gate **gate, tidegate_error **err);
/** The gate of a service, by its settings gate.* in `config`: the same one for all of a process who
 * ask with the same settings, as its clients do; each handle is to be given back. *gate is NULL where
 * none of gate.rate, gate.pace, gate.concurrency, gate.breaker, gate.adaptive_rate and
 * gate.rate_limit_fields is set for the service, or for
 * everybody. TIDEGATE_INVALID_ARGUMENT where the name is not 1 to 64 of a-z, 0-9 and _, and with cause
 * config where the settings cannot be. [any] */
TIDEGATE_API tidegate_status tidegate_gate_of(const tidegate_config *config, const char *service,
                                              tidegate_gate **gate, tidegate_error **err);
/** Gives the gate back. Its permits stay good, and what waits has its turn when it comes. [any] */
TIDEGATE_API void tidegate_gate_destroy(tidegate_gate *gate);
/** The right to make one call now. Never waits, but for the answer of Redis where the limits are
 * shared there, for at most `redis_timeout_ms`. A refusal has the cause circuit_open, pool_timeout (no
 * slot is free), rate_limited or engine_unavailable (of Redis), and `retry_after_ms`, which may be
 * NULL, says when to come again; 0: that is not known. [any] */
TIDEGATE_API tidegate_status tidegate_gate_try_enter(tidegate_gate *gate,
                                                     tidegate_gate_permit **permit,
                                                     int64_t *retry_after_ms, tidegate_error **err);
/** Ends when the call may be made; fails at once where that is known not to be within `timeout_ms`,
 * which is negative for no bound. Its permit is tidegate_op_permit()'s; where nobody takes it, it
 * goes with the operation. Never blocks. [any] */
TIDEGATE_API tidegate_status tidegate_gate_acquire(tidegate_gate *gate, tidegate_priority priority,
                                                   int64_t timeout_ms, tidegate_op **op,
                                                   tidegate_error **err);
/** The permit that a turn has come with, for the first who asks. [any] */
TIDEGATE_API tidegate_status tidegate_op_permit(const tidegate_op *op,
                                                tidegate_gate_permit **permit,
                                                tidegate_error **err);
/** Says what came of the call, and gives the permit back: TIDEGATE_CAUSE_NONE for a success, and a
 * cause that is local or TIDEGATE_CAUSE_CANCELLED for what says nothing about the service. A
 * permit that is not live is left alone. [any] */
TIDEGATE_API void tidegate_gate_leave(tidegate_gate_permit *permit, tidegate_cause cause);
/** The same for an answer of HTTP. A 429 or 503 that says when to come again, in `retry_after_ms`,
 * puts off all starts until then; -1: it does not say. [any] */
TIDEGATE_API void tidegate_gate_leave_http(tidegate_gate_permit *permit, int32_t status,
                                           int64_t retry_after_ms);
/** The same with the answer's header, `count` fields of it, in which Retry-After, retry-after-ms or,
 * without these, the RateLimit family may say when to come again. Fields without a name or a value are
 * left alone. [any] */
TIDEGATE_API void tidegate_gate_leave_answer(tidegate_gate_permit *permit, int32_t status,
                                             const tidegate_header *fields, size_t count);
/** Before one of these: the call had `timeout_ms` to itself, and its answer took `took_ms`, 0 for until
 * now. With a breaker that has no breaker.slow_after it is slow past four fifths of its timeout. [any] */
TIDEGATE_API void tidegate_gate_timed(tidegate_gate_permit *permit, int64_t timeout_ms,
                                      int64_t took_ms);
/** Nothing starts for `time_ms`, at most `max_penalty_ms`. [any] */
TIDEGATE_API tidegate_status tidegate_gate_penalize(tidegate_gate *gate, int64_t time_ms,
                                                    tidegate_error **err);
/** Orders the breaker to be as `mode` says; nothing where there is none. [any] */
TIDEGATE_API tidegate_status tidegate_gate_force(tidegate_gate *gate, tidegate_breaker_mode mode,
                                                 tidegate_error **err);
/** What it did and does. [any] */
TIDEGATE_API tidegate_status tidegate_gate_stats(tidegate_gate *gate, tidegate_gate_counts *counts,
                                                 tidegate_error **err);

#ifdef __cplusplus
}
#endif

#endif /* TIDEGATE_C_GATE_H */
