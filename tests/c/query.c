/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static tidegate_executor *executor;

static tidegate_op *query(const char *sql, const tidegate_params *params,
                          const tidegate_query_options *options) {
  tidegate_op *op;
  CHECK_OK(tidegate_executor_query(executor, "db", sql, params, options, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_done(op) == 1);
  return op;
}

static tidegate_rows *rows_of(tidegate_op *op) {
  tidegate_rows *rows;
  CHECK_OK(tidegate_op_rows(op, &rows, NULL));
  tidegate_op_release(op);
  return rows;
}

static void check_cell(const tidegate_rows *rows, size_t row, size_t column, const char *text) {
  size_t size;
  const char *data = tidegate_rows_text(rows, row, column, &size);
  CHECK(size == strlen(text) && memcmp(data, text, size) == 0);
}

static void rows_are_read_by_number_and_by_name(void) {
  tidegate_rows *rows =
      rows_of(query("SELECT id, make, price FROM cars ORDER BY id LIMIT 3", NULL, NULL));
  CHECK(tidegate_rows_size(rows) == 3 && tidegate_rows_columns(rows) == 3);
  CHECK_TEXT("make", tidegate_rows_column_name(rows, 1));
  CHECK(tidegate_rows_column(rows, "price") == 2);
  CHECK(tidegate_rows_column(rows, "colour") == -1);
  CHECK(tidegate_rows_kind(rows, 0, 0) == TIDEGATE_KIND_INTEGER);
  CHECK(tidegate_rows_kind(rows, 0, 1) == TIDEGATE_KIND_TEXT);
  CHECK(tidegate_rows_kind(rows, 0, 2) == TIDEGATE_KIND_REAL);
  CHECK(tidegate_rows_int64(rows, 2, 0) == 3);
  CHECK(tidegate_rows_int64(rows, 2, 2) == 3000);
  CHECK(tidegate_rows_double(rows, 2, 2) == 3000.5);
  check_cell(rows, 1, 1, "make 2");
  CHECK_OK(tidegate_rows_retain(rows));
  tidegate_rows_release(rows);
  CHECK(tidegate_rows_size(rows) == 3);
  tidegate_rows_release(rows);
}

static void a_cell_that_does_not_exist_is_null(void) {
  size_t size = 7;
  tidegate_rows *rows = rows_of(query("SELECT NULL, x'00ff'", NULL, NULL));
  CHECK(tidegate_rows_kind(rows, 0, 0) == TIDEGATE_KIND_NULL);
  CHECK(tidegate_rows_kind(rows, 0, 1) == TIDEGATE_KIND_BYTES);
  CHECK(memcmp(tidegate_rows_text(rows, 0, 1, &size), "\x00\xff", 2) == 0 && size == 2);
  CHECK(tidegate_rows_kind(rows, 1, 0) == TIDEGATE_KIND_NULL);
  CHECK(tidegate_rows_kind(rows, 0, 2) == TIDEGATE_KIND_NULL);
  CHECK(tidegate_rows_int64(rows, SIZE_MAX, SIZE_MAX) == 0);
  CHECK_TEXT("", tidegate_rows_text(rows, 9, 9, &size));
  CHECK(size == 0);
  CHECK_TEXT("", tidegate_rows_column_name(rows, 2));
  tidegate_rows_release(rows);
}

static void parameters_are_bound_by_name(void) {
  tidegate_params *params;
  tidegate_rows *rows;
  CHECK_OK(tidegate_params_create(&params, NULL));
  CHECK_OK(tidegate_params_set_null(params, "n"));
  CHECK_OK(tidegate_params_set_int64(params, "i", INT64_MIN));
  CHECK_OK(tidegate_params_set_double(params, "d", 0.25));
  CHECK_OK(tidegate_params_set_text(params, "t", "it's; DROP TABLE cars", -1));
  CHECK_OK(tidegate_params_set_text(params, "z", "a\0b", 3));
  CHECK_OK(tidegate_params_set_blob(params, "b", "\x01\x02", 2));
  rows = rows_of(query("SELECT :n, @i, $d, :t, length(CAST(:z AS BLOB)), :b", params, NULL));
  tidegate_params_destroy(params);
  CHECK(tidegate_rows_kind(rows, 0, 0) == TIDEGATE_KIND_NULL);
  CHECK(tidegate_rows_int64(rows, 0, 1) == INT64_MIN);
  CHECK(tidegate_rows_double(rows, 0, 2) == 0.25);
  check_cell(rows, 0, 3, "it's; DROP TABLE cars");
  CHECK(tidegate_rows_int64(rows, 0, 4) == 3);
  check_cell(rows, 0, 5, "\x01\x02");
  tidegate_rows_release(rows);
}

static void parameters_are_bound_by_position(void) {
  tidegate_params *params;
  tidegate_rows *rows;
  CHECK_OK(tidegate_params_create(&params, NULL));
  CHECK_OK(tidegate_params_add_null(params));
  CHECK_OK(tidegate_params_add_int64(params, 7));
  CHECK_OK(tidegate_params_add_double(params, -0.5));
  CHECK_OK(tidegate_params_add_text(params, "seven", 5));
  CHECK_OK(tidegate_params_add_text(params, NULL, 0));
  CHECK_OK(tidegate_params_add_blob(params, NULL, 0));
  rows = rows_of(query("SELECT ?, ?, ?, ?, ?, ?", params, NULL));
  CHECK(tidegate_rows_kind(rows, 0, 0) == TIDEGATE_KIND_NULL);
  CHECK(tidegate_rows_int64(rows, 0, 1) == 7);
  CHECK(tidegate_rows_double(rows, 0, 2) == -0.5);
  check_cell(rows, 0, 3, "seven");
  CHECK(tidegate_rows_kind(rows, 0, 4) == TIDEGATE_KIND_TEXT);
  CHECK(tidegate_rows_kind(rows, 0, 5) == TIDEGATE_KIND_BYTES);
  tidegate_rows_release(rows);
  tidegate_op_release(query("SELECT ?, ?, ?, ?, ?, ?", params, NULL));
  tidegate_params_destroy(params);
}

static void a_query_that_fails_says_why(void) {
  tidegate_op *op = query("SELECT nothing FROM cars", NULL, NULL);
  tidegate_rows *rows;
  tidegate_error *error;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_status(op, &error));
  CHECK_TEXT("query_error", tidegate_error_name(error));
  CHECK(strstr(tidegate_error_message(error), "nothing"));
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_rows(op, &rows, &error));
  CHECK(rows == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_QUERY_ERROR);
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_answer(op, &answer, NULL));
  CHECK(tidegate_op_reason(op) == NULL);
  tidegate_op_release(op);

  op = query("DELETE FROM cars", NULL, NULL);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
}

