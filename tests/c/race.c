/* SPDX-License-Identifier: Apache-2.0 */

#include "check.h"

enum { kThreads = 3 };

/* Runs `body` in kThreads threads that start together. */
struct team {
  pthread_barrier_t start;
  void (*body)(void *shared, int number);
  void *shared;
};
struct member {
  struct team *team;
  int number;
};

static void *play(void *raw) {
  struct member *member = raw;
  pthread_barrier_wait(&member->team->start);
  member->team->body(member->team->shared, member->number);
  return NULL;
}

static void together(void (*body)(void *, int), void *shared) {
  struct team team;
  struct member members[kThreads];
  pthread_t threads[kThreads];
  int i;
  CHECK(pthread_barrier_init(&team.start, NULL, kThreads) == 0);
  team.body = body;
  team.shared = shared;
  for (i = 0; i < kThreads; ++i) {
    members[i].team = &team;
    members[i].number = i;
    CHECK(pthread_create(&threads[i], NULL, play, &members[i]) == 0);
  }
  for (i = 0; i < kThreads; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
  pthread_barrier_destroy(&team.start);
}

struct round {
  tidegate_executor *executor;
  tidegate_page *page;
  tidegate_queue *queue;
  tidegate_op *op;
  sem_t called;
  sem_t freed;
};

static void count_call(tidegate_op *op, void *user) {
  CHECK(tidegate_op_done(op) == 1);
  sem_post(&((struct round *)user)->called);
}
static void count_free(void *user) { sem_post(&((struct round *)user)->freed); }

static tidegate_status quick(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                             tidegate_error **err) {
  (void)user;
  return tidegate_stop_requested(stop) ? TIDEGATE_CANCELLED
                                       : tidegate_bytes_create("done", 4, result, err);
}

/* The call ends, is cancelled, and its handle goes, all at once. */
static void end_cancel_release(void *raw, int number) {
  struct round *round = raw;
  if (number == 0) tidegate_op_cancel(round->op);
  if (number == 1) tidegate_op_release(round->op);
  if (number == 2) (void)tidegate_op_wait(round->op, -1); /* gone already, or ended */
}

static void a_callback_is_called_once_whatever_ends_the_call_first(void) {
  struct round round;
  int i, rounds = repeat(500, 5000);
  CHECK(sem_init(&round.called, 0, 0) == 0 && sem_init(&round.freed, 0, 0) == 0);
  round.executor = make_executor(2);
  for (i = 0; i < rounds; ++i) {
    CHECK_OK(tidegate_executor_call(round.executor, "calls", quick, &round, count_free, NULL,
                                    &round.op, NULL));
    CHECK_OK(tidegate_op_on_done(round.op, count_call, &round, count_free, NULL));
    together(end_cancel_release, &round);
    sem_wait_all(&round.called);
    sem_wait_all(&round.freed);
    sem_wait_all(&round.freed);
    CHECK(sem_count(&round.called) == 0 && sem_count(&round.freed) == 0);
  }
  tidegate_executor_destroy(round.executor);
}

/* Everything goes while others submit, wait, cancel and poll. */
static void use_while_it_goes(void *raw, int number) {
  struct round *round = raw;
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_event event;
  tidegate_op *op;
  if (number == 0) {
    options.page = round->page;
    if (tidegate_executor_query(round->executor, "db", "SELECT 1", NULL, &options, &op, NULL) ==
        TIDEGATE_OK) {
      tidegate_queue_add(round->queue, op, 2, NULL);
      tidegate_op_on_done(op, count_call, round, NULL, NULL);
      tidegate_op_wait(op, -1);
      tidegate_op_release(op);
    } else {
      sem_post(&round->called);
    }
  } else if (number == 1) {
    tidegate_page_cancel(round->page);
    tidegate_page_wait(round->page, -1);
    while (tidegate_queue_next(round->queue, &event, 1) == 1) tidegate_op_release(event.op);
  } else {
    tidegate_page_destroy(round->page);
    tidegate_executor_destroy(round->executor);
    tidegate_queue_destroy(round->queue);
  }
}

static void everything_may_go_while_it_is_used(void) {
  struct round round;
  int i, rounds = repeat(100, 500);
  CHECK(sem_init(&round.called, 0, 0) == 0);
  for (i = 0; i < rounds; ++i) {
    tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
    round.executor = make_executor(2);
    CHECK_OK(tidegate_page_create(60000, &round.page, NULL));
    CHECK_OK(tidegate_queue_create(&round.queue, NULL));
    CHECK(tidegate_queue_fd(round.queue) >= 0);
    options.page = round.page;
    CHECK_OK(tidegate_executor_query(round.executor, "db", ENDLESS_SQL, NULL, &options, &round.op,
                                     NULL));
    CHECK_OK(tidegate_queue_add(round.queue, round.op, 1, NULL));
    together(use_while_it_goes, &round);
    sem_wait_all(&round.called);
    CHECK_OK(tidegate_op_wait(round.op, -1));
    CHECK(tidegate_op_status(round.op, NULL) != TIDEGATE_OK);
    tidegate_op_release(round.op);
  }
}

/* Several threads add lanes of the same names and query them. */
static void add_and_query(void *raw, int number) {
  struct round *round = raw;
  int i;
  (void)number;
  for (i = 0; i < 20; ++i) {
    char lane[16];
    tidegate_op *op;
    snprintf(lane, sizeof lane, "lane %d", i);
    if (tidegate_executor_add_callables(round->executor, lane, 1, NULL) == TIDEGATE_OK) {
      sem_post(&round->called);
    }
    CHECK_OK(tidegate_executor_call(round->executor, lane, quick, NULL, NULL, NULL, &op, NULL));
    CHECK_OK(tidegate_op_wait(op, -1));
    CHECK_OK(tidegate_op_status(op, NULL));
    tidegate_op_release(op);
  }
}

static void a_lane_is_added_by_one_of_many(void) {
  struct round round;
  CHECK(sem_init(&round.called, 0, 0) == 0);
  round.executor = make_executor(2);
  together(add_and_query, &round);
  CHECK(sem_count(&round.called) == 20);
  tidegate_executor_destroy(round.executor);
}

/* Three threads submit to one queue, more than the lane takes; one of them takes what comes. */
static void submit_and_take(void *raw, int number) {
  struct round *round = raw;
  const int each = repeat(300, 5000);
  int i, left = each * kThreads;
  tidegate_event events[16];
  for (i = 0; i < each; ++i) {
    tidegate_op *op;
    CHECK_OK(tidegate_executor_call(round->executor, "calls", quick, NULL, NULL, NULL, &op, NULL));
    CHECK_OK(tidegate_queue_add(round->queue, op, (uint64_t)number, NULL));
    if (i % 7 == 0) tidegate_op_cancel(op);
    tidegate_op_release(op);
  }
  while (number == 0 && left > 0) {
    struct pollfd ready = {tidegate_queue_fd(round->queue), POLLIN, 0};
    size_t count, k;
    CHECK(poll(&ready, 1, -1) == 1);
    count = tidegate_queue_next(round->queue, events, 16);
    for (k = 0; k < count; ++k, --left) tidegate_op_release(events[k].op);
  }
}

static void every_operation_comes_out_of_the_queue_once(void) {
  struct round round;
  round.executor = make_executor(4);
  CHECK_OK(tidegate_queue_create(&round.queue, NULL));
  together(submit_and_take, &round);
  CHECK(tidegate_queue_size(round.queue) == 0);
  tidegate_queue_destroy(round.queue);
  tidegate_executor_destroy(round.executor);
}

/* A load is answered twice and given back while its caller gives up, and its cache goes. */
struct load_round {
  tidegate_cache *cache;
  tidegate_op *op;
  tidegate_load *load;
  tidegate_bytes *value;
  sem_t kept, freed;
};

static void keep_load(tidegate_load *load, void *user) {
  struct load_round *round = user;
  CHECK_OK(tidegate_load_retain(load));
  round->load = load;
  sem_post(&round->kept);
}
static void free_round(void *user) { sem_post(&((struct load_round *)user)->freed); }

static void answer_cancel_destroy(void *raw, int number) {
  struct load_round *round = raw;
  if (number == 0) {
    (void)tidegate_load_succeed(round->load, round->value);
    tidegate_load_release(round->load);
  } else if (number == 1) {
    (void)tidegate_load_fail(round->load, TIDEGATE_CAUSE_CLOSED, "first or gone");
    tidegate_cache_destroy(round->cache);
  } else {
    tidegate_op_cancel(round->op);
    tidegate_op_release(round->op);
  }
}

static void a_load_is_answered_once_whoever_goes_meanwhile(void) {
  struct load_round round;
  int i, rounds = repeat(200, 5000);
  CHECK(sem_init(&round.kept, 0, 0) == 0 && sem_init(&round.freed, 0, 0) == 0);
  CHECK_OK(tidegate_bytes_create("value", 5, &round.value, NULL));
  for (i = 0; i < rounds; ++i) {
    CHECK_OK(tidegate_cache_create(NULL, "race", &round.cache, NULL));
    CHECK_OK(tidegate_cache_get_or_load(round.cache, "k", keep_load, &round, free_round, NULL,
                                        &round.op, NULL));
    sem_wait_all(&round.kept);
    together(answer_cancel_destroy, &round);
    sem_wait_all(&round.freed);
    CHECK(sem_count(&round.freed) == 0);
  }
  tidegate_bytes_release(round.value);
}

/* Many ask for few keys, forget them and put them. */
static void load_value(tidegate_load *load, void *user) {
  CHECK_OK(tidegate_load_succeed(load, ((struct load_round *)user)->value));
}
static void use_the_cache(void *raw, int number) {
  struct load_round *round = raw;
  int i;
  for (i = 0; i < repeat(300, 5000); ++i) {
    char key[8];
    tidegate_bytes *value;
    snprintf(key, sizeof key, "%d", (i + number) % 3);
    if (i % 5 == 4) {
      CHECK_OK(tidegate_cache_invalidate(round->cache, key, 0, NULL, NULL));
    } else if (i % 7 == 6) {
      CHECK_OK(tidegate_cache_put(round->cache, key, round->value, NULL, NULL, NULL));
    } else if (i % 2) {
      CHECK_OK(tidegate_cache_get(round->cache, key, &value, NULL, NULL));
      tidegate_bytes_release(value);
    } else {
      tidegate_op *op;
      CHECK_OK(tidegate_cache_get_or_load(round->cache, key, load_value, round, free_round, NULL,
                                          &op, NULL));
      CHECK_OK(tidegate_op_wait(op, -1));
      CHECK_OK(tidegate_op_bytes(op, &value, NULL));
      CHECK(tidegate_bytes_size(value) == 5);
      tidegate_bytes_release(value);
      tidegate_op_release(op);
      sem_wait_all(&round->freed);
    }
  }
}

static void a_cache_is_used_by_many_at_once(void) {
  struct load_round round;
  CHECK(sem_init(&round.freed, 0, 0) == 0);
  CHECK_OK(tidegate_bytes_create("value", 5, &round.value, NULL));
  CHECK_OK(tidegate_cache_create(NULL, "race", &round.cache, NULL));
  together(use_the_cache, &round);
  CHECK(sem_count(&round.freed) == 0);
  tidegate_cache_destroy(round.cache);
  tidegate_bytes_release(round.value);
}

int main(void) {
  a_callback_is_called_once_whatever_ends_the_call_first();
  everything_may_go_while_it_is_used();
  a_lane_is_added_by_one_of_many();
  every_operation_comes_out_of_the_queue_once();
  a_load_is_answered_once_whoever_goes_meanwhile();
  a_cache_is_used_by_many_at_once();
  return finish();
}
