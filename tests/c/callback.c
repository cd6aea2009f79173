/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static tidegate_executor *executor;

static tidegate_op *query(const char *sql) {
  tidegate_op *op;
  CHECK_OK(tidegate_executor_query(executor, "db", sql, NULL, NULL, &op, NULL));
  return op;
}

struct heard {
  sem_t called;
  sem_t freed;
  pthread_t thread;
  tidegate_status status;
  tidegate_op *kept;
};

static void heard_init(struct heard *heard) {
  memset(heard, 0, sizeof *heard);
  CHECK(sem_init(&heard->called, 0, 0) == 0);
  CHECK(sem_init(&heard->freed, 0, 0) == 0);
}

static void hear(tidegate_op *op, void *user) {
  struct heard *heard = user;
  CHECK(tidegate_op_done(op) == 1);
  heard->status = tidegate_op_status(op, NULL);
  heard->thread = pthread_self();
  CHECK(sem_count(&heard->freed) == 0);
  sem_post(&heard->called);
}

static void heard_free(void *user) { sem_post(&((struct heard *)user)->freed); }

static void a_callback_hears_of_the_end_on_a_thread_of_the_library(void) {
  struct heard heard;
  tidegate_op *op = query("SELECT 1");
  heard_init(&heard);
  CHECK_OK(tidegate_op_on_done(op, hear, &heard, heard_free, NULL));
  tidegate_op_release(op);
  sem_wait_all(&heard.freed);
  CHECK(sem_count(&heard.called) == 1 && sem_count(&heard.freed) == 0);
  CHECK_STATUS(TIDEGATE_OK, heard.status);
  CHECK(!pthread_equal(heard.thread, pthread_self()));
}

static void a_callback_hears_of_an_end_long_past_and_of_a_cancel(void) {
  struct heard late, cancelled;
  tidegate_op *op = query("SELECT 1");
  heard_init(&late);
  heard_init(&cancelled);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_on_done(op, hear, &late, NULL, NULL));
  sem_wait_all(&late.called);
  CHECK_STATUS(TIDEGATE_OK, late.status);
  tidegate_op_release(op);

  op = query(ENDLESS_SQL);
  CHECK_OK(tidegate_op_on_done(op, hear, &cancelled, heard_free, NULL));
  CHECK_OK(tidegate_op_cancel(op));
  sem_wait_all(&cancelled.freed);
  CHECK_STATUS(TIDEGATE_CANCELLED, cancelled.status);
  tidegate_op_release(op);
}

static void many_callbacks_are_called_once_each(void) {
  enum { kMany = 100 };
  static struct heard heard[kMany];
  tidegate_op *op = query(ENDLESS_SQL);
  int i;
  for (i = 0; i < kMany; ++i) {
    heard_init(&heard[i]);
    CHECK_OK(tidegate_op_on_done(op, hear, &heard[i], heard_free, NULL));
  }
  CHECK_OK(tidegate_op_cancel(op));
  tidegate_op_release(op);
  for (i = 0; i < kMany; ++i) sem_wait_all(&heard[i].freed);
  for (i = 0; i < kMany; ++i) {
    CHECK(sem_count(&heard[i].called) == 1 && sem_count(&heard[i].freed) == 0);
  }
}

static void keep(tidegate_op *op, void *user) {
  struct heard *heard = user;
  CHECK_OK(tidegate_op_retain(op));
  heard->kept = op;
  sem_post(&heard->called);
}

static void a_callback_may_keep_its_operation(void) {
  struct heard heard;
  tidegate_op *op = query("SELECT 1");
  heard_init(&heard);
  CHECK_OK(tidegate_op_on_done(op, keep, &heard, NULL, NULL));
  tidegate_op_release(op);
  sem_wait_all(&heard.called);
  CHECK_OK(tidegate_op_status(heard.kept, NULL));
  tidegate_op_release(heard.kept);
}

struct everything {
  tidegate_executor *executor;
  tidegate_page *page;
  tidegate_queue *queue;
  tidegate_params *params;
  tidegate_config *config;
  tidegate_op *op, *other;
  sem_t gone;
};

