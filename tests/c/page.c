/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static tidegate_executor *executor;

static tidegate_page *make_page(int64_t timeout_ms) {
  tidegate_page *page;
  CHECK_OK(tidegate_page_create(timeout_ms, &page, NULL));
  return page;
}

static tidegate_op *query_in(tidegate_page *page, const char *sql, int64_t timeout_ms) {
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_op *op;
  options.page = page;
  options.timeout_ms = timeout_ms;
  CHECK_OK(tidegate_executor_query(executor, "db", sql, NULL, &options, &op, NULL));
  return op;
}

static void each_call_of_a_page_ends_with_its_own_answer(void) {
  tidegate_page *page = make_page(60000);
  tidegate_op *good = query_in(page, "SELECT 1", 0), *bad = query_in(page, "SELECT nothing", 0);
  CHECK(tidegate_page_left_ms(page) > 0 && tidegate_page_left_ms(page) <= 60000);
  CHECK(tidegate_page_size(page) == 2);
  CHECK_OK(tidegate_page_wait(page, -1));
  CHECK(tidegate_page_done(page) == 2);
  CHECK_OK(tidegate_op_status(good, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_status(bad, NULL));
  tidegate_op_release(good);
  tidegate_op_release(bad);
  tidegate_page_destroy(page);
}

static void no_call_outlives_the_deadline_of_its_page(void) {
  tidegate_page *page = make_page(30);
  tidegate_op *op = query_in(page, ENDLESS_SQL, 60000), *late;
  CHECK_OK(tidegate_page_wait(page, -1));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(op, NULL));
  CHECK(tidegate_page_left_ms(page) == 0);
  late = query_in(page, "SELECT 1", 0);
  CHECK(tidegate_op_done(late) == 1);
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(late, NULL));
  tidegate_op_release(op);
  tidegate_op_release(late);
  tidegate_page_destroy(page);
}

static void a_page_may_have_no_deadline_or_none_left(void) {
  tidegate_page *page = make_page(-1);
  tidegate_op *op = query_in(page, "SELECT 1", 0);
  CHECK(tidegate_page_left_ms(page) == -1);
  CHECK_OK(tidegate_page_wait(page, -1));
  CHECK_OK(tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  tidegate_page_destroy(page);

  page = make_page(0);
  op = query_in(page, "SELECT 1", 0);
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  tidegate_page_destroy(page);
}

static void cancelling_a_page_cancels_its_calls(void) {
  tidegate_page *page = make_page(60000);
  tidegate_op *op = query_in(page, ENDLESS_SQL, 0);
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_page_wait(page, 0));
  CHECK(tidegate_page_done(page) == 0);
  CHECK_OK(tidegate_page_cancel(page));
  CHECK_OK(tidegate_page_wait(page, -1));
  CHECK_STATUS(TIDEGATE_CANCELLED, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  tidegate_page_destroy(page);
}

static void destroying_a_page_cancels_its_calls(void) {
  tidegate_page *page = make_page(60000);
  tidegate_op *op = query_in(page, ENDLESS_SQL, 0);
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_op *refused;
  tidegate_page_destroy(page);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_CANCELLED, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  options.page = page;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_query(executor, "db", "SELECT 1", NULL, &options, &refused, NULL));
  CHECK(refused == NULL);
}

static void callables_belong_to_pages_too(void) {
  tidegate_page *page = make_page(30);
  tidegate_call_options options = TIDEGATE_CALL_OPTIONS_INIT;
  tidegate_op *op;
  struct gate gate;
  gate_init(&gate);
  options.page = page;
  CHECK_OK(
      tidegate_executor_call(executor, "calls", gate_call, &gate, gate_free, &options, &op, NULL));
  CHECK_OK(tidegate_page_wait(page, -1));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(op, NULL));
  sem_post(&gate.opened);
  sem_wait_all(&gate.freed);
  tidegate_op_release(op);
  tidegate_page_destroy(page);
}

int main(void) {
  executor = make_executor(4);
  each_call_of_a_page_ends_with_its_own_answer();
  no_call_outlives_the_deadline_of_its_page();
  a_page_may_have_no_deadline_or_none_left();
  cancelling_a_page_cancels_its_calls();
  destroying_a_page_cancels_its_calls();
  callables_belong_to_pages_too();
  tidegate_executor_destroy(executor);
  return finish();
}