static void a_late_query_is_stopped_and_says_how_long_it_took(void) {
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_error *error;
  tidegate_op *op;
  options.timeout_ms = 30;
  op = query(ENDLESS_SQL, NULL, &options);
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(op, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_DEADLINE);
  CHECK(strstr(tidegate_error_message(error), "deadline"));
  CHECK(tidegate_error_elapsed_ms(error) >= 30);
  CHECK(tidegate_error_retryable(error) == 1);
  tidegate_error_free(error);
  tidegate_op_release(op);
}

static void a_fresh_answer_says_where_its_time_went(void) {
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_op *op = query("SELECT 1", NULL, NULL);
  CHECK_OK(tidegate_op_status(op, NULL));
  CHECK_OK(tidegate_op_answer(op, &answer, NULL));
  CHECK(answer.source == TIDEGATE_SOURCE_FRESH && answer.degraded == 0 && answer.age_ms == 0);
  CHECK(answer.queued_ns >= 0 && answer.ran_ns > 0);
  CHECK(answer.submitted_ns + answer.queued_ns + answer.ran_ns == answer.settled_ns);
  CHECK(tidegate_op_reason(op) == NULL);
  tidegate_op_release(op);
}

static void a_fallback_is_marked_and_says_why(void) {
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_rows *last = rows_of(query("SELECT 42", NULL, NULL)), *rows;
  tidegate_error *reason;
  tidegate_op *op;
  options.timeout_ms = 30;
  options.use_fallback = 1;
  op = query(ENDLESS_SQL, NULL, &options);
  CHECK_OK(tidegate_op_answer(op, &answer, NULL));
  CHECK(answer.source == TIDEGATE_SOURCE_DEFAULT && answer.degraded == 1);
  reason = tidegate_op_reason(op);
  CHECK(tidegate_error_cause(reason) == TIDEGATE_CAUSE_DEADLINE);
  tidegate_error_free(reason);
  rows = rows_of(op);
  CHECK(tidegate_rows_size(rows) == 0 && tidegate_rows_columns(rows) == 0);
  tidegate_rows_release(rows);

  options.fallback = last;
  CHECK_OK(tidegate_executor_query(executor, "db", ENDLESS_SQL, NULL, &options, &op, NULL));
  tidegate_rows_release(last);
  CHECK_OK(tidegate_op_wait(op, -1));
  rows = rows_of(op);
  CHECK(tidegate_rows_int64(rows, 0, 0) == 42);
  tidegate_rows_release(rows);
}

