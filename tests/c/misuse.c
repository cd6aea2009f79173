/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

/* Handles of one kind each, so that any function can be given a wrong one. */
static struct {
  tidegate_config *config;
  tidegate_bytes *bytes;
  tidegate_params *params;
  tidegate_rows *rows;
  tidegate_op *op;
  tidegate_page *page;
  tidegate_queue *queue;
  tidegate_executor *executor;
  tidegate_cache *cache;
} good;

static void make_all(void) {
  good.executor = make_executor(1);
  CHECK_OK(tidegate_config_create(&good.config, NULL));
  CHECK_OK(tidegate_bytes_create("abc", 3, &good.bytes, NULL));
  CHECK_OK(tidegate_params_create(&good.params, NULL));
  CHECK_OK(tidegate_page_create(-1, &good.page, NULL));
  CHECK_OK(tidegate_queue_create(&good.queue, NULL));
  CHECK_OK(tidegate_executor_query(good.executor, "db", "SELECT 1", NULL, NULL, &good.op, NULL));
  CHECK_OK(tidegate_op_wait(good.op, -1));
  CHECK_OK(tidegate_op_rows(good.op, &good.rows, NULL));
  CHECK_OK(tidegate_cache_create(NULL, "good", &good.cache, NULL));
}

static void load_nothing(tidegate_load *load, void *user) { (void)load, (void)user; }

static void free_all(void) {
  tidegate_rows_release(good.rows);
  tidegate_op_release(good.op);
  tidegate_queue_destroy(good.queue);
  tidegate_page_destroy(good.page);
  tidegate_params_destroy(good.params);
  tidegate_bytes_release(good.bytes);
  tidegate_config_destroy(good.config);
  tidegate_executor_destroy(good.executor);
  tidegate_cache_destroy(good.cache);
}

#define REFUSED(call) CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, (call))

static void cache_functions_refuse(void *bad) {
  tidegate_cache *cache = bad, *out_cache = good.cache;
  tidegate_load *load = bad;
  tidegate_op *out_op = good.op;
  tidegate_bytes *out_bytes = good.bytes;
  tidegate_refresh *out_refresh = NULL;
  tidegate_cache_counts counts = TIDEGATE_CACHE_COUNTS_INIT;
  uint64_t version = 7;
  int forgotten = 7;

  if (bad) {
    REFUSED(tidegate_cache_create((tidegate_config *)bad, "x", &out_cache, NULL));
    CHECK(out_cache == NULL);
  }
  REFUSED(tidegate_cache_get_or_load(cache, "k", load_nothing, NULL, NULL, NULL, &out_op, NULL));
  REFUSED(tidegate_cache_refresh_every(cache, "k", 1, load_nothing, NULL, NULL, NULL, &out_refresh,
                                       NULL));
  tidegate_refresh_stop(bad);
  CHECK(out_op == NULL);
  REFUSED(tidegate_cache_get(cache, "k", &out_bytes, NULL, NULL));
  CHECK(out_bytes == NULL);
  REFUSED(tidegate_cache_peek(cache, "k", &out_bytes, NULL, NULL));
  REFUSED(tidegate_cache_put(cache, "k", good.bytes, NULL, &version, NULL));
  CHECK(version == 0);
  REFUSED(tidegate_cache_put(good.cache, "k", (tidegate_bytes *)bad, NULL, &version, NULL));
  REFUSED(tidegate_cache_invalidate(cache, "k", 0, &forgotten, NULL));
  CHECK(forgotten == 0);
  REFUSED(tidegate_cache_invalidate_all(cache, NULL));
  forgotten = 7;
  REFUSED(tidegate_cache_expire(cache, "k", &forgotten, NULL));
  CHECK(forgotten == 0);
  REFUSED(tidegate_cache_expire_all(cache, NULL));
  REFUSED(tidegate_cache_stats(cache, &counts, NULL));
  tidegate_cache_destroy(cache);

  CHECK_TEXT("", tidegate_load_key(load));
  CHECK(tidegate_load_stopped(load) == 1 && tidegate_load_left_ms(load) == 0);
  REFUSED(tidegate_load_set_ttl_ms(load, 1));
  REFUSED(tidegate_load_set_stale_for_ms(load, 1));
  REFUSED(tidegate_load_set_negative(load));
  REFUSED(tidegate_load_set_uncached(load));
  REFUSED(tidegate_load_set_weight(load, 1));
  REFUSED(tidegate_load_succeed(load, good.bytes));
  REFUSED(tidegate_load_fail(load, TIDEGATE_CAUSE_CLOSED, "x"));
  REFUSED(tidegate_load_retain(load));
  tidegate_load_release(load);
}

