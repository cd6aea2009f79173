/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static tidegate_limiter *limiter_of(uint64_t permits, int64_t per_ms, uint32_t burst) {
  const tidegate_rate rate = {permits, per_ms, burst, 0};
  tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_limiter *limiter = NULL;
  options.rates = &rate;
  options.rate_count = 1;
  CHECK_OK(tidegate_limiter_create("c", &options, &limiter, NULL));
  return limiter;
}

static void a_try_never_waits_and_says_when_to_come_back(void) {
  tidegate_limiter *limiter = limiter_of(1, 3600000, 2);
  int64_t retry_after = -1;
  CHECK_OK(tidegate_limiter_try_acquire(limiter, 2, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_limiter_try_acquire(limiter, 1, &retry_after));
  CHECK(retry_after > 3500000 && retry_after <= 3600000);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_try_acquire(limiter, 3, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_try_acquire(limiter, 0, NULL));
  tidegate_limiter_destroy(limiter);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_try_acquire(limiter, 1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_try_acquire(NULL, 1, NULL));
}

static void a_turn_is_waited_for(void) {
  tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_limiter *limiter = NULL;
  tidegate_op *op = NULL;
  int i;
  options.pace_ms = 1;
  options.pause_every = 2;
  options.least_pause_ms = 1;
  options.most_pause_ms = 2;
  CHECK_OK(tidegate_limiter_create("paced", &options, &limiter, NULL));
  for (i = 0; i < 5; ++i) {
    CHECK_OK(tidegate_limiter_acquire(limiter, 1, 60000, &op, NULL));
    CHECK_OK(tidegate_op_wait(op, -1));
    CHECK_OK(tidegate_op_status(op, NULL));
    tidegate_op_release(op);
  }
  tidegate_limiter_destroy(limiter);
}

static void who_would_be_too_late_is_refused_at_once(void) {
  tidegate_limiter *limiter = limiter_of(1, 3600000, 1);
  tidegate_limiter_counts counts = TIDEGATE_LIMITER_COUNTS_INIT;
  tidegate_error *error = NULL;
  tidegate_op *op = NULL;
  CHECK_OK(tidegate_limiter_try_acquire(limiter, 1, NULL));
  CHECK_OK(tidegate_limiter_acquire(limiter, 1, 10000, &op, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_op_status(op, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_RATE_LIMITED);
  CHECK(tidegate_error_retry_after_ms(error) > 3500000);
  CHECK(tidegate_error_retry_after_ms(NULL) == -1);
  tidegate_error_free(error);
  tidegate_op_release(op);
  CHECK_OK(tidegate_limiter_penalize(limiter, 1000, NULL));
  CHECK_OK(tidegate_limiter_stats(limiter, &counts, NULL));
  CHECK(counts.penalties == 1 && counts.waiting == 0);
  CHECK(counts.granted >= 1 && counts.refused >= 1);
  tidegate_limiter_destroy(limiter);
}

static void a_start_is_booked_for_later_and_its_slot_given_back(void) {
  tidegate_limiter *limiter = limiter_of(1, 3600000, 1);
  tidegate_reservation *now = NULL, *later = NULL;
  tidegate_error *error = NULL;
  CHECK_OK(tidegate_limiter_reserve(limiter, 1, 0, &now, NULL));
  CHECK(tidegate_reservation_wait_ms(now) == 0);
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED,
               tidegate_limiter_reserve(limiter, 1, 10000, &later, &error));
  CHECK(later == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_RATE_LIMITED);
  CHECK(tidegate_error_retry_after_ms(error) > 3500000);
  tidegate_error_free(error);

  CHECK_OK(tidegate_limiter_reserve(limiter, 1, -1, &later, NULL));
  CHECK(tidegate_reservation_wait_ms(later) > 3500000);
  tidegate_reservation_cancel(later);
  tidegate_reservation_cancel(later);
  tidegate_reservation_destroy(later);
  CHECK_OK(tidegate_limiter_reserve(limiter, 1, 3600000, &later, NULL));
  tidegate_reservation_destroy(later);
  tidegate_reservation_destroy(now);

  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_reserve(limiter, 2, -1, &now, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_reserve(limiter, 1, -1, NULL, NULL));
  tidegate_limiter_destroy(limiter);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_reserve(limiter, 1, -1, &now, NULL));
  CHECK(tidegate_reservation_wait_ms(now) == 0);
  tidegate_reservation_cancel(now);
}

static void what_waits_outlives_its_handle(void) {
  tidegate_limiter *limiter = limiter_of(1, 100, 1);
  tidegate_op *op = NULL;
  CHECK_OK(tidegate_limiter_try_acquire(limiter, 1, NULL));
  CHECK_OK(tidegate_limiter_acquire(limiter, 1, -1, &op, NULL));
  tidegate_limiter_destroy(limiter);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_status(op, NULL));
  tidegate_op_release(op);
}

