/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "check.h"

/* What a loader is to do, and what became of it. */
struct work {
  struct gate gate;
  void (*act)(tidegate_load *load, struct work *work);
  tidegate_load *load; /* kept for later */
  pthread_t thread;
  int asked, loads;
};

static void work_init(struct work *work, void (*act)(tidegate_load *, struct work *)) {
  memset(work, 0, sizeof *work);
  gate_init(&work->gate);
  work->act = act;
}

static void load_work(tidegate_load *load, void *user) {
  struct work *work = user;
  ++work->loads;
  sem_post(&work->gate.entered);
  work->act(load, work);
}

/* It comes back once for each time that it was given. */
static void work_end(struct work *work) {
  while (work->asked-- > 0) sem_wait_all(&work->gate.freed);
  CHECK(sem_count(&work->gate.freed) == 0);
}

static tidegate_op *ask_with(tidegate_cache *cache, struct work *work,
                             const tidegate_load_options *options) {
  tidegate_op *op;
  ++work->asked;
  CHECK_OK(tidegate_cache_get_or_load(cache, "k", load_work, work, gate_free, options, &op, NULL));
  return op;
}

static tidegate_op *ask(tidegate_cache *cache, struct work *work) {
  return ask_with(cache, work, NULL);
}

static void succeed(tidegate_load *load, const char *text) {
  tidegate_bytes *value = make_bytes(text);
  CHECK_OK(tidegate_load_succeed(load, value));
  tidegate_bytes_release(value);
}

static void answers(tidegate_op *op, const char *text, tidegate_source source) {
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_bytes *value;
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_answer(op, &answer, NULL));
  CHECK(answer.source == source);
  CHECK_OK(tidegate_op_bytes(op, &value, NULL));
  CHECK_TEXT(text, tidegate_bytes_data(value));
  tidegate_bytes_release(value);
  tidegate_op_release(op);
}

static void fails(tidegate_op *op, tidegate_cause cause, const char *part) {
  tidegate_error *error;
  tidegate_bytes *value;
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_status(op, &error) != TIDEGATE_OK);
  CHECK(tidegate_error_cause(error) == cause);
  CHECK(strstr(tidegate_error_message(error), part));
  CHECK(tidegate_op_bytes(op, &value, NULL) != TIDEGATE_OK && value == NULL);
  tidegate_error_free(error);
  tidegate_op_release(op);
}

/* How many values there are, stale ones too. */
static int has_value(tidegate_cache *cache) {
  tidegate_bytes *value;
  CHECK_OK(tidegate_cache_peek(cache, "k", &value, NULL, NULL));
  tidegate_bytes_release(value);
  return value != NULL;
}

static void act_succeed(tidegate_load *load, struct work *work) {
  (void)work;
  succeed(load, "loaded");
}

static void act_fail(tidegate_load *load, struct work *work) {
  (void)work;
  CHECK_OK(tidegate_load_fail(load, TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "the backend is down"));
}

static void act_nothing(tidegate_load *load, struct work *work) { (void)load, (void)work; }

static void act_keep(tidegate_load *load, struct work *work) {
  CHECK_OK(tidegate_load_retain(load));
  work->load = load;
  sem_post(&work->gate.opened);
}

static void a_failure_is_everybody_s_outcome(void) {
  tidegate_cache *cache = make_cache("{}");
  struct work work;
  work_init(&work, act_fail);
  fails(ask(cache, &work), TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "the backend is down");
  fails(ask(cache, &work), TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "the backend is down");
  CHECK(work.loads == 2);
  tidegate_cache_destroy(cache);
  work_end(&work);
}

static void act_fail_without_a_cause(tidegate_load *load, struct work *work) {
  (void)work;
  CHECK_OK(tidegate_load_fail(load, TIDEGATE_CAUSE_NONE, NULL));
}

static void a_failure_without_a_cause_is_one(void) {
  tidegate_cache *cache = make_cache("{}");
  struct work work;
  work_init(&work, act_fail_without_a_cause);
  fails(ask(cache, &work), TIDEGATE_CAUSE_CALLABLE_FAILED, "");
  tidegate_cache_destroy(cache);
  work_end(&work);
}

