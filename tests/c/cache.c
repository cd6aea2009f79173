/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "check.h"

/* Answers with the key and how often it was called: "audi 1". */
static void load_counted(tidegate_load *load, void *user) {
  char text[64];
  tidegate_bytes *value;
  snprintf(text, sizeof text, "%s %d", tidegate_load_key(load), ++*(int *)user);
  value = make_bytes(text);
  CHECK_OK(tidegate_load_succeed(load, value));
  tidegate_bytes_release(value);
}

/* The same, once the gate lets it through. */
static void load_through_gate(tidegate_load *load, void *user) {
  struct gate *gate = user;
  tidegate_bytes *value = make_bytes("through");
  sem_post(&gate->entered);
  sem_wait_all(&gate->opened);
  CHECK_OK(tidegate_load_succeed(load, value));
  tidegate_bytes_release(value);
}

static void load_never(tidegate_load *load, void *user) {
  const int loaded_what_was_there = 1;
  (void)load, (void)user;
  CHECK(!loaded_what_was_there);
}

static tidegate_op *ask(tidegate_cache *cache, const char *key, tidegate_load_fn fn, void *user) {
  tidegate_op *op;
  CHECK_OK(tidegate_cache_get_or_load(cache, key, fn, user, NULL, NULL, &op, NULL));
  return op;
}

/* Waits, checks value and source, and gives the operation back; its version. */
static uint64_t answers(tidegate_op *op, const char *text, tidegate_source source) {
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_bytes *value;
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_answer(op, &answer, NULL));
  CHECK(answer.source == source && answer.degraded == (source == TIDEGATE_SOURCE_STALE));
  CHECK(answer.version != 0 && answer.age_ms >= 0);
  CHECK_OK(tidegate_op_bytes(op, &value, NULL));
  CHECK_TEXT(text, tidegate_bytes_data(value));
  tidegate_bytes_release(value);
  tidegate_op_release(op);
  return answer.version;
}

static int is_there(tidegate_cache *cache, const char *key) {
  tidegate_bytes *value;
  CHECK_OK(tidegate_cache_get(cache, key, &value, NULL, NULL));
  tidegate_bytes_release(value);
  return value != NULL;
}

static uint64_t put(tidegate_cache *cache, const char *key, const char *text,
                    const tidegate_load_options *options) {
  tidegate_bytes *value = make_bytes(text);
  uint64_t version;
  CHECK_OK(tidegate_cache_put(cache, key, value, options, &version, NULL));
  tidegate_bytes_release(value);
  return version;
}

static void a_value_is_loaded_once_and_then_there_at_once(void) {
  tidegate_cache *cache;
  int loads = 0;
  tidegate_op *op;
  tidegate_rows *rows;
  uint64_t version;
  CHECK_OK(tidegate_cache_create(NULL, "test", &cache, NULL));
  version = answers(ask(cache, "audi", load_counted, &loads), "audi 1", TIDEGATE_SOURCE_FRESH);
  op = ask(cache, "audi", load_never, NULL);
  CHECK(tidegate_op_done(op) == 1);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_rows(op, &rows, NULL));
  CHECK(tidegate_op_reason(op) == NULL);
  CHECK(answers(op, "audi 1", TIDEGATE_SOURCE_CACHED) == version);
  CHECK(answers(ask(cache, "", load_counted, &loads), " 2", TIDEGATE_SOURCE_FRESH) != version);
  tidegate_cache_destroy(cache);
}

