/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static tidegate_config *config_of(const char *json) {
  tidegate_config *config;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_load_json(config, json, NULL));
  return config;
}

static int64_t int64_of(const tidegate_config *config, const char *key) {
  int64_t value = -1;
  CHECK_OK(tidegate_config_get_int64(config, key, &value, NULL));
  return value;
}

static void every_type_can_be_set_and_read(void) {
  tidegate_config *config = config_of("{}");
  int64_t duration = 0;
  tidegate_bytes *text;
  CHECK(int64_of(config, "executor.queue") == 1000);
  CHECK_OK(tidegate_config_set(config, "executor.queue", "200", NULL));
  CHECK(int64_of(config, "executor.queue") == 200);
  CHECK_OK(tidegate_config_set_int64(config, "executor.queue", 300, NULL));
  CHECK(int64_of(config, "executor.queue") == 300);
  CHECK_OK(tidegate_config_set_duration_ms(config, "executor.query_timeout", 2500, NULL));
  CHECK_OK(tidegate_config_get_duration_ms(config, "executor.query_timeout", &duration, NULL));
  CHECK(duration == 2500);
  CHECK_OK(tidegate_config_set(config, "log.level", "error", NULL));
  CHECK_OK(tidegate_config_get_text(config, "log.level", &text, NULL));
  CHECK_TEXT("error", tidegate_bytes_data(text));
  tidegate_bytes_release(text);
  tidegate_config_destroy(config);
}

static void a_wrong_setting_is_refused_with_a_sentence(void) {
  tidegate_config *config = config_of("{}");
  tidegate_error *error;
  int64_t value = 7;
  double number;
  int flag;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_set(config, "executor.queu", "1", &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  CHECK(strstr(tidegate_error_message(error), "executor.queue"));
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_set_int64(config, "executor.queue", -1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_set_bool(config, "executor.queue", 1, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_set_double(config, "executor.queue", 0.5, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_get_int64(config, "executor.queu", &value, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG && value == 0);
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_get_double(config, "executor.queue", &number, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_get_bool(config, "executor.queue", &flag, NULL));
  CHECK(int64_of(config, "executor.queue") == 1000);
  tidegate_config_destroy(config);
}

static void a_service_sees_its_own_value_first(void) {
  tidegate_config *config = config_of(
      "{\"sqlite\": {\"concurrency\": 3},"
      " \"services\": {\"encar\": {\"sqlite\": {\"concurrency\": 2}}}}");
  int64_t value;
  CHECK(int64_of(config, "sqlite.concurrency") == 3);
  CHECK(int64_of(config, "services.encar.sqlite.concurrency") == 2);
  CHECK(int64_of(config, "services.other.sqlite.concurrency") == 3);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_get_int64(config, "services.No!.sqlite.concurrency", &value, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_get_int64(config, "services.encar", &value, NULL));
  tidegate_config_destroy(config);
}

static void a_broken_document_changes_nothing(void) {
  tidegate_config *config = config_of("{\"executor\": {\"queue\": 5}}");
  tidegate_error *error;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_config_load_json(
                   config, "{\"executor\": {\"queue\": 6, \"max_running\": \"x\"}}", &error));
  CHECK(strstr(tidegate_error_message(error), "executor.max_running"));
  tidegate_error_free(error);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_config_load_json(config, "{", NULL));
  CHECK(int64_of(config, "executor.queue") == 5);
  tidegate_config_destroy(config);
}

static void the_environment_and_files_are_read(void) {
  tidegate_config *config = config_of("{}");
  CHECK(setenv("TGTEST_EXECUTOR__QUEUE", "42", 1) == 0);
  CHECK_OK(tidegate_config_load_env(config, "TGTEST_", NULL));
  CHECK(int64_of(config, "executor.queue") == 42);
  CHECK(setenv("TGTEST_EXECUTOR__QUEU", "42", 1) == 0);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_config_load_env(config, "TGTEST_", NULL));
  CHECK(tidegate_config_load_file(config, "/nonexistent/tidegate.json", NULL) != TIDEGATE_OK);
  tidegate_config_destroy(config);
}

static void what_is_written_as_json_can_be_loaded_again(void) {
  tidegate_config *config = config_of("{\"executor\": {\"queue\": 77}}");
  tidegate_config *copy;
  tidegate_bytes *json;
  CHECK_OK(tidegate_config_to_json(config, &json, NULL));
  copy = config_of(tidegate_bytes_data(json));
  CHECK(int64_of(copy, "executor.queue") == 77);
  tidegate_bytes_release(json);
  tidegate_config_destroy(copy);
  tidegate_config_destroy(config);
}

static void what_contradicts_itself_is_listed(void) {
  tidegate_config *config = config_of("{\"gate\": {\"pace\": \"500ms\"}}");
  tidegate_client *client;
  tidegate_bytes *lines;
  size_t refused = 7;
  CHECK_OK(tidegate_config_lint(config, 1, &lines, &refused, NULL));
  CHECK(refused == 0 && tidegate_bytes_size(lines) == 0);
  tidegate_bytes_release(lines);

  tidegate_expect_workers(4);
  CHECK_OK(tidegate_config_lint(config, 0, &lines, NULL, NULL));
  CHECK(strstr(tidegate_bytes_data(lines), "warning: 4 workers") == tidegate_bytes_data(lines));
  tidegate_bytes_release(lines);
  tidegate_expect_workers(0);

  CHECK_OK(tidegate_config_load_json(
      config, "{\"http\": {\"timeout\": \"2s\", \"attempt_timeout\": \"8s\"}}", NULL));
  CHECK_OK(tidegate_config_lint(config, 1, &lines, &refused, NULL));
  CHECK(refused == 1);
  CHECK(
      strcmp(tidegate_bytes_data(lines),
             "refused: an attempt may take 8 s (http.attempt_timeout), but its whole request only "
             "2 s (http.timeout)\n") == 0);
  tidegate_bytes_release(lines);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_create(config, "contradicts", &client, NULL));
  tidegate_config_destroy(config);
}