static void a_stale_value_answers_where_the_load_fails(void) {
  tidegate_cache *cache = make_cache("{\"cache\": {\"ttl\": \"0s\"}}");
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_error *reason;
  tidegate_op *op;
  struct work good, bad;
  work_init(&good, act_succeed);
  work_init(&bad, act_fail);
  answers(ask(cache, &good), "loaded", TIDEGATE_SOURCE_FRESH);
  op = ask(cache, &bad);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_status(op, NULL));
  CHECK_OK(tidegate_op_answer(op, &answer, NULL));
  CHECK(answer.degraded == 1 && answer.version != 0);
  reason = tidegate_op_reason(op);
  CHECK(tidegate_error_cause(reason) == TIDEGATE_CAUSE_ENGINE_UNAVAILABLE);
  tidegate_error_free(reason);
  answers(op, "loaded", TIDEGATE_SOURCE_STALE);
  tidegate_cache_destroy(cache);
  work_end(&good);
  work_end(&bad);
}

static void a_stale_value_may_answer_at_once_while_the_load_runs_behind(void) {
  tidegate_cache *cache = make_cache("{\"cache\": {\"ttl\": \"0s\"}}");
  tidegate_load_options options = TIDEGATE_LOAD_OPTIONS_INIT;
  struct work first, second;
  options.stale_at_once = 1;
  work_init(&first, act_succeed);
  work_init(&second, act_keep);
  answers(ask(cache, &first), "loaded", TIDEGATE_SOURCE_FRESH);
  answers(ask_with(cache, &second, &options), "loaded", TIDEGATE_SOURCE_STALE);
  sem_wait_all(&second.gate.opened);
  CHECK_OK(tidegate_load_set_ttl_ms(second.load, 3600000));
  succeed(second.load, "behind");
  tidegate_load_release(second.load);
  answers(ask(cache, &second), "behind", TIDEGATE_SOURCE_CACHED);
  tidegate_cache_destroy(cache);
  work_end(&first);
  work_end(&second);
}

static void *answer_later(void *raw) {
  struct work *work = raw;
  sem_wait_all(&work->gate.opened);
  CHECK_TEXT("k", tidegate_load_key(work->load));
  CHECK(tidegate_load_stopped(work->load) == 0);
  CHECK(tidegate_load_left_ms(work->load) > 0 && tidegate_load_left_ms(work->load) <= 15000);
  succeed(work->load, "later");
  tidegate_load_release(work->load);
  return NULL;
}

static void a_loader_may_answer_later_from_another_thread(void) {
  tidegate_cache *cache = make_cache("{\"cache\": {\"loaders\": 1}}");
  struct work work;
  work_init(&work, act_keep);
  CHECK(pthread_create(&work.thread, NULL, answer_later, &work) == 0);
  answers(ask(cache, &work), "later", TIDEGATE_SOURCE_FRESH);
  CHECK(pthread_join(work.thread, NULL) == 0);
  tidegate_cache_destroy(cache);
  work_end(&work);
}

static void a_load_that_is_dropped_fails(void) {
  tidegate_cache *cache = make_cache("{}");
  struct work forgetful, keeping;
  work_init(&forgetful, act_nothing);
  fails(ask(cache, &forgetful), TIDEGATE_CAUSE_CALLABLE_FAILED, "without an answer");
  work_init(&keeping, act_keep);
  {
    tidegate_op *op = ask(cache, &keeping);
    sem_wait_all(&keeping.gate.opened);
    CHECK(tidegate_op_done(op) == 0);
    tidegate_load_release(keeping.load);
    fails(op, TIDEGATE_CAUSE_CALLABLE_FAILED, "without an answer");
  }
  CHECK(tidegate_load_stopped(keeping.load) == 1);
  tidegate_cache_destroy(cache);
  work_end(&forgetful);
  work_end(&keeping);
}