static void two_operations_share_a_load_and_end_in_one_queue(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_op *first, *second, *third;
  tidegate_queue *queue;
  struct gate gate;
  struct pollfd ready = {-1, POLLIN, 0};
  int ended, other = 0;
  gate_init(&gate);
  CHECK_OK(tidegate_queue_create(&queue, NULL));
  ready.fd = tidegate_queue_fd(queue);
  first = ask(cache, "audi", load_through_gate, &gate);
  second = ask(cache, "audi", load_never, NULL);
  third = ask(cache, "kia", load_counted, &other);
  CHECK_OK(tidegate_queue_add(queue, first, 1, NULL));
  CHECK_OK(tidegate_queue_add(queue, second, 2, NULL));
  CHECK_OK(tidegate_queue_add(queue, third, 3, NULL));
  CHECK(poll(&ready, 1, -1) == 1);
  sem_wait_all(&gate.entered);
  CHECK(tidegate_op_done(first) == 0 && tidegate_op_done(second) == 0);
  sem_post(&gate.opened);
  for (ended = 0; ended < 3;) {
    tidegate_event event;
    CHECK(poll(&ready, 1, -1) == 1);
    while (tidegate_queue_next(queue, &event, 1) == 1) {
      CHECK_OK(event.status);
      tidegate_op_release(event.op);
      ++ended;
    }
  }
  CHECK(answers(first, "through", TIDEGATE_SOURCE_FRESH) ==
        answers(second, "through", TIDEGATE_SOURCE_FRESH));
  answers(third, "kia 1", TIDEGATE_SOURCE_FRESH);
  tidegate_queue_destroy(queue);
  tidegate_cache_destroy(cache);
}

static void what_was_put_is_there_with_its_age_and_version(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_bytes *value = make_bytes("x"), *found;
  const uint64_t version = put(cache, "k", "one", NULL);
  CHECK(version != 0);
  CHECK_OK(tidegate_cache_get(cache, "k", &found, &answer, NULL));
  CHECK_TEXT("one", tidegate_bytes_data(found));
  CHECK(answer.source == TIDEGATE_SOURCE_CACHED && answer.version == version && !answer.degraded);
  tidegate_bytes_release(found);
  CHECK_OK(tidegate_cache_get(cache, "other", &found, &answer, NULL));
  CHECK(found == NULL && answer.version == version);
  CHECK_OK(tidegate_cache_put(cache, "k", value, NULL, NULL, NULL));
  answers(ask(cache, "k", load_never, NULL), "x", TIDEGATE_SOURCE_CACHED);
  tidegate_bytes_release(value);
  tidegate_cache_destroy(cache);
}

/* They may go at any time, so that the cache has a copy. */
static void bytes_of_the_user_s_are_copied(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_bytes *value, *found;
  struct gate gate;
  char text[] = "mine";
  gate_init(&gate);
  CHECK_OK(tidegate_bytes_create_nocopy(text, 4, &gate, gate_free, &value, NULL));
  CHECK_OK(tidegate_cache_put(cache, "k", value, NULL, NULL, NULL));
  tidegate_bytes_release(value);
  CHECK(sem_count(&gate.freed) == 1);
  memset(text, 'X', 4);
  CHECK_OK(tidegate_cache_get(cache, "k", &found, NULL, NULL));
  CHECK_TEXT("mine", tidegate_bytes_data(found));
  tidegate_bytes_release(found);
  tidegate_cache_destroy(cache);
}

static void a_value_is_shared_and_not_copied(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_bytes *value = make_bytes("a text that is too long for a string to hold itself"), *found;
  CHECK_OK(tidegate_cache_put(cache, "k", value, NULL, NULL, NULL));
  CHECK_OK(tidegate_cache_get(cache, "k", &found, NULL, NULL));
  tidegate_cache_destroy(cache);
  CHECK(tidegate_bytes_data(found) == tidegate_bytes_data(value));
  tidegate_bytes_release(value);
  CHECK(tidegate_bytes_size(found) == 51);
  tidegate_bytes_release(found);
}

