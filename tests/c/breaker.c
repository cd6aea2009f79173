/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static tidegate_breaker *make_breaker(const char *json, const char *name) {
  tidegate_config *config;
  tidegate_breaker *breaker;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_load_json(config, json, NULL));
  CHECK_OK(tidegate_breaker_create(config, name, &breaker, NULL));
  tidegate_config_destroy(config);
  return breaker;
}

static void call(tidegate_breaker *breaker, tidegate_cause cause) {
  tidegate_breaker_permit *permit;
  CHECK_OK(tidegate_breaker_enter(breaker, &permit, NULL, NULL));
  tidegate_breaker_leave(permit, cause);
}

static tidegate_breaker_counts counts_of(tidegate_breaker *breaker) {
  tidegate_breaker_counts counts = TIDEGATE_BREAKER_COUNTS_INIT;
  CHECK_OK(tidegate_breaker_stats(breaker, &counts, NULL));
  return counts;
}

static void a_service_that_fails_is_refused_with_the_time_to_come_again(void) {
  tidegate_breaker *breaker = make_breaker("{\"breaker\": {\"consecutive\": 3}}", "failing");
  tidegate_breaker_permit *permit;
  tidegate_error *error;
  int64_t retry_after_ms;
  for (int i = 0; i < 3; ++i) call(breaker, TIDEGATE_CAUSE_CONNECT);
  CHECK(counts_of(breaker).state == TIDEGATE_BREAKER_OPEN);
  CHECK_STATUS(TIDEGATE_UNAVAILABLE,
               tidegate_breaker_enter(breaker, &permit, &retry_after_ms, &error));
  CHECK(permit == NULL);
  CHECK(retry_after_ms > 0 && retry_after_ms <= 6000);
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CIRCUIT_OPEN);
  CHECK(strstr(tidegate_error_message(error), "'failing' is open for another ") != NULL);
  tidegate_error_free(error);
  tidegate_breaker_destroy(breaker);
}

static void what_says_nothing_about_the_service_does_not_count(void) {
  tidegate_breaker *breaker = make_breaker("{\"breaker\": {\"consecutive\": 1}}", "local");
  tidegate_breaker_permit *permit;
  call(breaker, TIDEGATE_CAUSE_CANCELLED);
  call(breaker, TIDEGATE_CAUSE_NO_MEMORY);
  CHECK_OK(tidegate_breaker_enter(breaker, &permit, NULL, NULL));
  tidegate_breaker_leave_http(permit, 429);
  CHECK(counts_of(breaker).calls == 0);
  call(breaker, TIDEGATE_CAUSE_NONE);
  CHECK(counts_of(breaker).calls == 1);
  CHECK_OK(tidegate_breaker_enter(breaker, &permit, NULL, NULL));
  tidegate_breaker_leave_http(permit, 503);
  CHECK(counts_of(breaker).state == TIDEGATE_BREAKER_OPEN);
  tidegate_breaker_destroy(breaker);
}

static void a_call_that_says_its_timeout_is_slow_past_four_fifths_of_it(void) {
  const int64_t took_ms[] = {4000, 4001};
  for (int i = 0; i < 2; ++i) {
    tidegate_breaker *breaker = make_breaker("{}", "timed");
    tidegate_breaker_permit *permit;
    CHECK_OK(tidegate_breaker_enter(breaker, &permit, NULL, NULL));
    tidegate_breaker_timed(permit, 5000, took_ms[i]);
    tidegate_breaker_leave(permit, TIDEGATE_CAUSE_NONE);
    tidegate_breaker_timed(permit, 5000, 0);
    tidegate_breaker_timed(NULL, 5000, 0);
    CHECK(counts_of(breaker).slow == (uint64_t)i);
    tidegate_breaker_destroy(breaker);
  }
}

static void a_permit_is_good_once_and_outlives_its_breaker(void) {
  tidegate_breaker *breaker = make_breaker("{}", "once");
  tidegate_breaker_permit *permit, *last;
  CHECK_OK(tidegate_breaker_enter(breaker, &permit, NULL, NULL));
  CHECK_OK(tidegate_breaker_enter(breaker, &last, NULL, NULL));
  tidegate_breaker_leave(permit, TIDEGATE_CAUSE_CONNECT);
  tidegate_breaker_leave(permit, TIDEGATE_CAUSE_CONNECT);
  tidegate_breaker_leave(NULL, TIDEGATE_CAUSE_CONNECT);
  CHECK(counts_of(breaker).failures == 1);
  tidegate_breaker_destroy(breaker);
  tidegate_breaker_leave(last, TIDEGATE_CAUSE_NONE);
}

static void orders_are_followed(void) {
  tidegate_breaker *breaker = make_breaker("{}", "ordered");
  tidegate_breaker_permit *permit;
  CHECK_OK(tidegate_breaker_force(breaker, TIDEGATE_BREAKER_FORCED_OPEN, NULL));
  CHECK_STATUS(TIDEGATE_UNAVAILABLE, tidegate_breaker_enter(breaker, &permit, NULL, NULL));
  CHECK(counts_of(breaker).mode == TIDEGATE_BREAKER_FORCED_OPEN);
  CHECK(counts_of(breaker).retry_after_ms == 5000);
  CHECK_OK(tidegate_breaker_force(breaker, TIDEGATE_BREAKER_FORCED_CLOSED, NULL));
  for (int i = 0; i < 50; ++i) call(breaker, TIDEGATE_CAUSE_CONNECT);
  CHECK(counts_of(breaker).failures == 50);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_force(breaker, 4, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_force(breaker, -1, NULL));
  tidegate_breaker_destroy(breaker);
}