static void act_say_everything_twice(tidegate_load *load, struct work *work) {
  tidegate_bytes *value;
  (void)work;
  CHECK_OK(tidegate_bytes_create("second", 6, &value, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_load_succeed(load, (tidegate_bytes *)load));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_load_set_ttl_ms(load, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_load_set_stale_for_ms(load, INT64_MAX));
  succeed(load, "first");
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_load_succeed(load, value));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_load_fail(load, TIDEGATE_CAUSE_CLOSED, "late"));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_load_set_ttl_ms(load, 1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_load_set_negative(load));
  tidegate_bytes_release(value);
}

static void the_first_answer_counts(void) {
  tidegate_cache *cache = make_cache("{}");
  struct work work;
  work_init(&work, act_say_everything_twice);
  answers(ask(cache, &work), "first", TIDEGATE_SOURCE_FRESH);
  answers(ask(cache, &work), "first", TIDEGATE_SOURCE_CACHED);
  tidegate_cache_destroy(cache);
  work_end(&work);
}

static void act_stale_at_once(tidegate_load *load, struct work *work) {
  CHECK_OK(tidegate_load_set_ttl_ms(load, 0));
  CHECK_OK(tidegate_load_set_stale_for_ms(load, 3600000));
  act_succeed(load, work);
}
static void act_over_at_once(tidegate_load *load, struct work *work) {
  CHECK_OK(tidegate_load_set_ttl_ms(load, 0));
  CHECK_OK(tidegate_load_set_stale_for_ms(load, 0));
  act_succeed(load, work);
}
static void act_uncached(tidegate_load *load, struct work *work) {
  CHECK_OK(tidegate_load_set_uncached(load));
  act_succeed(load, work);
}
static void act_negative(tidegate_load *load, struct work *work) {
  CHECK_OK(tidegate_load_set_negative(load));
  act_succeed(load, work);
}
static void act_heavy(tidegate_load *load, struct work *work) {
  CHECK_OK(tidegate_load_set_weight(load, 10000));
  act_succeed(load, work);
}

static void act_degraded(tidegate_load *load, struct work *work) {
  CHECK_OK(tidegate_load_set_degraded(load, TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "down"));
  act_succeed(load, work);
}

static void a_fallback_is_marked_and_not_kept(void) {
  tidegate_cache *cache = make_cache("{}");
  struct work work;
  work_init(&work, act_degraded);
  answers(ask(cache, &work), "loaded", TIDEGATE_SOURCE_DEFAULT);
  CHECK(!has_value(cache));
  tidegate_cache_destroy(cache);
  work_end(&work);
}

static void a_loader_says_how_long_its_value_lives(void) {
  static const struct {
    void (*act)(tidegate_load *, struct work *);
    int fresh, there;
    size_t bytes;
  } cases[] = {{act_succeed, 1, 1, 0},  {act_stale_at_once, 0, 1, 0}, {act_over_at_once, 0, 0, 0},
               {act_uncached, 0, 0, 0}, {act_negative, 0, 0, 0}, /* its time is 0 here */
               {act_heavy, 1, 1, 10001}};                        /* and the key */
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tidegate_cache *cache = make_cache("{\"cache\": {\"negative_ttl\": \"0s\"}}");
    tidegate_cache_counts counts = TIDEGATE_CACHE_COUNTS_INIT;
    tidegate_bytes *value;
    struct work work;
    work_init(&work, cases[i].act);
    answers(ask(cache, &work), "loaded", TIDEGATE_SOURCE_FRESH);
    CHECK_OK(tidegate_cache_get(cache, "k", &value, NULL, NULL));
    CHECK((value != NULL) == cases[i].fresh);
    tidegate_bytes_release(value);
    CHECK(has_value(cache) == cases[i].there);
    CHECK_OK(tidegate_cache_stats(cache, &counts, NULL));
    CHECK(cases[i].bytes == 0 || counts.bytes == cases[i].bytes);
    tidegate_cache_destroy(cache);
    work_end(&work);
  }
}