static void who_sees_an_old_version_forgets_no_new_one(void) {
  tidegate_cache *cache = make_cache("{}");
  const uint64_t bad = put(cache, "k", "bad", NULL);
  int forgotten = 7;
  CHECK_OK(tidegate_cache_invalidate(cache, "k", bad, &forgotten, NULL));
  CHECK(forgotten == 1 && !is_there(cache, "k"));
  put(cache, "k", "good", NULL);
  CHECK_OK(tidegate_cache_invalidate(cache, "k", bad, &forgotten, NULL));
  CHECK(forgotten == 0 && is_there(cache, "k"));
  CHECK_OK(tidegate_cache_invalidate(cache, "k", 0, NULL, NULL));
  CHECK(!is_there(cache, "k"));
  put(cache, "k", "again", NULL);
  put(cache, "other", "again", NULL);
  CHECK_OK(tidegate_cache_invalidate_all(cache, NULL));
  CHECK(!is_there(cache, "k") && !is_there(cache, "other"));
  tidegate_cache_destroy(cache);
}

/* Answers with the failure of a backend that is down. */
static void load_fails(tidegate_load *load, void *user) {
  (void)user;
  CHECK_OK(tidegate_load_fail(load, TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "down"));
}

static void what_is_expired_serves_only_where_a_load_fails(void) {
  tidegate_cache *cache = make_cache("{\"cache\": {\"failure_throttle\": \"0s\"}}");
  int expired = 7, loads = 0;
  CHECK_OK(tidegate_cache_expire(cache, "k", &expired, NULL));
  CHECK(expired == 0);
  put(cache, "k", "old", NULL);
  CHECK_OK(tidegate_cache_expire(cache, "k", &expired, NULL));
  CHECK(expired == 1 && !is_there(cache, "k"));
  answers(ask(cache, "k", load_fails, NULL), "old", TIDEGATE_SOURCE_STALE);
  answers(ask(cache, "k", load_counted, &loads), "k 1", TIDEGATE_SOURCE_FRESH);
  CHECK_OK(tidegate_cache_expire(cache, "k", NULL, NULL));
  put(cache, "k", "again", NULL);
  put(cache, "other", "again", NULL);
  CHECK_OK(tidegate_cache_expire_all(cache, NULL));
  CHECK(!is_there(cache, "k") && !is_there(cache, "other"));
  answers(ask(cache, "other", load_fails, NULL), "again", TIDEGATE_SOURCE_STALE);
  tidegate_cache_destroy(cache);
}

static void a_url_that_is_none_makes_no_cache(void) {
  tidegate_config *config;
  tidegate_cache *cache;
  tidegate_error *err = NULL;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_set(config, "cache.redis", "http://:hunter2@cache", NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_cache_create(config, "test", &cache, &err));
  CHECK(cache == NULL && tidegate_error_cause(err) == TIDEGATE_CAUSE_CONFIG);
  CHECK(strstr(tidegate_error_message(err), "hunter2") == NULL);
  tidegate_error_free(err);
  tidegate_config_destroy(config);
}

static void what_it_did_is_counted(void) {
  tidegate_cache *cache = make_cache("{\"cache\": {\"max_bytes\": 4096}}");
  tidegate_cache_counts counts = TIDEGATE_CACHE_COUNTS_INIT;
  static char large[8192];
  memset(large, 'x', sizeof large - 1);
  put(cache, "k", "v", NULL);
  CHECK(is_there(cache, "k") && !is_there(cache, "other"));
  CHECK(put(cache, "large", large, NULL) == 0 && !is_there(cache, "large"));
  CHECK_OK(tidegate_cache_stats(cache, &counts, NULL));
  CHECK(counts.hits == 1 && counts.misses == 2 && counts.puts == 1 && counts.refused == 1);
  CHECK(counts.entries == 1 && counts.bytes > 0 && counts.bytes <= 4096);
  CHECK(counts.tier_up == 0 && counts.tier_misses == 0 && counts.tier_stored == 0);
  tidegate_cache_destroy(cache);
}

/* The counts as the first header had them. What is behind them belongs to the program. */
struct first_counts {
  size_t struct_size;
  uint64_t hits, stale_hits, misses, puts, refused, evicted, expired, entries, bytes;
};

