/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static tidegate_gate *gate_of(const char *name, uint32_t concurrency, int32_t has_breaker) {
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate *gate = NULL;
  options.concurrency = concurrency;
  options.has_breaker = has_breaker;
  CHECK_OK(tidegate_gate_create(NULL, name, &options, &gate, NULL));
  return gate;
}

static tidegate_cause refusal(tidegate_gate *gate, int64_t *retry_after_ms) {
  tidegate_gate_permit *permit = NULL;
  tidegate_error *error = NULL;
  tidegate_cause cause;
  CHECK(tidegate_gate_try_enter(gate, &permit, retry_after_ms, &error) != TIDEGATE_OK);
  CHECK(permit == NULL);
  cause = tidegate_error_cause(error);
  tidegate_error_free(error);
  return cause;
}

static void a_service_has_one_gate_by_its_settings(void) {
  tidegate_config *config = NULL;
  tidegate_gate *gate = NULL, *same = NULL, *none = NULL;
  tidegate_gate_permit *permit = NULL;
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_set(config, "services.encar_c.gate.concurrency", "1", NULL));
  CHECK_OK(tidegate_gate_of(config, "encar_c", &gate, NULL));
  CHECK_OK(tidegate_gate_of(config, "encar_c", &same, NULL));
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  CHECK(refusal(same, NULL) == TIDEGATE_CAUSE_POOL_TIMEOUT);
  tidegate_gate_destroy(gate);
  tidegate_gate_leave(permit, TIDEGATE_CAUSE_NONE);
  CHECK_OK(tidegate_gate_stats(same, &counts, NULL));
  CHECK(counts.inside == 0 && counts.concurrency == 1);
  tidegate_gate_destroy(same);
  CHECK_OK(tidegate_gate_of(config, "another", &none, NULL));
  CHECK(none == NULL);
  CHECK_OK(tidegate_gate_of(NULL, "encar_c", &none, NULL));
  CHECK(none == NULL);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_gate_of(config, "En car", &none, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_gate_of(config, NULL, &none, NULL));
  tidegate_config_destroy(config);
}

static void what_the_options_of_a_gate_leave_open_its_settings_say(void) {
  tidegate_config *config = NULL;
  tidegate_gate *gate = NULL;
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_set(config, "services.said.gate.concurrency", "3", NULL));
  CHECK_OK(tidegate_config_set(config, "services.said.gate.breaker", "true", NULL));
  CHECK_OK(tidegate_gate_create(config, "said", NULL, &gate, NULL));
  CHECK_OK(tidegate_gate_force(gate, TIDEGATE_BREAKER_FORCED_OPEN, NULL));
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  CHECK(counts.concurrency == 3 && counts.state == TIDEGATE_BREAKER_OPEN);
  tidegate_gate_destroy(gate);
  options.concurrency = 5;
  CHECK_OK(tidegate_gate_create(config, "said", &options, &gate, NULL));
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  CHECK(counts.concurrency == 5);
  tidegate_gate_destroy(gate);
  tidegate_config_destroy(config);
}

static void limits_that_are_given_are_shared_as_the_settings_say(void) {
  const tidegate_rate rate = {.permits = 1000, .per_ms = 1000, .burst = 10};
  tidegate_limiter_options limits = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_config *config = NULL;
  tidegate_gate *gate = NULL;
  limits.rates = &rate;
  limits.rate_count = 1;
  options.limits = &limits;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_set(config, "gate.share", "redis", NULL));
  CHECK_OK(tidegate_config_set(config, "gate.redis", "redis://127.0.0.1:1/0", NULL));
  CHECK_OK(tidegate_config_set(config, "gate.share_down", "refuse", NULL));
  CHECK_OK(tidegate_gate_create(config, "shared", &options, &gate, NULL));
  CHECK(refusal(gate, NULL) == TIDEGATE_CAUSE_ENGINE_UNAVAILABLE);
  tidegate_gate_destroy(gate);
  tidegate_config_destroy(config);
}

static tidegate_status fails(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                             tidegate_error **err) {
  (void)stop, (void)user, (void)result;
  *err = tidegate_error_create(TIDEGATE_CAUSE_CONNECT, "nobody is there");
  return TIDEGATE_UNAVAILABLE;
}