static void who_asked_first_may_give_up_and_the_others_have_the_value(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_op *leader, *other;
  struct work first, second;
  work_init(&first, act_keep);
  work_init(&second, act_nothing);
  leader = ask(cache, &first);
  sem_wait_all(&first.gate.opened);
  other = ask(cache, &second);
  CHECK_OK(tidegate_op_cancel(leader));
  fails(leader, TIDEGATE_CAUSE_CANCELLED, "");
  CHECK(tidegate_load_stopped(first.load) == 0);
  CHECK(sem_count(&first.gate.freed) == 0); /* the load may still use it */
  succeed(first.load, "late");
  tidegate_load_release(first.load);
  answers(other, "late", TIDEGATE_SOURCE_FRESH);
  CHECK(second.loads == 0);
  tidegate_cache_destroy(cache);
  work_end(&first);
  work_end(&second);
}

static void a_cache_may_go_while_a_load_is_under_way(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_op *op, *refused;
  struct work work;
  work_init(&work, act_keep);
  op = ask(cache, &work);
  sem_wait_all(&work.gate.opened);
  tidegate_cache_destroy(cache);
  CHECK_STATUS(
      TIDEGATE_INVALID_ARGUMENT,
      tidegate_cache_get_or_load(cache, "k", load_work, &work, gate_free, NULL, &refused, NULL));
  CHECK(refused == NULL);
  ++work.asked; /* in vain, but its data comes back too */
  succeed(work.load, "after");
  tidegate_load_release(work.load);
  answers(op, "after", TIDEGATE_SOURCE_FRESH);
  work_end(&work);
}

static void a_load_is_given_up_at_its_timeout_and_its_value_still_kept(void) {
  tidegate_cache *cache = make_cache("{\"cache\": {\"load_timeout\": \"5ms\"}}");
  struct work work;
  work_init(&work, act_keep);
  fails(ask(cache, &work), TIDEGATE_CAUSE_DEADLINE, "");
  sem_wait_all(&work.gate.opened);
  while (!tidegate_load_stopped(work.load)) sched_yield(); /* the flight ends after its caller */
  CHECK(tidegate_load_left_ms(work.load) == 0);
  CHECK(sem_count(&work.gate.freed) == 0);
  succeed(work.load, "too late");
  tidegate_load_release(work.load);
  answers(ask(cache, &work), "too late", TIDEGATE_SOURCE_CACHED);
  tidegate_cache_destroy(cache);
  work_end(&work);
}

/* The last: it ends the runtime. */
static void shutdown_ends_who_waits_and_takes_a_late_answer(void) {
  tidegate_cache *cache = make_cache("{}");
  tidegate_op *op;
  struct work work;
  work_init(&work, act_keep);
  op = ask(cache, &work);
  sem_wait_all(&work.gate.opened);
  CHECK_OK(tidegate_runtime_shutdown(10000));
  fails(op, TIDEGATE_CAUSE_CLOSED, "");
  succeed(work.load, "after");
  tidegate_load_release(work.load);
  answers(ask(cache, &work), "after", TIDEGATE_SOURCE_CACHED);
  CHECK_OK(tidegate_cache_invalidate_all(cache, NULL));
  fails(ask(cache, &work), TIDEGATE_CAUSE_CLOSED, "");
  CHECK(work.loads == 1);
  tidegate_cache_destroy(cache);
  work_end(&work);
}

int main(void) {
  a_failure_is_everybody_s_outcome();
  a_failure_without_a_cause_is_one();
  a_stale_value_answers_where_the_load_fails();
  a_stale_value_may_answer_at_once_while_the_load_runs_behind();
  a_loader_may_answer_later_from_another_thread();
  a_load_that_is_dropped_fails();
  the_first_answer_counts();
  a_loader_says_how_long_its_value_lives();
  a_fallback_is_marked_and_not_kept();
  who_asked_first_may_give_up_and_the_others_have_the_value();
  a_cache_may_go_while_a_load_is_under_way();
  a_load_is_given_up_at_its_timeout_and_its_value_still_kept();
  shutdown_ends_who_waits_and_takes_a_late_answer();
  return finish();
}
