/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static void the_header_and_the_library_are_of_one_version(void) {
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", TIDEGATE_VERSION_MAJOR, TIDEGATE_VERSION_MINOR,
           TIDEGATE_VERSION_PATCH);
  CHECK_TEXT(text, tidegate_version());
  CHECK(tidegate_version_number() == TIDEGATE_VERSION_NUMBER);
  CHECK(TIDEGATE_VERSION_AT_LEAST(0, 1, 0));
  CHECK(!TIDEGATE_VERSION_AT_LEAST(TIDEGATE_VERSION_MAJOR, TIDEGATE_VERSION_MINOR + 1, 0));
}

static void the_build_info_names_what_was_built_in(void) {
  const char *json = tidegate_build_info();
  CHECK(strstr(json, "\"version\":\"") && strstr(json, tidegate_version()));
  CHECK(strstr(json, "\"compiler\":\"") && strstr(json, "\"sqlite\":\"3."));
  CHECK(json == tidegate_build_info());
}

static void every_number_has_a_name(void) {
  CHECK_TEXT("OK", tidegate_status_name(TIDEGATE_OK));
  CHECK_TEXT("DEADLINE_EXCEEDED", tidegate_status_name(TIDEGATE_DEADLINE_EXCEEDED));
  CHECK_TEXT("UNAUTHENTICATED", tidegate_status_name(TIDEGATE_UNAUTHENTICATED));
  CHECK_TEXT("UNKNOWN", tidegate_status_name(-1));
  CHECK_TEXT("UNKNOWN", tidegate_status_name(17));
  CHECK_TEXT("none", tidegate_cause_name(TIDEGATE_CAUSE_NONE));
  CHECK_TEXT("queue_full", tidegate_cause_name(TIDEGATE_CAUSE_QUEUE_FULL));
  CHECK_TEXT("internal", tidegate_cause_name(-1));
  CHECK_TEXT("internal", tidegate_cause_name(1000));
  CHECK_TEXT("fresh", tidegate_source_name(TIDEGATE_SOURCE_FRESH));
  CHECK_TEXT("default", tidegate_source_name(TIDEGATE_SOURCE_DEFAULT));
  CHECK_TEXT("unknown", tidegate_source_name(4));
}

static void an_error_keeps_what_it_was_made_of(void) {
  char message[] = "the backend said no";
  tidegate_error *error = tidegate_error_create(TIDEGATE_CAUSE_ENGINE_BUSY, message);
  message[0] = 'X';
  CHECK_STATUS(TIDEGATE_UNAVAILABLE, tidegate_error_code(error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_ENGINE_BUSY);
  CHECK_TEXT("engine_busy", tidegate_error_name(error));
  CHECK_TEXT("the backend said no", tidegate_error_message(error));
  CHECK(tidegate_error_retryable(error) == 1);
  CHECK(tidegate_error_elapsed_ms(error) == 0);
  CHECK(tidegate_error_attempts(error) == 0);
  tidegate_error_free(error);

  error = tidegate_error_create(12345, NULL);
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_INTERNAL);
  CHECK_TEXT("", tidegate_error_message(error));
  tidegate_error_free(error);
}

static void no_error_reads_as_none(void) {
  CHECK_STATUS(TIDEGATE_OK, tidegate_error_code(NULL));
  CHECK(tidegate_error_cause(NULL) == TIDEGATE_CAUSE_NONE);
  CHECK_TEXT("none", tidegate_error_name(NULL));
  CHECK_TEXT("", tidegate_error_message(NULL));
  CHECK(tidegate_error_retryable(NULL) == 0);
  tidegate_error_free(NULL);
}

static void stats_come_as_json_and_for_prometheus(void) {
  tidegate_bytes *text;
  tidegate_executor *executor = make_executor(1);
  run_sql(executor, "db", "SELECT 1");
  CHECK_OK(tidegate_stats_json(&text));
  CHECK(strstr(tidegate_bytes_data(text), "\"executor\":{"));
  CHECK(strlen(tidegate_bytes_data(text)) == tidegate_bytes_size(text));
  tidegate_bytes_release(text);
  CHECK_OK(tidegate_stats_prometheus(&text));
  CHECK(strstr(tidegate_bytes_data(text), "tidegate_executor_submitted_total{lane=\"db\"} 1\n"));
  tidegate_bytes_release(text);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stats_json(NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stats_prometheus(NULL));
  tidegate_executor_destroy(executor);
}

static void a_shared_directory_makes_one_process_speak_for_all(void) {
  char directory[] = "/tmp/tg-c-stats-XXXXXX", path[64];
  tidegate_bytes *text;
  CHECK(mkdtemp(directory));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stats_share(NULL));
  CHECK_OK(tidegate_stats_all_json(&text));
  CHECK(strstr(tidegate_bytes_data(text), "\"workers\":{\"alive\":1}"));
  tidegate_bytes_release(text);
  snprintf(path, sizeof path, "%s/made", directory);
  CHECK_OK(tidegate_stats_share(path));
  CHECK_OK(tidegate_stats_share(path));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stats_share(directory));
  CHECK_OK(tidegate_stats_all_prometheus(&text));
  CHECK(strstr(tidegate_bytes_data(text), "tidegate_executor_submitted_total{lane=\"db\"} 1\n"));
  CHECK(strstr(tidegate_bytes_data(text), "tidegate_workers_alive 1\n"));
  tidegate_bytes_release(text);
}

int main(void) {
  the_header_and_the_library_are_of_one_version();
  the_build_info_names_what_was_built_in();
  every_number_has_a_name();
  an_error_keeps_what_it_was_made_of();
  no_error_reads_as_none();
  CHECK(tidegate_runtime_thread_count() == 0);
  stats_come_as_json_and_for_prometheus();
  a_shared_directory_makes_one_process_speak_for_all();
  return finish();
}
