/* SPDX-License-Identifier: Apache-2.0 */
#include "http_server.h"

static struct server server;

/* Handles of one kind each, so that any function can be given a wrong one. */
static struct {
  tidegate_client *client;
  tidegate_op *op;
  tidegate_response *response;
  tidegate_queue *queue;
} good;

static void make_all(void) {
  good.client = make_client("{}");
  good.op = get(good.client, &server, "/missing");
  CHECK_OK(tidegate_op_wait(good.op, -1));
  CHECK_OK(tidegate_op_response(good.op, &good.response, NULL));
  CHECK_OK(tidegate_queue_create(&good.queue, NULL));
}

static void free_all(void) {
  tidegate_queue_destroy(good.queue);
  tidegate_response_release(good.response);
  tidegate_op_release(good.op);
  tidegate_client_destroy(good.client);
}

#define REFUSED(call) CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, (call))

/* Every function that takes a handle, with `bad` in its place. */
static void every_function_refuses(void *bad) {
  tidegate_client *client = bad, *out_client = good.client;
  tidegate_response *response = bad, *out_response = good.response;
  tidegate_op *out_op = good.op;
  tidegate_bytes *out_bytes = (tidegate_bytes *)bad;
  tidegate_client_counts counts = TIDEGATE_CLIENT_COUNTS_INIT;
  tidegate_http_timings timings = TIDEGATE_HTTP_TIMINGS_INIT;
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  size_t size = 7;

  if (bad) {
    REFUSED(tidegate_client_create((tidegate_config *)bad, "x", &out_client, NULL));
    CHECK(out_client == NULL);
    options.page = bad;
    REFUSED(tidegate_client_get(good.client, "http://127.0.0.1/", &options, &out_op, NULL));
    CHECK(out_op == NULL);
    out_op = good.op;
  }
  REFUSED(tidegate_client_get(client, "http://127.0.0.1/", NULL, &out_op, NULL));
  CHECK(out_op == NULL);
  out_op = good.op;
  REFUSED(tidegate_client_request(client, "GET", "http://127.0.0.1/", NULL, &out_op, NULL));
  CHECK(out_op == NULL);
  REFUSED(tidegate_client_stats(client, &counts, NULL));
  REFUSED(tidegate_client_cookies(client, "http://127.0.0.1/", &out_bytes, NULL));
  CHECK(out_bytes == NULL);
  out_bytes = (tidegate_bytes *)bad;
  REFUSED(tidegate_client_clear_cookies(client, NULL));
  REFUSED(tidegate_client_close(client, NULL));
  tidegate_client_destroy(client);

  REFUSED(tidegate_op_response((tidegate_op *)bad, &out_response, NULL));
  CHECK(out_response == NULL);
  CHECK(tidegate_response_status(response) == 0 && tidegate_response_headers(response) == 0);
  CHECK_TEXT("", tidegate_response_header_name(response, 0));
  CHECK_TEXT("", tidegate_response_header_value(response, 0));
  CHECK(tidegate_response_header(response, "Content-Length") == NULL);
  CHECK_TEXT("", tidegate_response_body(response, &size));
  CHECK(size == 0);
  REFUSED(tidegate_response_bytes(response, &out_bytes, NULL));
  CHECK(out_bytes == NULL);
  REFUSED(tidegate_response_timings(response, &timings, NULL));
  CHECK(tidegate_response_reused(response) == 0 && tidegate_response_attempts(response) == 0);
  CHECK(tidegate_response_hedged(response) == 0);
  REFUSED(tidegate_response_retain(response));
  tidegate_response_release(response);
}

static void null_is_refused(void) { every_function_refuses(NULL); }

static void a_handle_of_another_kind_is_refused(void) {
  every_function_refuses(good.queue);
  CHECK(tidegate_queue_size(good.queue) == 0);
  REFUSED(tidegate_client_close((tidegate_client *)(void *)good.response, NULL));
  CHECK(tidegate_response_status((tidegate_response *)(void *)good.client) == 0);
  tidegate_client_destroy((tidegate_client *)(void *)good.response);
  CHECK(tidegate_response_status(good.response) == 404);
}