static void destroy_everything(tidegate_op *op, void *user) {
  struct everything *all = user;
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_runtime_shutdown(0));
  CHECK(tidegate_runtime_quiesce() == 0);
  tidegate_page_destroy(all->page);
  tidegate_executor_destroy(all->executor);
  tidegate_queue_destroy(all->queue);
  tidegate_params_destroy(all->params);
  tidegate_config_destroy(all->config);
  tidegate_op_release(all->other);
  tidegate_op_release(all->op);
  tidegate_op_release(op); /* one too many: the callback's own reference */
  tidegate_executor_destroy(all->executor);
}

static void everything_is_gone(void *user) { sem_post(&((struct everything *)user)->gone); }

static void a_callback_may_give_every_handle_back(void) {
  struct everything all;
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  CHECK(sem_init(&all.gone, 0, 0) == 0);
  all.executor = make_executor(2);
  CHECK_OK(tidegate_page_create(-1, &all.page, NULL));
  CHECK_OK(tidegate_queue_create(&all.queue, NULL));
  CHECK_OK(tidegate_params_create(&all.params, NULL));
  CHECK_OK(tidegate_config_create(&all.config, NULL));
  options.page = all.page;
  CHECK_OK(
      tidegate_executor_query(all.executor, "db", ENDLESS_SQL, NULL, &options, &all.other, NULL));
  CHECK_OK(tidegate_executor_query(all.executor, "db", ENDLESS_SQL, NULL, &options, &all.op, NULL));
  CHECK_OK(tidegate_queue_add(all.queue, all.op, 1, NULL));
  CHECK_OK(tidegate_op_on_done(all.op, destroy_everything, &all, everything_is_gone, NULL));
  CHECK_OK(tidegate_op_cancel(all.op));
  sem_wait_all(&all.gone);
}

static void a_refused_callback_gives_its_data_back(void) {
  struct heard heard;
  tidegate_op *op = query("SELECT 1");
  tidegate_error *error;
  heard_init(&heard);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_op_on_done(NULL, hear, &heard, heard_free, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_op_on_done(op, NULL, &heard, heard_free, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_BAD_ARGUMENT);
  tidegate_error_free(error);
  tidegate_op_release(op);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_on_done(op, hear, &heard, heard_free, NULL));
  CHECK(sem_count(&heard.called) == 0 && sem_count(&heard.freed) == 3);
}

/* The last test: nothing runs after it. */
static void shutdown_ends_operations_and_calls_their_callbacks(void) {
  struct heard during, after;
  tidegate_op *op = query(ENDLESS_SQL), *refused;
  heard_init(&during);
  heard_init(&after);
  CHECK(tidegate_runtime_is_shut_down() == 0);
  CHECK_OK(tidegate_op_on_done(op, hear, &during, heard_free, NULL));
  CHECK_OK(tidegate_runtime_shutdown(10000));
  CHECK(tidegate_runtime_is_shut_down() == 1);
  CHECK(sem_count(&during.called) == 1 && sem_count(&during.freed) == 1);
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, during.status);
  CHECK_OK(tidegate_op_on_done(op, hear, &after, heard_free, NULL));
  CHECK(sem_count(&after.called) == 1 && sem_count(&after.freed) == 1);
  CHECK(pthread_equal(after.thread, pthread_self()));
  tidegate_op_release(op);

  refused = query("SELECT 1");
  CHECK_OK(tidegate_op_wait(refused, -1));
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_status(refused, NULL));
  tidegate_op_release(refused);
  CHECK_OK(tidegate_runtime_shutdown(0));
}

int main(void) {
  executor = make_executor(1);
  a_callback_hears_of_the_end_on_a_thread_of_the_library();
  a_callback_hears_of_an_end_long_past_and_of_a_cancel();
  many_callbacks_are_called_once_each();
  a_callback_may_keep_its_operation();
  a_callback_may_give_every_handle_back();
  a_refused_callback_gives_its_data_back();
  shutdown_ends_operations_and_calls_their_callbacks();
  tidegate_executor_destroy(executor);
  return finish();
}
