// SPDX-License-Identifier: Apache-2.0
//
// How often something may start: now or not at all, in turn, at a booked time, and after a "too many
// requests".
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

int main(void) {
  // At most 5 in any second, three of them at once, and 1,000 an hour on the long run.
  const tidegate_rate rates[] = {{.permits = 5, .per_ms = 1000, .burst = 3, .is_strict = 1},
                                 {.permits = 1000, .per_ms = 3600000, .burst = 100}};
  tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_limiter *limiter;
  tidegate_reservation *booked;
  tidegate_error *error;
  tidegate_op *turn;
  int started = 0;

  options.rates = rates;
  options.rate_count = 2;
  if (tidegate_limiter_create("encar", &options, &limiter, &error)) die("limiter", error);

  while (tidegate_limiter_try_acquire(limiter, 1, NULL) == TIDEGATE_OK) ++started;
  printf("started at once: %d\n", started);

  if (tidegate_limiter_acquire(limiter, 1, 10000, &turn, &error)) die("acquire", error);
  tidegate_op_wait(turn, -1);
  if (tidegate_op_status(turn, &error)) die("turn", error);
  printf("had its turn\n");
  tidegate_op_release(turn);

  // For a program that waits by itself. What it does not need after all, the next has.
  if (tidegate_limiter_reserve(limiter, 1, 10000, &booked, &error)) die("reserve", error);
  printf("booked, in less than a second: %s\n",
         tidegate_reservation_wait_ms(booked) < 1000 ? "yes" : "no");
  tidegate_reservation_cancel(booked);
  tidegate_reservation_destroy(booked);

  // The service said: 429, Retry-After: 30.
  if (tidegate_limiter_penalize(limiter, 30000, &error)) die("penalize", error);
  if (tidegate_limiter_acquire(limiter, 1, 5000, &turn, &error)) die("acquire", error);
  if (tidegate_op_status(turn, &error) == TIDEGATE_RESOURCE_EXHAUSTED) {
    printf("refused at once, again in about %lld s\n",
           (long long)(tidegate_error_retry_after_ms(error) + 999) / 1000);
  }
  tidegate_error_free(error);
  tidegate_op_release(turn);
  tidegate_limiter_destroy(limiter);
  return 0;
}