static void what_cannot_be_promised_is_refused(void) {
  tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_limiter *limiter = NULL;
  tidegate_error *error = NULL;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_limiter_create("none", &options, &limiter, &error));
  CHECK(limiter == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_create("", &options, &limiter, NULL));
  options.rate_count = 1;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_create("x", &options, &limiter, NULL));
  options.struct_size = 1;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_create("x", &options, &limiter, NULL));
}

static void a_rate_of_nothing_or_of_no_time_is_refused(void) {
  const tidegate_rate wrong[] = {
      {0, 1000, 1, 0},      {5, 0, 1, 0},         {5, -1, 1, 0},
      {5, INT64_MIN, 1, 0}, {1, INT64_MAX, 1, 0}, {5, 1000, 6, 1},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
    tidegate_limiter *limiter = NULL;
    tidegate_error *error = NULL;
    options.rates = &wrong[i];
    options.rate_count = 1;
    CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
                 tidegate_limiter_create("wrong", &options, &limiter, &error));
    CHECK(limiter == NULL && error != NULL);
    tidegate_error_free(error);
  }
  const int64_t paces[] = {-1, INT64_MIN, INT64_MAX};
  for (size_t i = 0; i < sizeof paces / sizeof *paces; i++) {
    tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
    tidegate_limiter *limiter = NULL;
    options.pace_ms = paces[i];
    CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
                 tidegate_limiter_create("wrong", &options, &limiter, NULL));
    CHECK(limiter == NULL);
  }
}