/* What a program has in memory that was built with another header. */
union counts_of_another_header {
  struct first_counts first;
  tidegate_cache_counts now;
  unsigned char bytes[sizeof(tidegate_cache_counts) + 64];
};

static int is_untouched_from(const union counts_of_another_header *counts, size_t at) {
  for (; at < sizeof counts->bytes; ++at) {
    if (counts->bytes[at] != 0xa5) return 0;
  }
  return 1;
}

/* Each member that the program's header has is written whole or, past its end, not at all. */
static void a_program_of_another_header_gets_the_counts_that_it_knows(void) {
  tidegate_cache *cache = make_cache("{}");
  union counts_of_another_header counts;
  size_t size;
  CHECK(sizeof(struct first_counts) == 80);
  put(cache, "k", "v", NULL);
  CHECK(is_there(cache, "k") && is_there(cache, "k") && !is_there(cache, "other"));
  for (size = sizeof counts.first; size <= sizeof counts.bytes; size += 8) {
    memset(&counts, 0xa5, sizeof counts);
    counts.first.struct_size = size;
    CHECK_OK(tidegate_cache_stats(cache, &counts.now, NULL));
    CHECK(counts.first.struct_size == size);
    CHECK(counts.first.hits == 2 && counts.first.misses == 1 && counts.first.puts == 1);
    CHECK(counts.first.stale_hits == 0 && counts.first.expired == 0);
    CHECK(counts.first.entries == 1 && counts.first.bytes > 0 && counts.first.bytes < 1024);
    CHECK(is_untouched_from(&counts, size < sizeof counts.now ? size : sizeof counts.now));
    CHECK(size < sizeof counts.now || (counts.now.tier_up == 0 && counts.now.tier_hits == 0));
  }
  for (size = 0; size < sizeof counts.first; ++size) {
    memset(&counts, 0xa5, sizeof counts);
    counts.first.struct_size = size;
    CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_cache_stats(cache, &counts.now, NULL));
    CHECK(is_untouched_from(&counts, sizeof size));
  }
  tidegate_cache_destroy(cache);
}

static void a_cache_has_the_settings_of_the_service_with_its_name(void) {
  tidegate_cache *cache = make_cache(
      "{\"cache\": {\"ttl\": \"1h\"}, \"services\": {\"test\": {\"cache\": {\"ttl\": \"0s\"}}}}");
  tidegate_bytes *value;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  put(cache, "k", "old", NULL);
  CHECK(!is_there(cache, "k"));
  CHECK_OK(tidegate_cache_peek(cache, "k", &value, &answer, NULL));
  CHECK_TEXT("old", tidegate_bytes_data(value));
  CHECK(answer.source == TIDEGATE_SOURCE_STALE && answer.degraded == 1);
  tidegate_bytes_release(value);
  tidegate_cache_destroy(cache);
}

static void a_call_may_want_another_time_to_live(void) {
  tidegate_cache *cache = make_cache("{\"cache\": {\"ttl\": \"0s\"}}");
  tidegate_load_options options = TIDEGATE_LOAD_OPTIONS_INIT;
  tidegate_op *op;
  int loads = 0;
  options.ttl_ms = 3600000;
  put(cache, "put", "x", &options);
  CHECK(is_there(cache, "put"));
  CHECK_OK(tidegate_cache_get_or_load(cache, "k", load_counted, &loads, NULL, &options, &op, NULL));
  answers(op, "k 1", TIDEGATE_SOURCE_FRESH);
  CHECK(is_there(cache, "k"));
  tidegate_cache_destroy(cache);
}