/* Every function that takes a handle, with `bad` in its place. */
static void every_function_refuses(void *bad) {
  tidegate_config *config = bad;
  tidegate_bytes *bytes = bad, *out_bytes = good.bytes;
  tidegate_params *params = bad;
  tidegate_rows *rows = bad, *out_rows = good.rows;
  tidegate_op *op = bad, *out_op = good.op;
  tidegate_page *page = bad;
  tidegate_queue *queue = bad;
  tidegate_executor *executor = bad, *out_executor = good.executor;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_event event;
  size_t size = 7;
  int64_t int64;
  double number;
  int flag;

  REFUSED(tidegate_config_set(config, "executor.queue", "1", NULL));
  REFUSED(tidegate_config_set_int64(config, "executor.queue", 1, NULL));
  REFUSED(tidegate_config_set_double(config, "executor.queue", 1, NULL));
  REFUSED(tidegate_config_set_bool(config, "executor.queue", 1, NULL));
  REFUSED(tidegate_config_set_duration_ms(config, "executor.query_timeout", 1, NULL));
  REFUSED(tidegate_config_get_int64(config, "executor.queue", &int64, NULL));
  REFUSED(tidegate_config_get_double(config, "executor.queue", &number, NULL));
  REFUSED(tidegate_config_get_bool(config, "executor.queue", &flag, NULL));
  REFUSED(tidegate_config_get_duration_ms(config, "executor.query_timeout", &int64, NULL));
  REFUSED(tidegate_config_get_text(config, "log.level", &out_bytes, NULL));
  CHECK(out_bytes == NULL);
  REFUSED(tidegate_config_load_json(config, "{}", NULL));
  REFUSED(tidegate_config_load_file(config, "x", NULL));
  REFUSED(tidegate_config_load_env(config, "TGTEST_", NULL));
  REFUSED(tidegate_config_to_json(config, &out_bytes, NULL));
  REFUSED(tidegate_config_lint(config, 0, &out_bytes, NULL, NULL));
  tidegate_config_destroy(config);

  REFUSED(tidegate_bytes_retain(bytes));
  CHECK_TEXT("", tidegate_bytes_data(bytes));
  CHECK(tidegate_bytes_size(bytes) == 0);
  tidegate_bytes_release(bytes);

  REFUSED(tidegate_params_set_null(params, "a"));
  REFUSED(tidegate_params_set_int64(params, "a", 1));
  REFUSED(tidegate_params_set_double(params, "a", 1));
  REFUSED(tidegate_params_set_text(params, "a", "b", -1));
  REFUSED(tidegate_params_set_blob(params, "a", "b", 1));
  REFUSED(tidegate_params_add_null(params));
  REFUSED(tidegate_params_add_int64(params, 1));
  REFUSED(tidegate_params_add_double(params, 1));
  REFUSED(tidegate_params_add_text(params, "b", -1));
  REFUSED(tidegate_params_add_blob(params, "b", 1));
  tidegate_params_destroy(params);

  CHECK(tidegate_rows_size(rows) == 0 && tidegate_rows_columns(rows) == 0);
  CHECK_TEXT("", tidegate_rows_column_name(rows, 0));
  CHECK(tidegate_rows_column(rows, "1") == -1);
  CHECK(tidegate_rows_kind(rows, 0, 0) == TIDEGATE_KIND_NULL);
  CHECK(tidegate_rows_int64(rows, 0, 0) == 0 && tidegate_rows_double(rows, 0, 0) == 0);
  CHECK_TEXT("", tidegate_rows_text(rows, 0, 0, &size));
  CHECK(size == 0);
  REFUSED(tidegate_rows_retain(rows));
  tidegate_rows_release(rows);

  REFUSED(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_done(op) == 0);
  REFUSED(tidegate_op_cancel(op));
  REFUSED(tidegate_op_status(op, NULL));
  REFUSED(tidegate_op_answer(op, &answer, NULL));
  REFUSED(tidegate_op_rows(op, &out_rows, NULL));
  CHECK(out_rows == NULL);
  REFUSED(tidegate_op_bytes(op, &out_bytes, NULL));
  CHECK(tidegate_op_reason(op) == NULL);
  REFUSED(tidegate_op_retain(op));
  tidegate_op_release(op);

  REFUSED(tidegate_page_wait(page, -1));
  REFUSED(tidegate_page_cancel(page));
  CHECK(tidegate_page_size(page) == 0 && tidegate_page_done(page) == 0);
  CHECK(tidegate_page_left_ms(page) == 0);
  tidegate_page_destroy(page);

  CHECK(tidegate_queue_fd(queue) == -1);
  REFUSED(tidegate_queue_add(queue, good.op, 1, NULL));
  REFUSED(tidegate_queue_add(good.queue, op, 1, NULL));
  CHECK(tidegate_queue_next(queue, &event, 1) == 0 && tidegate_queue_size(queue) == 0);
  tidegate_queue_destroy(queue);

  if (bad) REFUSED(tidegate_executor_create(config, &out_executor, NULL));
  REFUSED(tidegate_executor_add_sqlite(executor, "x", "x", NULL, NULL));
  REFUSED(tidegate_executor_add_callables(executor, "x", 1, NULL));
  REFUSED(tidegate_executor_query(executor, "db", "SELECT 1", NULL, NULL, &out_op, NULL));
  CHECK(out_op == NULL);
  if (bad) {
    REFUSED(tidegate_executor_query(good.executor, "db", "SELECT 1", params, NULL, &out_op, NULL));
  }
  REFUSED(tidegate_executor_call(executor, "calls", gate_call, NULL, NULL, NULL, &out_op, NULL));
  tidegate_executor_destroy(executor);

  CHECK(tidegate_stop_requested(bad) == 1 && tidegate_stop_left_ms(bad) == 0);

  cache_functions_refuse(bad);
}

