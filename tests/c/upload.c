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

static tidegate_op *send_with(tidegate_upload *upload, const char *path) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_op *op;
  options.upload = upload;
  CHECK_OK(tidegate_client_request(client, "PUT", server_url(&server, path), &options, &op, NULL));
  return op;
}

static tidegate_status write_to(tidegate_upload *upload, const char *data, size_t size) {
  tidegate_status status;
  tidegate_op *op;
  CHECK_OK(tidegate_upload_write(upload, data, size, &op, NULL));
  tidegate_op_wait(op, -1);
  status = tidegate_op_status(op, NULL);
  tidegate_op_release(op);
  return status;
}

static void what_is_written_is_sent(void) {
  tidegate_response *response;
  tidegate_upload *upload;
  tidegate_op *op;
  const char *seen;
  size_t size;
  begin();
  CHECK_OK(tidegate_upload_create(6, &upload, NULL));
  op = send_with(upload, "/");
  CHECK_OK(write_to(upload, "one", 3));
  CHECK_OK(write_to(upload, NULL, 0));
  CHECK(!tidegate_op_done(op));
  CHECK_OK(write_to(upload, "two", 3));
  CHECK_OK(tidegate_upload_finish(upload, NULL));
  response = response_of(op);
  seen = tidegate_response_body(response, &size);
  CHECK(strstr(seen, "\r\nContent-Length: 6\r\n"));
  CHECK_TEXT("\r\n\r\nonetwo", seen + size - 10);
  tidegate_response_release(response);
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, write_to(upload, "x", 1));
  tidegate_upload_release(upload);
  end();
}

static void an_upload_that_is_released_fails_its_request(void) {
  tidegate_upload *upload;
  tidegate_op *op;
  begin();
  CHECK_OK(tidegate_upload_create(-1, &upload, NULL));
  op = send_with(upload, "/");
  CHECK_OK(write_to(upload, "one", 3));
  CHECK_OK(tidegate_upload_retain(upload));
  tidegate_upload_release(upload);
  CHECK_OK(write_to(upload, "two", 3));
  tidegate_upload_release(upload);
  CHECK(tidegate_op_wait(op, -1) == TIDEGATE_OK);
  CHECK_STATUS(TIDEGATE_CANCELLED, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  end();
}

static void what_is_no_upload_is_refused(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_upload *upload;
  tidegate_op *op, *write;
  begin();
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_upload_create(-2, &upload, NULL));
  CHECK(upload == NULL);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_upload_create(1, NULL, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_upload_write(NULL, "", 0, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_upload_finish(NULL, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_upload_retain(NULL));
  tidegate_upload_release(NULL);
  CHECK_OK(tidegate_upload_create(1, &upload, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_upload_write(upload, NULL, 1, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, write_to(upload, "ab", 2)); /* one byte too many */
  CHECK_OK(tidegate_upload_write(upload, "a", 1, &write, NULL));
  CHECK_OK(tidegate_op_wait(write, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_answer(write, &answer, NULL));
  tidegate_op_release(write);
  tidegate_upload_release(upload);
  options.upload = upload;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_get(client, "http://127.0.0.1/", &options, &op, NULL));
  end();
}

int main(void) {
  what_is_written_is_sent();
  an_upload_that_is_released_fails_its_request();
  what_is_no_upload_is_refused();
  return 0;
}