/* One thread and a queue for one: the third call has nowhere to wait. */
static void an_executor_follows_its_config(void) {
  tidegate_config *config = config_of(
      "{\"executor\": {\"queue\": 1}, \"services\": {\"one\": {\"executor\":"
      " {\"callable_concurrency\": 1}}}}");
  tidegate_executor *executor;
  tidegate_op *ops[3];
  tidegate_error *error;
  struct gate gate;
  int i;
  gate_init(&gate);
  CHECK_OK(tidegate_executor_create(config, &executor, NULL));
  tidegate_config_destroy(config);
  CHECK_OK(tidegate_executor_add_callables(executor, "one", 0, NULL));
  for (i = 0; i < 3; ++i) {
    CHECK_OK(tidegate_executor_call(executor, "one", gate_call, &gate, NULL, NULL, &ops[i], NULL));
    if (i == 0) sem_wait_all(&gate.entered);
  }
  CHECK_OK(tidegate_op_wait(ops[2], -1));
  CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, tidegate_op_status(ops[2], &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_QUEUE_FULL);
  CHECK(tidegate_error_retryable(error) == 1);
  tidegate_error_free(error);
  sem_post(&gate.opened);
  sem_post(&gate.opened);
  for (i = 0; i < 3; ++i) {
    CHECK_OK(tidegate_op_wait(ops[i], -1));
    tidegate_op_release(ops[i]);
  }
  tidegate_executor_destroy(executor);
}

static void a_lane_follows_the_service_of_its_name(void) {
  tidegate_config *config =
      config_of("{\"services\": {\"hasty\": {\"executor\": {\"query_timeout\": \"20ms\"}}}}");
  tidegate_executor *executor;
  tidegate_op *op;
  struct gate gate;
  gate_init(&gate);
  CHECK_OK(tidegate_executor_create(config, &executor, NULL));
  tidegate_config_destroy(config);
  CHECK_OK(tidegate_executor_add_callables(executor, "hasty", 1, NULL));
  CHECK_OK(tidegate_executor_call(executor, "hasty", gate_call, &gate, gate_free, NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, 10000));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(op, NULL));
  sem_post(&gate.opened);
  sem_wait_all(&gate.freed);
  tidegate_op_release(op);
  tidegate_executor_destroy(executor);
}

int main(void) {
  every_type_can_be_set_and_read();
  a_wrong_setting_is_refused_with_a_sentence();
  a_service_sees_its_own_value_first();
  a_broken_document_changes_nothing();
  the_environment_and_files_are_read();
  what_is_written_as_json_can_be_loaded_again();
  what_contradicts_itself_is_listed();
  an_executor_follows_its_config();
  a_lane_follows_the_service_of_its_name();
  return finish();
}