static void error_functions_refuse(void *bad) {
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_error_code(bad));
  CHECK_TEXT("bad_argument", tidegate_error_name(bad));
  CHECK(strstr(tidegate_error_message(bad), "no tidegate_error"));
  CHECK(tidegate_error_retryable(bad) == 0 && tidegate_error_elapsed_ms(bad) == 0);
  CHECK(tidegate_error_attempts(bad) == 0);
  tidegate_error_free(bad);
}

/* Options that name a wrong handle. */
static void options_refuse(void *bad) {
  tidegate_query_options query = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_call_options call = TIDEGATE_CALL_OPTIONS_INIT;
  tidegate_sqlite_options sqlite = TIDEGATE_SQLITE_OPTIONS_INIT;
  tidegate_load_options load = TIDEGATE_LOAD_OPTIONS_INIT;
  tidegate_op *op;
  load.page = bad;
  REFUSED(tidegate_cache_get_or_load(good.cache, "k", load_nothing, NULL, NULL, &load, &op, NULL));
  query.page = bad;
  REFUSED(tidegate_executor_query(good.executor, "db", "SELECT 1", NULL, &query, &op, NULL));
  query.page = NULL;
  query.use_fallback = 1;
  query.fallback = bad;
  REFUSED(tidegate_executor_query(good.executor, "db", "SELECT 1", NULL, &query, &op, NULL));
  call.page = bad;
  REFUSED(tidegate_executor_call(good.executor, "calls", gate_call, NULL, NULL, &call, &op, NULL));
  call.page = NULL;
  call.use_fallback = 1;
  call.fallback = bad;
  REFUSED(tidegate_executor_call(good.executor, "calls", gate_call, NULL, NULL, &call, &op, NULL));
  sqlite.config = bad;
  REFUSED(tidegate_executor_add_sqlite(good.executor, "other", "x.db", &sqlite, NULL));
}

static void null_is_refused(void) { every_function_refuses(NULL); }

static void a_handle_of_another_kind_is_refused(void) {
  tidegate_error *error = tidegate_error_create(TIDEGATE_CAUSE_CLOSED, "closed");
  every_function_refuses(error);
  options_refuse(error);
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_error_code(error));
  tidegate_error_free(error);
  error_functions_refuse(good.queue);
  CHECK(tidegate_queue_size(good.queue) == 0);
}

static void a_handle_that_was_given_back_is_refused(void) {
  tidegate_error *error = tidegate_error_create(TIDEGATE_CAUSE_CLOSED, "closed");
  void *freed[9];
  size_t i;
  make_all();
  freed[0] = good.config;
  freed[1] = good.bytes;
  freed[2] = good.params;
  freed[3] = good.rows;
  freed[4] = good.op;
  freed[5] = good.page;
  freed[6] = good.queue;
  freed[7] = good.executor;
  freed[8] = good.cache;
  free_all();
  free_all();
  make_all(); /* in the same places as those before */
  tidegate_error_free(error);
  error_functions_refuse(error);
  for (i = 0; i < 9; ++i) {
    every_function_refuses(freed[i]);
    options_refuse(freed[i]);
  }
  CHECK(tidegate_rows_int64(good.rows, 0, 0) == 1);
  free_all();
}

