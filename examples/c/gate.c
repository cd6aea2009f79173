// SPDX-License-Identifier: Apache-2.0
//
// Who may call a service now: at most five starts in a second, two calls at once, and a breaker.
#define TIDEGATE_API_UNSTABLE

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tidegate/c.h>

// Says what is wrong and ends the program.
static void die(const char *doing, tidegate_error *error) {
  fprintf(stderr, "%s: %s\n", doing, tidegate_error_message(error));
  tidegate_error_free(error);
  exit(1);
}

// In its turn, at the latest in 10 s; NULL where it is refused, and then says why.
static tidegate_gate_permit *enter(tidegate_gate *gate) {
  tidegate_gate_permit *permit = NULL;
  tidegate_error *error;
  tidegate_op *op;
  if (tidegate_gate_acquire(gate, TIDEGATE_PRIORITY_NORMAL, 10000, &op, &error)) die("gate", error);
  tidegate_op_wait(op, -1);
  if (tidegate_op_permit(op, &permit, &error)) {
    printf("refused, %s, again in about %lld s\n", tidegate_cause_name(tidegate_error_cause(error)),
           (long long)(tidegate_error_retry_after_ms(error) + 999) / 1000);
    tidegate_error_free(error);
  }
  tidegate_op_release(op);
  return permit;
}

int main(void) {
  const tidegate_rate rate = {.permits = 5, .per_ms = 1000, .burst = 3, .is_strict = 1};
  tidegate_limiter_options limits = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  tidegate_gate_permit *first, *second, *third = NULL;
  tidegate_error *error;
  tidegate_gate *gate;

  limits.rates = &rate;
  limits.rate_count = 1;
  options.limits = &limits;
  options.concurrency = 2;
  options.has_breaker = 1;
  if (tidegate_gate_create(NULL, "encar", &options, &gate, &error)) die("create", error);

  first = enter(gate);
  second = enter(gate);
  if (!first || !second) return 1;
  if (tidegate_gate_try_enter(gate, &third, NULL, &error)) {
    printf("a third at once: %s\n", tidegate_cause_name(tidegate_error_cause(error)));
    tidegate_error_free(error);
  }

  // Whoever comes out says what came of its call: an answer, or a failure with its cause.
  tidegate_gate_leave_http(first, 200, -1);
  tidegate_gate_leave(second, TIDEGATE_CAUSE_READ_TIMEOUT);

  third = enter(gate);
  if (!third) return 1;
  tidegate_gate_leave_http(third, 429, 30000);  // "too many requests, come again in 30 s"
  if (enter(gate)) return 1;

  if (tidegate_gate_stats(gate, &counts, &error)) die("stats", error);
  printf("%llu let through, %llu refused, %llu inside\n", (unsigned long long)counts.granted,
         (unsigned long long)counts.refused, (unsigned long long)counts.inside);
  tidegate_gate_destroy(gate);
  return 0;
}