static void breakers_of_a_name_are_one_on_a_host(void) {
  char directory[] = "/tmp/tidegate-c-XXXXXX";
  char json[256];
  tidegate_config *config;
  tidegate_error *error;
  CHECK(mkdtemp(directory) != NULL);
  (void)snprintf(json, sizeof json,
                 "{\"breaker\": {\"share\": \"host\"}, \"gate\": {\"state_dir\": \"%s\"}}",
                 directory);
  tidegate_breaker *first = make_breaker(json, "shared");
  tidegate_breaker *second = make_breaker(json, "shared");
  tidegate_breaker *third;
  for (int i = 0; i < 20; ++i) call(i % 2 ? first : second, TIDEGATE_CAUSE_CONNECT);
  CHECK(counts_of(first).state == TIDEGATE_BREAKER_OPEN);
  CHECK(counts_of(second).state == TIDEGATE_BREAKER_OPEN);

  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_load_json(config, json, NULL));
  CHECK_OK(tidegate_config_set(config, "breaker.probes", "5", NULL));
  CHECK(tidegate_breaker_create(config, "shared", &third, &error) != TIDEGATE_OK);
  CHECK(third == NULL);
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  tidegate_error_free(error);
  tidegate_config_destroy(config);
  tidegate_breaker_destroy(first);
  tidegate_breaker_destroy(second);

  DIR *listing = opendir(directory);
  struct dirent *entry;
  CHECK(listing != NULL);
  while ((entry = readdir(listing)) != NULL) unlinkat(dirfd(listing), entry->d_name, 0);
  closedir(listing);
  CHECK(rmdir(directory) == 0);
}

static void one_that_opens_with_others_through_redis_goes_on_by_itself_where_there_is_none(void) {
  tidegate_config *config;
  tidegate_breaker *breaker;
  tidegate_breaker_permit *permit;
  tidegate_error *error;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_set(config, "breaker.share", "redis", NULL));
  CHECK(tidegate_breaker_create(config, "remote", &breaker, &error) != TIDEGATE_OK);
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  tidegate_error_free(error);
  /* nobody listens there */
  CHECK_OK(tidegate_config_set(config, "gate.redis", "redis://127.0.0.1:1", NULL));
  CHECK_OK(tidegate_config_set(config, "gate.redis_timeout", "20s", NULL));
  CHECK_OK(tidegate_breaker_create(config, "remote", &breaker, NULL));
  tidegate_config_destroy(config);
  for (int i = 0; i < 20; ++i) call(breaker, TIDEGATE_CAUSE_CONNECT);
  CHECK(counts_of(breaker).state == TIDEGATE_BREAKER_OPEN);
  CHECK_STATUS(TIDEGATE_UNAVAILABLE, tidegate_breaker_enter(breaker, &permit, NULL, NULL));
  while (counts_of(breaker).redis_failures == 0) sched_yield();
  CHECK(counts_of(breaker).redis_answers == 0);
  tidegate_breaker_destroy(breaker);
}

static void misuse_is_an_error(void) {
  tidegate_breaker *breaker;
  tidegate_breaker_permit *permit;
  tidegate_breaker_counts counts = TIDEGATE_BREAKER_COUNTS_INIT;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_create(NULL, NULL, &breaker, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_create(NULL, "", &breaker, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_create(NULL, "x", NULL, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_enter(NULL, &permit, NULL, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_stats(NULL, &counts, NULL));
  CHECK_OK(tidegate_breaker_create(NULL, "x", &breaker, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_enter(breaker, NULL, NULL, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_stats(breaker, NULL, NULL));
  counts.struct_size = 0;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_breaker_stats(breaker, &counts, NULL));
  tidegate_breaker_destroy(breaker);
  tidegate_breaker_destroy(NULL);
}

static void every_state_has_a_name(void) {
  CHECK_TEXT("closed", tidegate_breaker_state_name(TIDEGATE_BREAKER_CLOSED));
  CHECK_TEXT("open", tidegate_breaker_state_name(TIDEGATE_BREAKER_OPEN));
  CHECK_TEXT("half_open", tidegate_breaker_state_name(TIDEGATE_BREAKER_HALF_OPEN));
  CHECK_TEXT("unknown", tidegate_breaker_state_name(7));
}

int main(void) {
  tidegate_log_set_level(TIDEGATE_LOG_ERROR);
  a_service_that_fails_is_refused_with_the_time_to_come_again();
  what_says_nothing_about_the_service_does_not_count();
  a_call_that_says_its_timeout_is_slow_past_four_fifths_of_it();
  a_permit_is_good_once_and_outlives_its_breaker();
  orders_are_followed();
  breakers_of_a_name_are_one_on_a_host();
  one_that_opens_with_others_through_redis_goes_on_by_itself_where_there_is_none();
  misuse_is_an_error();
  every_state_has_a_name();
  return finish();
}