static void what_is_no_handle_at_all_is_refused(void) {
  int local = 0;
  void *heap = malloc(64);
  every_function_refuses(&local);
  every_function_refuses(heap);
  every_function_refuses((void *)(uintptr_t)1);
  every_function_refuses((void *)UINTPTR_MAX);
  every_function_refuses((void *)((uintptr_t)good.op ^ 0xffff)); /* a place never given out */
  options_refuse(heap);
  error_functions_refuse(heap);
  free(heap);
}

static void a_result_needs_a_place(void) {
  REFUSED(tidegate_config_create(NULL, NULL));
  REFUSED(tidegate_config_to_json(good.config, NULL, NULL));
  REFUSED(tidegate_config_lint(good.config, 0, NULL, NULL, NULL));
  REFUSED(tidegate_config_get_int64(good.config, "executor.queue", NULL, NULL));
  REFUSED(tidegate_config_get_text(good.config, "log.level", NULL, NULL));
  REFUSED(tidegate_bytes_create("", 0, NULL, NULL));
  REFUSED(tidegate_bytes_create_nocopy("", 0, NULL, NULL, NULL, NULL));
  REFUSED(tidegate_params_create(NULL, NULL));
  REFUSED(tidegate_page_create(1, NULL, NULL));
  REFUSED(tidegate_queue_create(NULL, NULL));
  REFUSED(tidegate_executor_create(NULL, NULL, NULL));
  REFUSED(tidegate_executor_query(good.executor, "db", "SELECT 1", NULL, NULL, NULL, NULL));
  REFUSED(tidegate_op_rows(good.op, NULL, NULL));
  REFUSED(tidegate_op_bytes(good.op, NULL, NULL));
  REFUSED(tidegate_op_answer(good.op, NULL, NULL));
  REFUSED(tidegate_cache_create(NULL, "x", NULL, NULL));
  REFUSED(tidegate_cache_get_or_load(good.cache, "k", load_nothing, NULL, NULL, NULL, NULL, NULL));
  REFUSED(
      tidegate_cache_refresh_every(good.cache, "k", 1, load_nothing, NULL, NULL, NULL, NULL, NULL));
  REFUSED(tidegate_cache_get(good.cache, "k", NULL, NULL, NULL));
  REFUSED(tidegate_cache_stats(good.cache, NULL, NULL));
}

static void texts_and_numbers_are_checked(void) {
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_bytes *bytes;
  tidegate_op *op;
  int64_t value;
  REFUSED(tidegate_config_set(good.config, NULL, "1", NULL));
  REFUSED(tidegate_config_set(good.config, "executor.queue", NULL, NULL));
  REFUSED(tidegate_config_get_int64(good.config, NULL, &value, NULL));
  REFUSED(tidegate_config_load_json(good.config, NULL, NULL));
  REFUSED(tidegate_config_load_file(good.config, NULL, NULL));
  REFUSED(tidegate_bytes_create(NULL, 1, &bytes, NULL));
  REFUSED(tidegate_params_set_null(good.params, NULL));
  REFUSED(tidegate_params_set_int64(good.params, "", 1));
  REFUSED(tidegate_params_set_text(good.params, "a", NULL, -1));
  REFUSED(tidegate_params_set_text(good.params, "a", "b", -2));
  REFUSED(tidegate_params_set_blob(good.params, "a", NULL, 1));
  REFUSED(tidegate_params_add_text(good.params, NULL, -1));
  REFUSED(tidegate_executor_add_sqlite(good.executor, NULL, "x.db", NULL, NULL));
  REFUSED(tidegate_executor_add_sqlite(good.executor, "", "x.db", NULL, NULL));
  REFUSED(tidegate_executor_add_sqlite(good.executor, "x", NULL, NULL, NULL));
  REFUSED(tidegate_executor_add_callables(good.executor, "x", -1, NULL));
  REFUSED(tidegate_executor_add_callables(good.executor, "x", 1001, NULL));
  REFUSED(tidegate_executor_query(good.executor, NULL, "SELECT 1", NULL, NULL, &op, NULL));
  REFUSED(tidegate_executor_query(good.executor, "db", NULL, NULL, NULL, &op, NULL));
  options.timeout_ms = -1;
  REFUSED(tidegate_executor_query(good.executor, "db", "SELECT 1", NULL, &options, &op, NULL));
  options.timeout_ms = INT64_MAX;
  REFUSED(tidegate_executor_query(good.executor, "db", "SELECT 1", NULL, &options, &op, NULL));
}