static void what_is_no_handle_at_all_is_refused(void) {
  int local = 0;
  void *heap = malloc(64);
  every_function_refuses(&local);
  every_function_refuses(heap);
  every_function_refuses((void *)(uintptr_t)1);
  every_function_refuses((void *)UINTPTR_MAX);
  free(heap);
}

static void a_handle_that_was_given_back_is_refused(void) {
  void *freed[3];
  size_t i;
  make_all();
  freed[0] = good.client;
  freed[1] = good.op;
  freed[2] = good.response;
  free_all();
  free_all();
  make_all(); /* in the same places as those before */
  for (i = 0; i < 3; ++i) every_function_refuses(freed[i]);
  CHECK(tidegate_response_status(good.response) == 404);
  free_all();
}

static void a_result_needs_a_place(void) {
  REFUSED(tidegate_client_create(NULL, "x", NULL, NULL));
  REFUSED(tidegate_client_get(good.client, "http://127.0.0.1/", NULL, NULL, NULL));
  REFUSED(tidegate_client_request(good.client, "GET", "http://127.0.0.1/", NULL, NULL, NULL));
  REFUSED(tidegate_client_stats(good.client, NULL, NULL));
  REFUSED(tidegate_client_cookies(good.client, "http://127.0.0.1/", NULL, NULL));
  REFUSED(tidegate_op_response(good.op, NULL, NULL));
  REFUSED(tidegate_response_bytes(good.response, NULL, NULL));
  REFUSED(tidegate_response_timings(good.response, NULL, NULL));
}

static void texts_are_needed(void) {
  tidegate_client *client;
  tidegate_op *op;
  REFUSED(tidegate_client_create(NULL, NULL, &client, NULL));
  REFUSED(tidegate_client_create(NULL, "", &client, NULL));
  REFUSED(tidegate_client_get(good.client, NULL, NULL, &op, NULL));
  REFUSED(tidegate_client_request(good.client, NULL, "http://127.0.0.1/", NULL, &op, NULL));
}

/* What comes of these options; the message of the refusal says `about`. */
static void options_are_refused(const tidegate_request_options *options, const char *about) {
  tidegate_error *error;
  tidegate_op *op = good.op;
  REFUSED(tidegate_client_get(good.client, "http://127.0.0.1/", options, &op, &error));
  CHECK(op == NULL && strstr(tidegate_error_message(error), about));
  tidegate_error_free(error);
}

static void times_are_up_to_a_day(void) {
  static const struct {
    const char *name;
    size_t place;
  } times[] = {
      {"timeout_ms", offsetof(tidegate_request_options, timeout_ms)},
      {"pool_timeout_ms", offsetof(tidegate_request_options, pool_timeout_ms)},
      {"connect_timeout_ms", offsetof(tidegate_request_options, connect_timeout_ms)},
      {"attempt_timeout_ms", offsetof(tidegate_request_options, attempt_timeout_ms)},
      {"read_timeout_ms", offsetof(tidegate_request_options, read_timeout_ms)},
  };
  static const int64_t wrong[] = {-1, 86400001, INT64_MAX, INT64_MIN};
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_op *op;
  size_t i, k;
  for (i = 0; i < sizeof times / sizeof times[0]; ++i) {
    int64_t *time = (int64_t *)(void *)((char *)&options + times[i].place);
    for (k = 0; k < sizeof wrong / sizeof wrong[0]; ++k) {
      *time = wrong[k];
      options_are_refused(&options, times[i].name);
    }
    *time = 86400000;
  }
  CHECK_OK(tidegate_client_get(good.client, server_url(&server, "/"), &options, &op, NULL));
  tidegate_response_release(response_of(op));
}

static void a_form_is_whole_and_the_only_body(void) {
  const tidegate_part no_name = {NULL, NULL, NULL, "a", 1}, no_data = {"a", NULL, NULL, NULL, 1};
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  options.part_count = 1;
  options_are_refused(&options, "the parts are NULL");
  options.parts = &no_name;
  options_are_refused(&options, "name");
  options.parts = &no_data;
  options_are_refused(&options, "size");
  options.body = "";
  options_are_refused(&options, "another body");
}