static void a_wait_may_end_before_the_operation(void) {
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_op *op;
  tidegate_error *error;
  tidegate_rows *rows;
  options.label = "endless";
  CHECK_OK(tidegate_executor_query(executor, "db", ENDLESS_SQL, NULL, &options, &op, NULL));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_wait(op, 0));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_wait(op, 1));
  CHECK(tidegate_op_done(op) == 0);
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_rows(op, &rows, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_NOT_READY);
  tidegate_error_free(error);
  CHECK_OK(tidegate_op_cancel(op));
  CHECK_OK(tidegate_op_cancel(op));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_CANCELLED, tidegate_op_status(op, &error));
  CHECK(strstr(tidegate_error_message(error), "'endless' on 'db'"));
  tidegate_error_free(error);
  tidegate_op_release(op);
}

static void an_executor_may_go_while_its_queries_run(void) {
  tidegate_executor *short_lived = make_executor(1);
  tidegate_op *op, *refused;
  CHECK_OK(tidegate_executor_query(short_lived, "db", ENDLESS_SQL, NULL, NULL, &op, NULL));
  tidegate_executor_destroy(short_lived);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_status(op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_query(short_lived, "db", "SELECT 1", NULL, NULL, &refused, NULL));
  tidegate_op_release(op);
}

static void lanes_have_names_of_their_own(void) {
  tidegate_error *error;
  tidegate_op *op;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_add_callables(executor, "db", 1, &error));
  CHECK(strstr(tidegate_error_message(error), "'db'"));
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_query(executor, "calls", "SELECT 1", NULL, NULL, &op, &error));
  CHECK(op == NULL && strstr(tidegate_error_message(error), "no database 'calls'"));
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_query(executor, "bd", "SELECT 1", NULL, NULL, &op, &error));
  CHECK(strstr(tidegate_error_message(error), "'calls' 'db'"));
  tidegate_error_free(error);
}

/* Asks for a number of `cache`, and checks both. */
static void ask_cached(tidegate_query_options *options, const char *sql, int64_t number,
                       tidegate_source source) {
  tidegate_op *op;
  tidegate_rows *rows;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  CHECK_OK(tidegate_executor_query(executor, "db", sql, NULL, options, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_rows(op, &rows, NULL));
  CHECK_OK(tidegate_op_answer(op, &answer, NULL));
  CHECK(tidegate_rows_size(rows) == 1 && tidegate_rows_int64(rows, 0, 0) == number);
  CHECK(answer.source == source && answer.age_ms >= 0);
  tidegate_rows_release(rows);
  tidegate_op_release(op);
}

static void a_query_behind_a_cache_is_asked_once(void) {
  tidegate_cache *cache;
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_cache_counts counts = TIDEGATE_CACHE_COUNTS_INIT;
  tidegate_op *op;
  CHECK_OK(tidegate_cache_create(NULL, "queries", &cache, NULL));
  options.cache = cache;
  ask_cached(&options, "SELECT 1", 1, TIDEGATE_SOURCE_FRESH);
  ask_cached(&options, "SELECT 1", 1, TIDEGATE_SOURCE_CACHED);
  ask_cached(&options, "SELECT 2", 2, TIDEGATE_SOURCE_FRESH);
  CHECK_OK(tidegate_cache_stats(cache, &counts, NULL));
  CHECK(counts.puts == 2 && counts.entries == 2 && counts.hits >= 1);
  CHECK_OK(tidegate_cache_invalidate_all(cache, NULL));
  ask_cached(&options, "SELECT 1", 1, TIDEGATE_SOURCE_FRESH);

  options.use_fallback = 1;
  CHECK_OK(tidegate_executor_query(executor, "db", "SELECT nothing", NULL, &options, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_status(op, NULL));
  tidegate_op_release(op);

  options.ttl_ms = -1;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_query(executor, "db", "SELECT 1", NULL, &options, &op, NULL));
  options.ttl_ms = 1000;
  options.cache = NULL;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_query(executor, "db", "SELECT 1", NULL, &options, &op, NULL));
  tidegate_cache_destroy(cache);
  options.cache = cache;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_query(executor, "db", "SELECT 1", NULL, &options, &op, NULL));
}

int main(void) {
  executor = make_executor(1);
  a_query_behind_a_cache_is_asked_once();
  rows_are_read_by_number_and_by_name();
  a_cell_that_does_not_exist_is_null();
  parameters_are_bound_by_name();
  parameters_are_bound_by_position();
  a_query_that_fails_says_why();
  a_late_query_is_stopped_and_says_how_long_it_took();
  a_fresh_answer_says_where_its_time_went();
  a_fallback_is_marked_and_says_why();
  a_wait_may_end_before_the_operation();
  an_executor_may_go_while_its_queries_run();
  lanes_have_names_of_their_own();
  tidegate_executor_destroy(executor);
  return finish();
}