static void what_a_cache_is_given_is_checked(void) {
  static const struct {
    int64_t timeout, ttl, stale_for, soft_timeout;
  } wrong[] = {{-1, 0, 0, 0},          {86400001, 0, 0, 0}, {0, -1, 0, 0}, {0, INT64_MAX, 0, 0},
               {0, 0, 31536000001, 0}, {0, 0, -1, 0},       {0, 0, 0, -1}, {0, 0, 0, INT64_MAX}};
  tidegate_load_options options = TIDEGATE_LOAD_OPTIONS_INIT;
  tidegate_cache *cache;
  tidegate_refresh *refresh;
  tidegate_op *op;
  size_t i;
  REFUSED(tidegate_cache_create(NULL, NULL, &cache, NULL));
  REFUSED(tidegate_cache_create(NULL, "", &cache, NULL));
  REFUSED(tidegate_cache_get_or_load(good.cache, NULL, load_nothing, NULL, NULL, NULL, &op, NULL));
  REFUSED(tidegate_cache_get_or_load(good.cache, "k", NULL, NULL, NULL, NULL, &op, NULL));
  REFUSED(tidegate_cache_refresh_every(good.cache, "k", 1, NULL, NULL, NULL, NULL, &refresh, NULL));
  REFUSED(tidegate_cache_refresh_every(good.cache, "k", 0, load_nothing, NULL, NULL, NULL, &refresh,
                                       NULL));
  REFUSED(tidegate_cache_refresh_every(good.cache, "k", 86400001, load_nothing, NULL, NULL, NULL,
                                       &refresh, NULL));
  REFUSED(tidegate_cache_put(good.cache, NULL, good.bytes, NULL, NULL, NULL));
  REFUSED(tidegate_cache_invalidate(good.cache, NULL, 0, NULL, NULL));
  REFUSED(tidegate_cache_expire(good.cache, NULL, NULL, NULL));
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    options.timeout_ms = wrong[i].timeout;
    options.ttl_ms = wrong[i].ttl;
    options.stale_for_ms = wrong[i].stale_for;
    options.soft_timeout_ms = wrong[i].soft_timeout;
    REFUSED(tidegate_cache_put(good.cache, "k", good.bytes, &options, NULL, NULL));
    REFUSED(
        tidegate_cache_get_or_load(good.cache, "k", load_nothing, NULL, NULL, &options, &op, NULL));
  }
  options.struct_size = 8;
  REFUSED(tidegate_cache_put(good.cache, "k", good.bytes, &options, NULL, NULL));
}

static tidegate_status with_size(size_t size, int last) {
  union {
    tidegate_query_options options;
    char bytes[8192];
  } padded;
  tidegate_query_options init = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_op *op;
  tidegate_status status;
  memset(&padded, 0, sizeof padded);
  padded.options = init;
  padded.options.struct_size = size;
  if (last) padded.bytes[size - 1] = 1;
  status =
      tidegate_executor_query(good.executor, "db", "SELECT 1", NULL, &padded.options, &op, NULL);
  if (status == TIDEGATE_OK) tidegate_op_release(op);
  return status;
}

static void options_of_any_version_are_taken_or_refused(void) {
  enum { kFirst = 48 }; /* what the first release had */
  const size_t known = sizeof(tidegate_query_options);
  struct {
    tidegate_answer answer;
    char more[16];
  } newer;
  REFUSED(with_size(0, 0));
  REFUSED(with_size(1, 0));
  REFUSED(with_size(kFirst - 1, 0));
  CHECK_OK(with_size(kFirst, 0));
  REFUSED(with_size((size_t)-1, 0));
  REFUSED(with_size(4097, 0));
  CHECK_OK(with_size(known, 0));
  CHECK_OK(with_size(known + 8, 0));
  CHECK_OK(with_size(4096, 0));
  REFUSED(with_size(known + 8, 1));
  REFUSED(with_size(4096, 1));

  memset(&newer, 0x5a, sizeof newer);
  newer.answer.struct_size = sizeof newer;
  CHECK_OK(tidegate_op_answer(good.op, &newer.answer, NULL));
  CHECK(newer.answer.struct_size == sizeof newer && newer.answer.ran_ns > 0);
  CHECK(newer.more[0] == 0x5a && newer.more[15] == 0x5a);
  newer.answer.struct_size = 0;
  REFUSED(tidegate_op_answer(good.op, &newer.answer, NULL));
}

int main(void) {
  make_all();
  null_is_refused();
  a_handle_of_another_kind_is_refused();
  what_is_no_handle_at_all_is_refused();
  a_result_needs_a_place();
  texts_and_numbers_are_checked();
  what_a_cache_is_given_is_checked();
  options_of_any_version_are_taken_or_refused();
  free_all();
  a_handle_that_was_given_back_is_refused();
  return finish();
}