static void what_shares_through_redis_goes_on_as_it_was_told_where_there_is_none(void) {
  const tidegate_rate rate = {1, 3600000, 1, 0};
  tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_limiter_counts counts = TIDEGATE_LIMITER_COUNTS_INIT;
  tidegate_limiter *limiter = NULL;
  tidegate_error *error = NULL;
  tidegate_op *op = NULL;
  options.rates = &rate;
  options.rate_count = 1;
  options.share = TIDEGATE_SHARE_REDIS;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_limiter_create("remote", &options, &limiter, &error));
  CHECK(limiter == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  tidegate_error_free(error);
  options.redis = "redis://127.0.0.1:1"; /* nobody listens there */
  options.redis_timeout_ms = 20000;
  options.share_down = 3;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_limiter_create("remote", &options, &limiter, NULL));
  options.share_down = TIDEGATE_SHARE_DOWN_REFUSE;
  CHECK_OK(tidegate_limiter_create("remote", &options, &limiter, NULL));
  CHECK_STATUS(TIDEGATE_UNAVAILABLE, tidegate_limiter_try_acquire(limiter, 1, NULL));
  CHECK_OK(tidegate_limiter_acquire(limiter, 1, -1, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, 60000));
  CHECK_STATUS(TIDEGATE_UNAVAILABLE, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  tidegate_limiter_destroy(limiter);
  options.share_down = TIDEGATE_SHARE_DOWN_LOCAL;
  options.share_workers = 4;
  CHECK_OK(tidegate_limiter_create("alone", &options, &limiter, NULL));
  CHECK_OK(tidegate_limiter_try_acquire(limiter, 1, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_limiter_try_acquire(limiter, 1, NULL));
  CHECK_OK(tidegate_limiter_stats(limiter, &counts, NULL));
  CHECK(counts.redis_failures == 2 && counts.redis_decisions == 0);
  tidegate_limiter_destroy(limiter);
}

static void limiters_of_a_host_count_together(void) {
  const tidegate_rate rate = {1, 3600000, 2, 0};
  const tidegate_rate other = {2, 3600000, 2, 0};
  char directory[] = "/tmp/tidegate-test-XXXXXX";
  tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_limiter *limiter = NULL;
  tidegate_limiter *same = NULL;
  tidegate_limiter *none = NULL;
  tidegate_error *error = NULL;
  DIR *listing = NULL;
  struct dirent *entry = NULL;
  CHECK(mkdtemp(directory) != NULL);
  options.rates = &rate;
  options.rate_count = 1;
  options.share = TIDEGATE_SHARE_HOST;
  options.state_dir = directory;
  CHECK_OK(tidegate_limiter_create("shared", &options, &limiter, NULL));
  CHECK_OK(tidegate_limiter_create("shared", &options, &same, NULL));
  CHECK_OK(tidegate_limiter_try_acquire(limiter, 1, NULL));
  CHECK_OK(tidegate_limiter_try_acquire(same, 1, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_limiter_try_acquire(limiter, 1, NULL));
  options.rates = &other;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_limiter_create("shared", &options, &none, &error));
  CHECK(none == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  tidegate_error_free(error);
  options.share = 7;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_limiter_create("y", &options, &none, NULL));
  tidegate_limiter_destroy(limiter);
  tidegate_limiter_destroy(same);
  listing = opendir(directory);
  while ((entry = readdir(listing)) != NULL) unlinkat(dirfd(listing), entry->d_name, 0);
  closedir(listing);
  CHECK(rmdir(directory) == 0);
}

static tidegate_keyed_limiter *keyed_of(const char *name, uint64_t permits, int64_t per_ms,
                                        uint32_t burst) {
  const tidegate_rate rate = {permits, per_ms, burst, 0};
  tidegate_limiter_options limits = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_keyed_limiter_options options = TIDEGATE_KEYED_LIMITER_OPTIONS_INIT;
  tidegate_keyed_limiter *limiter = NULL;
  limits.rates = &rate;
  limits.rate_count = 1;
  options.limits = &limits;
  CHECK_OK(tidegate_keyed_limiter_create(name, &options, &limiter, NULL));
  return limiter;
}

static void each_key_counts_by_itself(void) {
  tidegate_keyed_limiter *limiter = keyed_of("keyed", 1, 3600000, 2);
  tidegate_keyed_limiter_counts counts = TIDEGATE_KEYED_LIMITER_COUNTS_INIT;
  char too_long[1026];
  int64_t retry_after = -1;
  memset(too_long, 'k', sizeof too_long - 1);
  too_long[sizeof too_long - 1] = 0;
  CHECK_OK(tidegate_keyed_limiter_try_acquire(limiter, "ann", 2, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED,
               tidegate_keyed_limiter_try_acquire(limiter, "ann", 1, &retry_after));
  CHECK(retry_after > 3500000 && retry_after <= 3600000);
  CHECK_OK(tidegate_keyed_limiter_try_acquire(limiter, "bob", 1, &retry_after));
  CHECK(retry_after == 0);
  CHECK_OK(tidegate_keyed_limiter_penalize(limiter, "bob", 1000, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED,
               tidegate_keyed_limiter_try_acquire(limiter, "bob", 1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_try_acquire(limiter, "bob", 3, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_try_acquire(limiter, too_long, 1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_try_acquire(limiter, NULL, 1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_penalize(limiter, NULL, 1000, NULL));
  CHECK_OK(tidegate_keyed_limiter_stats(limiter, &counts, NULL));
  CHECK(counts.granted == 2 && counts.refused == 2 && counts.penalties == 1);
  CHECK(counts.keys == 2 && counts.waiting == 0 && counts.crowded == 0);
  tidegate_keyed_limiter_destroy(limiter);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_try_acquire(limiter, "ann", 1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_keyed_limiter_stats(limiter, &counts, NULL));
}

static void the_turn_of_a_key_is_waited_for_and_outlives_the_handle(void) {
  tidegate_keyed_limiter *limiter = keyed_of("keyed turn", 1, 50, 1);
  tidegate_error *error = NULL;
  tidegate_op *op = NULL;
  CHECK_OK(tidegate_keyed_limiter_try_acquire(limiter, "key", 1, NULL));
  CHECK_OK(tidegate_keyed_limiter_acquire(limiter, "key", 1, 0, &op, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_op_status(op, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_RATE_LIMITED);
  tidegate_error_free(error);
  tidegate_op_release(op);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_acquire(limiter, NULL, 1, 0, &op, NULL));
  CHECK_OK(tidegate_keyed_limiter_acquire(limiter, "key", 1, -1, &op, NULL));
  tidegate_keyed_limiter_destroy(limiter);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_status(op, NULL));
  tidegate_op_release(op);
}

static void limits_that_keys_cannot_have_are_refused(void) {
  tidegate_limiter_options limits = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_keyed_limiter_options options = TIDEGATE_KEYED_LIMITER_OPTIONS_INIT;
  tidegate_keyed_limiter *limiter = NULL;
  tidegate_error *error = NULL;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_create("none", &options, &limiter, &error));
  CHECK(limiter == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  tidegate_error_free(error);
  options.limits = &limits;
  limits.pace_ms = 1000;
  limits.pause_every = 20;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_create("pauses", &options, &limiter, NULL));
  limits.pause_every = 0;
  limits.share = TIDEGATE_SHARE_HOST;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_create("shared", &options, &limiter, NULL));
  limits.share = TIDEGATE_SHARE_PROCESS;
  options.max_keys = UINT32_MAX;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_create("many", &options, &limiter, NULL));
  options.struct_size = 1;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_keyed_limiter_create("size", &options, &limiter, NULL));
  CHECK(limiter == NULL);
}

static void a_limiter_decides_by_the_time_that_it_is_told(void) {
  const int64_t second = 1000000000;
  const int64_t epoch = -5 * second;
  const tidegate_rate rate = {2, 1000, 2, 0};
  tidegate_limiter_options options = TIDEGATE_LIMITER_OPTIONS_INIT;
  tidegate_limiter_counts counts = TIDEGATE_LIMITER_COUNTS_INIT;
  tidegate_timed_limiter *limiter = NULL;
  int64_t wait = -1;
  options.rates = &rate;
  options.rate_count = 1;
  CHECK_OK(tidegate_timed_limiter_create("timed", &options, epoch, &limiter, NULL));
  CHECK(tidegate_timed_limiter_wait_ns(limiter, epoch, 2) == 0);
  CHECK_OK(tidegate_timed_limiter_try_acquire(limiter, epoch, 2, &wait));
  CHECK(wait == 0);
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED,
               tidegate_timed_limiter_try_acquire(limiter, epoch + 1, 1, &wait));
  CHECK(wait == second / 2 - 1);
  CHECK(tidegate_timed_limiter_wait_ns(limiter, epoch, 2) == second);
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED,
               tidegate_timed_limiter_try_acquire(limiter, INT64_MIN, 1, NULL));
  CHECK_OK(tidegate_timed_limiter_try_acquire(limiter, epoch + second / 2, 1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_timed_limiter_try_acquire(limiter, 0, 3, NULL));
  CHECK(tidegate_timed_limiter_wait_ns(limiter, 0, 3) == -1);
  CHECK_OK(tidegate_timed_limiter_stats(limiter, &counts, NULL));
  CHECK(counts.granted == 2 && counts.refused == 2);
  /* The last time that there is: it does not go on, and nothing more starts. */
  CHECK_OK(tidegate_timed_limiter_try_acquire(limiter, INT64_MAX, 2, NULL));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED,
               tidegate_timed_limiter_try_acquire(limiter, INT64_MAX, 1, NULL));
  tidegate_timed_limiter_destroy(limiter);
  CHECK(tidegate_timed_limiter_wait_ns(limiter, 0, 1) == -1);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_timed_limiter_try_acquire(NULL, 0, 1, NULL));
  options.share = TIDEGATE_SHARE_HOST;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_timed_limiter_create("shared", &options, 0, &limiter, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_timed_limiter_create("none", NULL, 0, &limiter, NULL));
  CHECK(limiter == NULL);
}

int main(void) {
  a_try_never_waits_and_says_when_to_come_back();
  a_turn_is_waited_for();
  who_would_be_too_late_is_refused_at_once();
  a_start_is_booked_for_later_and_its_slot_given_back();
  what_waits_outlives_its_handle();
  what_cannot_be_promised_is_refused();
  a_rate_of_nothing_or_of_no_time_is_refused();
  limiters_of_a_host_count_together();
  each_key_counts_by_itself();
  the_turn_of_a_key_is_waited_for_and_outlives_the_handle();
  limits_that_keys_cannot_have_are_refused();
  a_limiter_decides_by_the_time_that_it_is_told();
  what_shares_through_redis_goes_on_as_it_was_told_where_there_is_none();
  return finish();
}