static void the_deadline_of_a_call_or_its_page_ends_the_wait_and_not_the_load(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_load_options options = TIDEGATE_LOAD_OPTIONS_INIT;
  tidegate_op *patient, *hurried, *paged;
  tidegate_page *page;
  struct gate gate;
  gate_init(&gate);
  patient = ask(cache, "k", load_through_gate, &gate);
  options.timeout_ms = 1;
  CHECK_OK(
      tidegate_cache_get_or_load(cache, "k", load_never, NULL, NULL, &options, &hurried, NULL));
  CHECK_OK(tidegate_page_create(1, &page, NULL));
  options.timeout_ms = 60000;
  options.page = page;
  CHECK_OK(tidegate_cache_get_or_load(cache, "k", load_never, NULL, NULL, &options, &paged, NULL));
  CHECK(tidegate_page_size(page) == 1);
  CHECK_OK(tidegate_op_wait(hurried, -1));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(hurried, NULL));
  CHECK_OK(tidegate_page_wait(page, -1));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(paged, NULL));
  CHECK(tidegate_op_done(patient) == 0);
  sem_post(&gate.opened);
  answers(patient, "through", TIDEGATE_SOURCE_FRESH);
  tidegate_op_release(hurried);
  tidegate_op_release(paged);
  tidegate_page_destroy(page);
  tidegate_cache_destroy(cache);
}

static void load_and_tell(tidegate_load *load, void *user) {
  struct gate *gate = user;
  tidegate_bytes *value = make_bytes("again");
  CHECK_OK(tidegate_load_succeed(load, value));
  tidegate_bytes_release(value);
  sem_post(&gate->entered);
}

static void a_key_is_loaded_on_a_schedule_until_it_is_stopped(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_refresh *refresh;
  struct gate gate;
  int i;
  gate_init(&gate);
  CHECK_OK(tidegate_cache_refresh_every(cache, "k", 1, load_and_tell, &gate, gate_free, NULL,
                                        &refresh, NULL));
  tidegate_cache_destroy(cache); /* the schedule keeps what it needs */
  for (i = 0; i < 3; ++i) sem_wait_all(&gate.entered);
  tidegate_refresh_stop(refresh);
  sem_wait_all(&gate.freed); /* no load uses it any more */
  tidegate_refresh_stop(refresh);
}

static void what_a_schedule_has_loaded_is_there(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_refresh *refresh;
  struct gate gate;
  gate_init(&gate);
  CHECK_OK(tidegate_cache_refresh_every(cache, "k", 86400000, load_and_tell, &gate, NULL, NULL,
                                        &refresh, NULL));
  sem_wait_all(&gate.entered); /* the first run is at once */
  CHECK(is_there(cache, "k"));
  tidegate_refresh_stop(refresh);
  tidegate_cache_destroy(cache);
}

/* Not only at shutdown: a program may make any number of caches. */
static void the_threads_of_a_cache_that_is_gone_end(void) {
  int i, loads = 0;
  while (!tidegate_runtime_quiesce()) sched_yield();
  for (i = 0; i < 10; ++i) {
    tidegate_cache *cache = make_cache("{}");
    tidegate_op *op = ask(cache, "k", load_counted, &loads);
    CHECK_OK(tidegate_op_wait(op, -1));
    tidegate_op_release(op);
    tidegate_cache_destroy(cache);
  }
  while (tidegate_runtime_thread_count() > 3) sched_yield(); /* shard, callbacks, deadlines */
}

int main(void) {
  the_threads_of_a_cache_that_is_gone_end();
  a_value_is_loaded_once_and_then_there_at_once();
  two_operations_share_a_load_and_end_in_one_queue();
  what_was_put_is_there_with_its_age_and_version();
  bytes_of_the_user_s_are_copied();
  a_value_is_shared_and_not_copied();
  who_sees_an_old_version_forgets_no_new_one();
  what_is_expired_serves_only_where_a_load_fails();
  a_url_that_is_none_makes_no_cache();
  what_it_did_is_counted();
  a_program_of_another_header_gets_the_counts_that_it_knows();
  a_cache_has_the_settings_of_the_service_with_its_name();
  a_call_may_want_another_time_to_live();
  the_deadline_of_a_call_or_its_page_ends_the_wait_and_not_the_load();
  a_key_is_loaded_on_a_schedule_until_it_is_stopped();
  what_a_schedule_has_loaded_is_there();
  return finish();
}