static void headers_and_bodies_are_whole(void) {
  const tidegate_header no_name = {NULL, "a"}, no_value = {"a", NULL};
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  options.header_count = 1;
  options_are_refused(&options, "the headers are NULL");
  options.headers = &no_name;
  options_are_refused(&options, "NULL");
  options.headers = &no_value;
  options_are_refused(&options, "NULL");
  options.header_count = 0;
  options.content_type = "text/plain";
  options_are_refused(&options, "content_type");
  options.body_size = 1;
  options_are_refused(&options, "the body is NULL");
  options.body_size = 0;
  options.content_type = NULL;
  options.idempotent = 3;
  options_are_refused(&options, "idempotent");
  options.idempotent = -1;
  options_are_refused(&options, "idempotent");
  options.idempotent = TIDEGATE_IDEMPOTENT_DEFAULT;
  options.attempts = -1;
  options_are_refused(&options, "attempts");
  options.attempts = 0;
  options.hedge_ms = -2;
  options_are_refused(&options, "hedge_ms");
  options.hedge_ms = 0;
  options.max_redirects = -2;
  options_are_refused(&options, "max_redirects");
  options.max_redirects = 0;
  options.raw = 2;
  options_are_refused(&options, "raw");
  options.raw = 0;
  options.basic_password = "a";
  options_are_refused(&options, "basic_password");
  options.basic_user = "b";
  options.bearer_token = "c";
  options_are_refused(&options, "bearer_token");
}

static tidegate_status with_size(size_t size, int last) {
  union {
    tidegate_request_options options;
    char bytes[8192];
  } padded;
  tidegate_request_options init = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_op *op;
  tidegate_status status;
  memset(&padded, 0, sizeof padded);
  padded.options = init;
  padded.options.struct_size = size;
  if (last) padded.bytes[size - 1] = 1;
  status = tidegate_client_get(good.client, server_url(&server, "/"), &padded.options, &op, NULL);
  if (status == TIDEGATE_OK) tidegate_response_release(response_of(op));
  return status;
}

static void structs_of_any_version_are_taken_or_refused(void) {
  enum { kFirst = 128 }; /* what the first release had */
  const size_t known = sizeof(tidegate_request_options);
  struct {
    tidegate_http_timings timings;
    char more[16];
  } newer;
  struct {
    tidegate_client_counts counts;
    char more[16];
  } counted;
  REFUSED(with_size(0, 0));
  REFUSED(with_size(kFirst - 1, 0));
  REFUSED(with_size(4097, 0));
  REFUSED(with_size((size_t)-1, 0));
  CHECK_OK(with_size(kFirst, 0));
  CHECK_OK(with_size(known, 0));
  CHECK_OK(with_size(known + 8, 0));
  REFUSED(with_size(known + 8, 1));

  memset(&newer, 0x5a, sizeof newer);
  newer.timings.struct_size = sizeof newer;
  CHECK_OK(tidegate_response_timings(good.response, &newer.timings, NULL));
  CHECK(newer.timings.struct_size == sizeof newer && newer.timings.tls_ns == 0);
  CHECK(newer.more[0] == 0x5a && newer.more[15] == 0x5a);
  newer.timings.struct_size = 0;
  REFUSED(tidegate_response_timings(good.response, &newer.timings, NULL));

  memset(&counted, 0x5a, sizeof counted);
  counted.counts.struct_size = sizeof counted;
  CHECK_OK(tidegate_client_stats(good.client, &counted.counts, NULL));
  CHECK(counted.counts.waiting == 0 && counted.more[0] == 0x5a);
  counted.counts.struct_size = 8;
  REFUSED(tidegate_client_stats(good.client, &counted.counts, NULL));
}

int main(void) {
  server_start(&server);
  make_all();
  null_is_refused();
  a_handle_of_another_kind_is_refused();
  what_is_no_handle_at_all_is_refused();
  a_result_needs_a_place();
  texts_are_needed();
  times_are_up_to_a_day();
  a_form_is_whole_and_the_only_body();
  headers_and_bodies_are_whole();
  structs_of_any_version_are_taken_or_refused();
  free_all();
  a_handle_that_was_given_back_is_refused();
  server_stop(&server);
  return finish();
}
