/* SPDX-License-Identifier: Apache-2.0 */
#include "http_server.h"

static struct server server;

static tidegate_gate *gate_of(const char *name, int32_t has_breaker) {
  tidegate_gate_options options = TIDEGATE_GATE_OPTIONS_INIT;
  tidegate_gate *gate = NULL;
  options.concurrency = 1;
  options.has_breaker = has_breaker;
  CHECK_OK(tidegate_gate_create(NULL, name, &options, &gate, NULL));
  return gate;
}

static tidegate_client *client_behind(tidegate_gate *gate) {
  tidegate_client_options options = TIDEGATE_CLIENT_OPTIONS_INIT;
  tidegate_client *client = NULL;
  options.gate = gate;
  CHECK_OK(tidegate_client_create_with(NULL, "gated", &options, &client, NULL));
  return client;
}

static tidegate_op *get_through(tidegate_client *client, const char *path, tidegate_gate *gate) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_op *op = NULL;
  options.gate = gate;
  CHECK_OK(tidegate_client_get(client, server_url(&server, path), &options, &op, NULL));
  return op;
}

static tidegate_gate_counts counts_of(tidegate_gate *gate) {
  tidegate_gate_counts counts = TIDEGATE_GATE_COUNTS_INIT;
  CHECK_OK(tidegate_gate_stats(gate, &counts, NULL));
  return counts;
}

static void a_client_and_a_request_stand_in_one_line(void) {
  tidegate_gate *gate = gate_of("line", 0);
  tidegate_client *behind = client_behind(gate), *plain = make_client("{}");
  tidegate_gate_permit *permit = NULL;
  tidegate_op *first, *second;
  server_start(&server);
  CHECK_OK(tidegate_gate_try_enter(gate, &permit, NULL, NULL));
  first = get(behind, &server, "/");
  second = get_through(plain, "/", gate);
  tidegate_response_release(response_of(get(plain, &server, "/")));
  CHECK(!tidegate_op_done(first) && !tidegate_op_done(second));
  tidegate_gate_leave(permit, TIDEGATE_CAUSE_NONE);
  tidegate_response_release(response_of(first));
  tidegate_response_release(response_of(second));
  CHECK(counts_of(gate).granted == 3);
  tidegate_client_destroy(behind);
  tidegate_client_destroy(plain);
  tidegate_gate_destroy(gate);
  server_stop(&server);
}

static void what_the_gate_refuses_says_when_to_come_again(void) {
  tidegate_gate *gate = gate_of("refuses", 1);
  tidegate_client *client = client_behind(gate);
  tidegate_error *error = NULL;
  tidegate_op *op;
  server_start(&server);
  CHECK_OK(tidegate_gate_force(gate, TIDEGATE_BREAKER_FORCED_OPEN, NULL));
  op = get(client, &server, "/");
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_status(op, &error) != TIDEGATE_OK);
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CIRCUIT_OPEN);
  CHECK(tidegate_error_retry_after_ms(error) > 0 && tidegate_error_attempts(error) == 0);
  tidegate_error_free(error);
  tidegate_op_release(op);
  tidegate_gate_destroy(gate); /* the client keeps it */
  CHECK(failure_of(get(client, &server, "/")) == TIDEGATE_CAUSE_CIRCUIT_OPEN);
  tidegate_client_destroy(client);
  server_stop(&server);
}

static void a_gate_that_is_gone_is_refused(void) {
  tidegate_client_options options = TIDEGATE_CLIENT_OPTIONS_INIT;
  tidegate_request_options of_one = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_client *plain = make_client("{}"), *client = NULL;
  tidegate_op *op = NULL;
  options.gate = of_one.gate = gate_of("gone", 0);
  tidegate_gate_destroy(options.gate);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_create_with(NULL, "none", &options, &client, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_get(plain, "http://127.0.0.1:1/", &of_one, &op, NULL));
  CHECK(client == NULL && op == NULL);
  options.struct_size = 0;
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_client_create_with(NULL, "none", &options, &client, NULL));
  tidegate_client_destroy(plain);
}

int main(void) {
  a_client_and_a_request_stand_in_one_line();
  what_the_gate_refuses_says_when_to_come_again();
  a_gate_that_is_gone_is_refused();
  return finish();
}
