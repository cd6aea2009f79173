/* SPDX-License-Identifier: Apache-2.0 */
#include "http_server.h"

static struct server server;
static tidegate_client *client;

static void begin(void) {
  server_start(&server);
  client = make_client("{}");
}

static void end(void) {
  tidegate_client_destroy(client);
  server_stop(&server);
}

static tidegate_stream *stream_of(const char *path, const tidegate_request_options *options) {
  tidegate_stream *stream;
  tidegate_op *op;
  CHECK_OK(tidegate_client_stream(client, "GET", server_url(&server, path), options, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_stream(op, &stream, NULL));
  tidegate_op_release(op);
  return stream;
}

static tidegate_status read_of(tidegate_stream *stream, size_t most, tidegate_bytes **bytes) {
  tidegate_status status;
  tidegate_op *op;
  CHECK_OK(tidegate_stream_read(stream, most, &op, NULL));
  tidegate_op_wait(op, -1);
  status = tidegate_op_bytes(op, bytes, NULL);
  tidegate_op_release(op);
  return status;
}

static void a_body_is_read_to_its_end(void) {
  tidegate_response *head;
  tidegate_stream *stream;
  tidegate_bytes *bytes;
  char text[64] = "";
  size_t size = 0, body;
  int i;
  begin();
  stream = stream_of("/missing", NULL);
  CHECK_OK(tidegate_stream_response(stream, &head, NULL));
  CHECK(tidegate_response_status(head) == 404);
  CHECK_TEXT("8", tidegate_response_header(head, "content-length"));
  CHECK_TEXT("", tidegate_response_body(head, &body));
  CHECK(body == 0);
  do {
    CHECK_OK(read_of(stream, 3, &bytes));
    CHECK(tidegate_bytes_size(bytes) <= 3);
    memcpy(text + size, tidegate_bytes_data(bytes), body = tidegate_bytes_size(bytes));
    size += body;
    tidegate_bytes_release(bytes);
  } while (body > 0);
  CHECK_TEXT("not here", text);
  for (i = 0; i < 2; ++i) {
    CHECK_OK(read_of(stream, 3, &bytes));
    CHECK(tidegate_bytes_size(bytes) == 0);
    tidegate_bytes_release(bytes);
  }
  tidegate_stream_release(stream);
  CHECK(tidegate_response_status(head) == 404); /* it outlives the stream */
  tidegate_response_release(head);
  end();
}

static void a_stream_that_is_released_is_closed(void) {
  tidegate_stream *stream;
  tidegate_bytes *bytes;
  tidegate_op *read;
  begin();
  stream = stream_of("/half", NULL);
  CHECK_OK(read_of(stream, 100, &bytes));
  CHECK(tidegate_bytes_size(bytes) == 5);
  tidegate_bytes_release(bytes);
  CHECK_OK(tidegate_stream_read(stream, 100, &read, NULL));
  CHECK_OK(tidegate_stream_retain(stream));
  tidegate_stream_release(stream);
  CHECK(!tidegate_op_done(read));
  tidegate_stream_release(stream);
  CHECK_OK(tidegate_op_wait(read, -1));
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_bytes(read, &bytes, NULL));
  tidegate_op_release(read);
  sem_wait(&server.closed); /* its connection too */
  end();
}

static void a_read_of_a_closed_stream_fails(void) {
  tidegate_stream *stream;
  tidegate_bytes *bytes;
  begin();
  stream = stream_of("/half", NULL);
  CHECK_OK(tidegate_stream_close(stream, NULL));
  CHECK(read_of(stream, 1, &bytes) != TIDEGATE_OK && bytes == NULL);
  tidegate_stream_release(stream);
  end();
}

static void an_operation_that_is_dropped_closes_its_stream(void) {
  tidegate_op *op;
  begin();
  CHECK_OK(tidegate_client_stream(client, "GET", server_url(&server, "/half"), NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  tidegate_op_release(op);
  sem_wait(&server.closed);
  end();
}

static void the_bound_of_the_options_counts(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_stream *stream;
  tidegate_bytes *bytes;
  begin();
  options.max_body = 4;
  stream = stream_of("/half", &options);
  CHECK_STATUS(TIDEGATE_OUT_OF_RANGE, read_of(stream, 100, &bytes));
  tidegate_stream_release(stream);
  end();
}

static void what_is_no_stream_is_refused(void) {
  tidegate_response *response;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_stream *stream;
  tidegate_bytes *bytes;
  tidegate_rows *rows;
  tidegate_op *op, *read;
  begin();
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_client_stream(NULL, "GET", "", NULL, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_stream(client, NULL, "", NULL, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_stream(client, "GET", NULL, NULL, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_stream(NULL, &stream, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stream_response(NULL, &response, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stream_read(NULL, 1, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stream_close(NULL, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stream_retain(NULL));
  tidegate_stream_release(NULL);
  op = get(client, &server, "/");
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_stream(op, &stream, NULL));
  CHECK(stream == NULL);
  tidegate_op_release(op);
  CHECK_OK(tidegate_client_stream(client, "GET", server_url(&server, "/"), NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_response(op, &response, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_answer(op, &answer, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_bytes(op, &bytes, NULL));
  CHECK_OK(tidegate_op_stream(op, &stream, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stream_read(stream, 0, &read, NULL));
  CHECK_OK(tidegate_stream_read(stream, 1, &read, NULL));
  CHECK_OK(tidegate_op_wait(read, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_rows(read, &rows, NULL));
  tidegate_op_release(read);
  tidegate_stream_release(stream);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_stream_close(stream, NULL));
  tidegate_op_release(op);
  end();
}

int main(void) {
  a_body_is_read_to_its_end();
  a_stream_that_is_released_is_closed();
  a_read_of_a_closed_stream_fails();
  an_operation_that_is_dropped_closes_its_stream();
  the_bound_of_the_options_counts();
  what_is_no_stream_is_refused();
  return 0;
}