static void the_calls_of_a_lane_go_through_its_gate(void) {
  tidegate_config *config = NULL;
  tidegate_executor *executor = NULL;
  tidegate_gate *gate = NULL;
  tidegate_op *op = NULL;
  tidegate_error *error = NULL;
  tidegate_sqlite_options sqlite = TIDEGATE_SQLITE_OPTIONS_INIT;
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_set(config, "services.lane_gate.gate.breaker", "true", NULL));
  CHECK_OK(tidegate_config_set(config, "services.lane_gate.breaker.consecutive", "1", NULL));
  CHECK_OK(tidegate_config_set(config, "services.named.executor.gate", "lane_gate", NULL));
  CHECK_OK(tidegate_config_set(config, "services.lost.executor.gate", "nowhere", NULL));
  CHECK_OK(tidegate_gate_of(config, "lane_gate", &gate, NULL));
  CHECK_OK(tidegate_executor_create(config, &executor, NULL));
  sqlite.gate = gate;
  CHECK_OK(tidegate_executor_add_sqlite(executor, "db", ":memory:", &sqlite, NULL));
  CHECK_OK(tidegate_executor_add_gated_callables(executor, "calls", 2, gate, NULL));
  CHECK_OK(tidegate_executor_add_callables(executor, "named", 2, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_add_callables(executor, "lost", 2, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_add_gated_callables(executor, "none", 2, NULL, NULL));
  CHECK_OK(tidegate_executor_query(executor, "db", "SELECT 1", NULL, NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  CHECK_OK(tidegate_executor_call(executor, "calls", fails, NULL, NULL, NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_status(op, &error) != TIDEGATE_OK);
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CONNECT);
  tidegate_error_free(error);
  tidegate_op_release(op);
  CHECK_OK(tidegate_executor_call(executor, "named", fails, NULL, NULL, NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_status(op, &error) != TIDEGATE_OK);
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CIRCUIT_OPEN);
  tidegate_error_free(error);
  tidegate_op_release(op);
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  CHECK(counts.granted == 2 && counts.inside == 0);
  tidegate_executor_destroy(executor);
  tidegate_gate_destroy(gate);
  CHECK_OK(tidegate_config_set(config, "executor.gate", "nowhere", NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_executor_create(config, &executor, NULL));
  tidegate_config_destroy(config);
}

static void a_try_never_waits_and_says_why_not(void) {
  tidegate_gate *gate = gate_of("try", 1, 1);
  tidegate_gate_permit *permit = NULL;
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  int64_t retry_after = -1;
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, &retry_after, NULL));
  CHECK(refusal(gate, NULL) == TIDEGATE_CAUSE_POOL_TIMEOUT);
  tidegate_gate_leave(permit, TIDEGATE_CAUSE_NONE);
  tidegate_gate_leave(permit, TIDEGATE_CAUSE_NONE);
  CHECK_OK(tidegate_gate_penalize(gate, 30000, NULL));
  CHECK(refusal(gate, &retry_after) == TIDEGATE_CAUSE_RATE_LIMITED);
  CHECK(retry_after > 0 && retry_after <= 30000);
  CHECK_OK(tidegate_gate_force(gate, TIDEGATE_BREAKER_FORCED_OPEN, NULL));
  CHECK(refusal(gate, &retry_after) == TIDEGATE_CAUSE_CIRCUIT_OPEN);
  CHECK(retry_after > 0);
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  CHECK(counts.granted == 1 && counts.refused == 3 && counts.circuit_open == 1);
  CHECK(counts.inside == 0 && counts.concurrency == 1 && counts.state == TIDEGATE_BREAKER_OPEN);
  tidegate_gate_destroy(gate);
  CHECK(refusal(gate, NULL) == TIDEGATE_CAUSE_BAD_ARGUMENT);
}

static void a_turn_is_waited_for_and_its_permit_is_the_first_ones(void) {
  tidegate_gate *gate = gate_of("turn", 1, 0);
  tidegate_gate_permit *inside = NULL, *permit = NULL, *again = NULL;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_op *op = NULL;
  CHECK_OK(tidegate_gate_try_enter(gate, &inside, NULL, NULL));
  CHECK_OK(tidegate_gate_acquire(gate, TIDEGATE_PRIORITY_HIGH, 60000, &op, NULL));
  CHECK(!tidegate_op_done(op));
  CHECK(tidegate_op_permit(op, &permit, NULL) != TIDEGATE_OK);
  tidegate_gate_leave_http(inside, 200, -1);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_answer(op, &answer, NULL));
  CHECK_OK(tidegate_op_permit(op, &permit, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_permit(op, &again, NULL));
  CHECK(again == NULL);
  tidegate_op_release(op);
  CHECK(refusal(gate, NULL) == TIDEGATE_CAUSE_POOL_TIMEOUT);
  tidegate_gate_leave(permit, TIDEGATE_CAUSE_CANCELLED);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_gate_acquire(gate, 3, 0, &op, NULL));
  tidegate_gate_destroy(gate);
}

static void a_permit_that_nobody_takes_goes_with_its_operation(void) {
  tidegate_gate *gate = gate_of("untaken", 1, 0);
  tidegate_gate_permit *permit = NULL;
  tidegate_op *op = NULL;
  CHECK_OK(tidegate_gate_acquire(gate, TIDEGATE_PRIORITY_NORMAL, -1, &op, NULL));
  CHECK(tidegate_op_done(op));
  tidegate_op_release(op);
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  tidegate_gate_leave(permit, TIDEGATE_CAUSE_NONE);
  tidegate_gate_destroy(gate);
}

static void who_would_be_too_late_is_refused_at_once(void) {
  const tidegate_rate rate = {1, 3600000, 1, 0};
  tidegate_limiter_options limits = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate_permit *permit = NULL;
  tidegate_gate *gate = NULL;
  tidegate_error *error = NULL;
  tidegate_op *op = NULL;
  limits.rates = &rate;
  limits.rate_count = 1;
  options.limits = &limits;
  CHECK_OK(tidegate_gate_create(NULL, "late", &options, &gate, NULL));
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  tidegate_gate_leave(permit, TIDEGATE_CAUSE_NONE);
  CHECK_OK(tidegate_gate_acquire(gate, TIDEGATE_PRIORITY_NORMAL, 10000, &op, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_op_permit(op, &permit, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_RATE_LIMITED);
  CHECK(tidegate_error_retry_after_ms(error) > 3500000);
  tidegate_error_free(error);
  tidegate_op_release(op);
  tidegate_gate_destroy(gate);
}

static void an_adaptive_one_lets_fewer_in_after_a_429(void) {
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  tidegate_gate_permit *permit = NULL;
  tidegate_gate *gate = NULL;
  options.concurrency = 20;
  options.most_concurrency = 100;
  CHECK_OK(tidegate_gate_create(NULL, "adaptive", &options, &gate, NULL));
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  tidegate_gate_leave_http(permit, 429, -1);
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  CHECK(counts.concurrency == 18);
  tidegate_gate_destroy(gate);
}

static void a_call_that_says_its_timeout_is_slow_past_four_fifths_of_it(void) {
  const int64_t took_ms[] = {4000, 4001};
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  options.has_breaker = 1;
  for (int i = 0; i < 2; ++i) {
    tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
    tidegate_gate_permit *permit = NULL;
    tidegate_gate *gate = NULL;
    CHECK_OK(tidegate_gate_create(NULL, "timed", &options, &gate, NULL));
    for (int call = 0; call < 20; ++call) {
      CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
      tidegate_gate_timed(permit, 5000, took_ms[i]);
      tidegate_gate_leave(permit, TIDEGATE_CAUSE_NONE);
    }
    tidegate_gate_timed(permit, 5000, 0);
    tidegate_gate_timed(NULL, 5000, 0);
    CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
    CHECK(counts.state == (i ? TIDEGATE_BREAKER_OPEN : TIDEGATE_BREAKER_CLOSED));
    tidegate_gate_destroy(gate);
  }
}

static void an_answer_says_when_to_come_again(void) {
  const tidegate_header spent[] = {
      {"X-RateLimit-Remaining", "0"}, {NULL, "0"}, {"X-RateLimit-Reset", "3000"}};
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  tidegate_gate_permit *permit = NULL;
  tidegate_gate *gate = NULL;
  int64_t wait = 0;
  options.rate_limit_fields = 1;
  options.adaptive_rate = 1;
  options.max_penalty_ms = 1000000;
  CHECK_OK(tidegate_gate_create(NULL, "answered", &options, &gate, NULL));
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  tidegate_gate_leave_answer(permit, 200, NULL, 0);
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  tidegate_gate_leave_answer(permit, 200, spent, 3);
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  CHECK(counts.penalties == 1 && counts.rate == 0);
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_gate_try_enter(gate, &permit, &wait, NULL));
  CHECK(wait > 900000 && wait <= 1000000);
  tidegate_gate_destroy(gate);
  CHECK_OK(tidegate_gate_create(NULL, "slower", &options, &gate, NULL));
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  tidegate_gate_leave_http(permit, 429, -1);
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  CHECK(counts.rate > 0);
  tidegate_gate_destroy(gate);
}

static void what_cannot_be_is_refused(void) {
  const tidegate_rate rate = {0, 1000, 1, 0};
  tidegate_limiter_options limits = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate *gate = NULL;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_gate_create(NULL, "", NULL, &gate, NULL));
  limits.rates = &rate;
  limits.rate_count = 1;
  options.limits = &limits;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_gate_create(NULL, "no", &options, &gate, NULL));
  CHECK(gate == NULL);
  options.limits = NULL;
  options.concurrency = 5;
  options.most_concurrency = 4;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_gate_create(NULL, "no", &options, &gate, NULL));
  CHECK_OK(tidegate_gate_create(NULL, "open", NULL, &gate, NULL));
  tidegate_gate_destroy(gate);
}

int main(void) {
  a_service_has_one_gate_by_its_settings();
  what_the_options_of_a_gate_leave_open_its_settings_say();
  limits_that_are_given_are_shared_as_the_settings_say();
  the_calls_of_a_lane_go_through_its_gate();
  a_try_never_waits_and_says_why_not();
  a_turn_is_waited_for_and_its_permit_is_the_first_ones();
  a_permit_that_nobody_takes_goes_with_its_operation();
  who_would_be_too_late_is_refused_at_once();
  an_adaptive_one_lets_fewer_in_after_a_429();
  a_call_that_says_its_timeout_is_slow_past_four_fifths_of_it();
  an_answer_says_when_to_come_again();
  what_cannot_be_is_refused();
  return finish();
}
