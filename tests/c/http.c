/* SPDX-License-Identifier: Apache-2.0 */
#include "http_server.h"

static struct server server;
static tidegate_client *client;

static void begin(const char *json) {
  server_start(&server);
  client = make_client(json);
}

static void end(void) {
  tidegate_client_destroy(client);
  server_stop(&server);
}

static tidegate_op *request(const char *method, const char *path,
                            const tidegate_request_options *options) {
  tidegate_op *op;
  CHECK_OK(tidegate_client_request(client, method, server_url(&server, path), options, &op, NULL));
  return op;
}

static void the_server_sees_what_the_options_say(void) {
  const tidegate_header headers[] = {
      {"X-Trace", "one"}, {"Content-Type", "text/plain"}, {"X-Trace", ""}};
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_response *response;
  tidegate_op *op;
  const char *seen;
  char body[] = {'a', '\0', 'b'};
  size_t size;
  begin("{}");
  options.headers = headers;
  options.header_count = 3;
  options.body = body;
  options.body_size = sizeof body;
  options.content_type = "application/json";
  op = request("PATCH", "/cars?id=1", &options);
  memset(body, 'x', sizeof body); /* it was copied */
  response = response_of(op);
  CHECK(tidegate_response_status(response) == 200);
  seen = tidegate_response_body(response, &size);
  CHECK(strncmp(seen, "PATCH /cars?id=1 HTTP/1.1\r\n", 27) == 0);
  CHECK(strstr(seen, "\r\nX-Trace: one\r\n") && strstr(seen, "\r\nX-Trace:\r\n"));
  CHECK(strstr(seen, "\r\nContent-Type: application/json\r\n") && !strstr(seen, "text/plain"));
  CHECK(size > 7 && memcmp(seen + size - 7, "\r\n\r\na\0b", 8) == 0);
  tidegate_response_release(response);
  end();
}

static void no_body_and_an_empty_one_differ(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_response *response;
  begin("{}");
  response = response_of(request("DELETE", "/", &options));
  CHECK(!strstr(tidegate_response_body(response, NULL), "Content-Length"));
  tidegate_response_release(response);
  options.body = "";
  response = response_of(request("DELETE", "/", &options));
  CHECK(strstr(tidegate_response_body(response, NULL), "\r\nContent-Length: 0\r\n"));
  tidegate_response_release(response);
  end();
}

static void parts_are_sent_as_a_form(void) {
  const tidegate_part parts[] = {{"make", NULL, NULL, "Audi", 4},
                                 {"photo", "a\"4.jpg", "image/jpeg", "\0\xFF", 2},
                                 {"other", "b", NULL, NULL, 0}};
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_response *response;
  const char *seen;
  begin("{}");
  options.parts = parts;
  options.part_count = 3;
  response = response_of(request("POST", "/", &options));
  seen = tidegate_response_body(response, NULL);
  CHECK(strstr(seen, "\r\nContent-Type: multipart/form-data; boundary=tidegate-"));
  CHECK(strstr(seen, "name=\"make\"\r\n\r\nAudi\r\n--"));
  CHECK(strstr(seen, "name=\"photo\"; filename=\"a%224.jpg\"\r\nContent-Type: image/jpeg\r\n"));
  tidegate_response_release(response);
  end();
}

static void any_answer_is_a_response(void) {
  tidegate_response *response;
  begin("{}");
  response = response_of(get(client, &server, "/missing"));
  CHECK(tidegate_response_status(response) == 404);
  CHECK_TEXT("not here", tidegate_response_body(response, NULL));
  CHECK(tidegate_response_attempts(response) == 1);
  tidegate_response_release(response);
  end();
}

static void fields_are_read_by_number_and_by_name(void) {
  tidegate_response *response;
  begin("{}");
  response = response_of(get(client, &server, "/fields"));
  CHECK(tidegate_response_headers(response) == 4);
  CHECK_TEXT("X-Twice", tidegate_response_header_name(response, 0));
  CHECK_TEXT("one", tidegate_response_header_value(response, 0));
  CHECK_TEXT("x-twice", tidegate_response_header_name(response, 1));
  CHECK_TEXT("two", tidegate_response_header_value(response, 1));
  CHECK_TEXT("", tidegate_response_header_name(response, 4));
  CHECK_TEXT("", tidegate_response_header_value(response, (size_t)-1));
  CHECK_TEXT("one", tidegate_response_header(response, "x-TWICE"));
  CHECK_TEXT("", tidegate_response_header(response, "X-Empty"));
  CHECK(tidegate_response_header(response, "X-None") == NULL);
  CHECK(tidegate_response_header(response, NULL) == NULL);
  tidegate_response_release(response);
  end();
}

/* So that none is cut where it is read as a text. */
static void no_field_has_a_nul(void) {
  begin("{}");
  CHECK(failure_of(get(client, &server, "/nul")) == TIDEGATE_CAUSE_PROTOCOL);
  end();
}

static void a_response_is_shared_and_outlives_all_else(void) {
  tidegate_response *first, *second;
  tidegate_bytes *bytes;
  tidegate_op *op;
  const char *body;
  size_t size;
  begin("{}");
  op = get(client, &server, "/missing");
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_response(op, &first, NULL));
  CHECK_OK(tidegate_op_response(op, &second, NULL));
  tidegate_op_release(op);
  end();
  body = tidegate_response_body(first, &size);
  CHECK(size == 8 && tidegate_response_body(second, NULL) == body);
  CHECK_OK(tidegate_response_retain(first));
  tidegate_response_release(first);
  tidegate_response_release(second);
  CHECK_OK(tidegate_response_bytes(first, &bytes, NULL));
  tidegate_response_release(first);
  CHECK(tidegate_bytes_data(bytes) == body && tidegate_bytes_size(bytes) == 8);
  CHECK_TEXT("not here", body);
  tidegate_bytes_release(bytes);
}

static void a_response_tells_whether_its_connection_was_kept(void) {
  tidegate_http_timings timings = TIDEGATE_HTTP_TIMINGS_INIT;
  tidegate_response *response;
  begin("{}");
  response = response_of(get(client, &server, "/"));
  CHECK(tidegate_response_reused(response) == 0);
  CHECK_OK(tidegate_response_timings(response, &timings, NULL));
  CHECK(timings.connect_ns > 0 && timings.tls_ns == 0 && timings.queue_ns >= 0);
  CHECK(timings.first_byte_ns > 0 && timings.total_ns >= timings.first_byte_ns);
  tidegate_response_release(response);
  response = response_of(get(client, &server, "/"));
  CHECK(tidegate_response_reused(response) == 1 && sem_count(&server.accepted) == 1);
  CHECK_OK(tidegate_response_timings(response, &timings, NULL));
  CHECK(timings.connect_ns == 0 && timings.first_byte_ns > 0);
  tidegate_response_release(response);
  end();
}

static void each_time_of_the_options_has_its_cause(void) {
  static const struct {
    const char *scheme, *path;
    size_t time;
    tidegate_cause cause;
  } rows[] = {
      {"http", "/silent", offsetof(tidegate_request_options, timeout_ms), TIDEGATE_CAUSE_DEADLINE},
      {"http", "/silent", offsetof(tidegate_request_options, attempt_timeout_ms),
       TIDEGATE_CAUSE_ATTEMPT_TIMEOUT},
      {"http", "/half", offsetof(tidegate_request_options, read_timeout_ms),
       TIDEGATE_CAUSE_READ_TIMEOUT},
      /* The server does not know what a handshake is. */
      {"https", "/", offsetof(tidegate_request_options, connect_timeout_ms),
       TIDEGATE_CAUSE_CONNECT_TIMEOUT}};
  size_t i;
  begin("{}");
  for (i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
    tidegate_op *op;
    char url[64];
    *(int64_t *)(void *)((char *)&options + rows[i].time) = 20;
    snprintf(url, sizeof url, "%s://127.0.0.1:%u%s", rows[i].scheme, server.port, rows[i].path);
    CHECK_OK(tidegate_client_get(client, url, &options, &op, NULL));
    CHECK(failure_of(op) == rows[i].cause);
  }
  end();
}

static void who_waits_too_long_for_its_turn_is_told_so(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_op *first, *second;
  begin("{\"http\": {\"max_connections\": 1, \"attempt_timeout\": \"1m\", \"timeout\": \"1m\"}}");
  first = get(client, &server, "/silent");
  sem_wait_all(&server.silent);
  options.pool_timeout_ms = 1;
  second = request("GET", "/", &options);
  CHECK(failure_of(second) == TIDEGATE_CAUSE_POOL_TIMEOUT);
  server_let_go(&server);
  tidegate_response_release(response_of(first));
  end();
}

static void a_body_beyond_the_bound_is_refused(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  begin("{}");
  options.max_body = 7;
  CHECK(failure_of(request("GET", "/missing", &options)) == TIDEGATE_CAUSE_TOO_LARGE);
  options.max_body = 8;
  tidegate_response_release(response_of(request("GET", "/missing", &options)));
  end();
}

/* How often the server sees a request under which its kept connection dies. */
static int times_sent(const char *method, tidegate_idempotent idempotent) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  int before;
  tidegate_response_release(response_of(get(client, &server, "/"))); /* a connection is kept */
  before = sem_count(&server.dropped);
  options.idempotent = idempotent;
  options.attempts = 1;
  CHECK(failure_of(request(method, "/drop", &options)) == TIDEGATE_CAUSE_CONNECTION_LOST);
  return sem_count(&server.dropped) - before;
}

static void what_may_not_be_sent_twice_is_sent_once(void) {
  begin("{}");
  CHECK(times_sent("GET", TIDEGATE_IDEMPOTENT_DEFAULT) == 2);
  CHECK(times_sent("GET", TIDEGATE_IDEMPOTENT_YES) == 2);
  CHECK(times_sent("GET", TIDEGATE_IDEMPOTENT_NO) == 1);
  CHECK(times_sent("POST", TIDEGATE_IDEMPOTENT_DEFAULT) == 1);
  CHECK(times_sent("POST", TIDEGATE_IDEMPOTENT_YES) == 2);
  CHECK(times_sent("POST", TIDEGATE_IDEMPOTENT_NO) == 1);
  end();
}

static uint64_t retries(void) {
  tidegate_client_counts counts = TIDEGATE_CLIENT_COUNTS_INIT;
  CHECK_OK(tidegate_client_stats(client, &counts, NULL));
  CHECK(counts.out_of_budget == 0);
  return counts.retries;
}

static void each_attempt_has_its_line(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  uint64_t before;
  tidegate_error *error = NULL;
  tidegate_op *op;
  begin("{\"retry\": {\"backoff\": \"1ms\"}}");
  options.attempts = 3;
  before = retries();
  op = request("GET", "/drop", &options);
  CHECK(tidegate_op_wait(op, -1) == TIDEGATE_OK);
  CHECK(tidegate_op_status(op, &error) == TIDEGATE_UNAVAILABLE);
  CHECK(tidegate_error_attempts(error) >= 3);
  CHECK(tidegate_error_history(error) == 3);
  CHECK(strncmp(tidegate_error_history_line(error, 0), "attempt 1 of 3: connection_lost after ",
                38) == 0);
  CHECK(strcmp(tidegate_error_history_line(error, 3), "") == 0);
  CHECK(tidegate_error_history(NULL) == 0);
  CHECK(strcmp(tidegate_error_history_line(NULL, 0), "") == 0);
  tidegate_error_free(error);
  tidegate_op_release(op);
  CHECK(retries() == before + 2);
  /* A POST is sent once, unless it has a key. */
  CHECK(failure_of(request("POST", "/drop", &options)) == TIDEGATE_CAUSE_CONNECTION_LOST);
  CHECK(retries() == before + 2);
  options.idempotency_key = "";
  CHECK(failure_of(request("POST", "/drop", &options)) == TIDEGATE_CAUSE_CONNECTION_LOST);
  CHECK(retries() == before + 4);
  end();
}

static void a_redirect_is_followed_or_is_the_response(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_response *response;
  const char *url;
  begin("{}");
  response = response_of(request("GET", "/away", &options));
  url = tidegate_response_url(response);
  CHECK(tidegate_response_status(response) == 200 && tidegate_response_redirects(response) == 1);
  CHECK(strlen(url) > 10 && strcmp(url + strlen(url) - 10, "/there?a=1") == 0);
  tidegate_response_release(response);
  options.max_redirects = -1;
  response = response_of(request("GET", "/away", &options));
  CHECK(tidegate_response_status(response) == 302 && tidegate_response_redirects(response) == 0);
  tidegate_response_release(response);
  CHECK(tidegate_response_redirects(NULL) == 0);
  CHECK_TEXT("", tidegate_response_url(NULL));
  end();
}

static void a_body_is_asked_for_as_it_is_or_encoded(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_response *response;
  begin("{}");
  response = response_of(request("GET", "/", &options));
  CHECK(strstr(tidegate_response_body(response, NULL), "Accept-Encoding: gzip") != NULL);
  tidegate_response_release(response);
  options.raw = 1;
  response = response_of(request("GET", "/", &options));
  CHECK(strstr(tidegate_response_body(response, NULL), "Accept-Encoding: identity") != NULL);
  tidegate_response_release(response);
  end();
}

static void two_requests_are_driven_from_one_poll(void) {
  static const char *const paths[] = {"/first", "/second"};
  tidegate_queue *queue;
  tidegate_event events[8];
  int seen[2] = {0, 0};
  size_t i, left = 2;
  begin("{}");
  CHECK_OK(tidegate_queue_create(&queue, NULL));
  for (i = 0; i < 2; ++i) {
    tidegate_op *op = get(client, &server, paths[i]);
    CHECK_OK(tidegate_queue_add(queue, op, i, NULL));
    tidegate_op_release(op);
  }
  while (left > 0) {
    struct pollfd ready = {-1, POLLIN, 0};
    size_t count;
    ready.fd = tidegate_queue_fd(queue);
    CHECK(poll(&ready, 1, -1) == 1);
    count = tidegate_queue_next(queue, events, 8);
    for (i = 0; i < count; ++i, --left) {
      tidegate_response *response = response_of(events[i].op);
      CHECK(events[i].status == TIDEGATE_OK && events[i].tag < 2);
      CHECK(strstr(tidegate_response_body(response, NULL), paths[events[i].tag]));
      ++seen[events[i].tag];
      tidegate_response_release(response);
    }
  }
  CHECK(seen[0] == 1 && seen[1] == 1);
  tidegate_queue_destroy(queue);
  end();
}

static void what_is_cancelled_ends_and_its_connection_is_closed(void) {
  tidegate_op *op;
  begin("{}");
  op = get(client, &server, "/silent");
  sem_wait_all(&server.silent);
  CHECK_OK(tidegate_op_cancel(op));
  CHECK(failure_of(op) == TIDEGATE_CAUSE_CANCELLED);
  sem_wait_all(&server.closed);
  end();
}

static void what_is_slow_is_sent_a_second_time_beside_the_first(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_client_counts counts = TIDEGATE_CLIENT_COUNTS_INIT;
  tidegate_response *response;
  tidegate_op *op;
  begin("{}");
  response = response_of(get(client, &server, "/"));
  CHECK(tidegate_response_hedged(response) == 0);
  tidegate_response_release(response);
  options.hedge_ms = 1;
  op = request("GET", "/silent", &options);
  sem_wait_all(&server.silent);
  sem_wait_all(&server.silent);
  server_let_go(&server);
  response = response_of(op);
  CHECK_TEXT("at last", tidegate_response_body(response, NULL));
  CHECK(tidegate_response_hedged(response) == 1 && tidegate_response_attempts(response) == 2);
  tidegate_response_release(response);
  CHECK_OK(tidegate_client_stats(client, &counts, NULL));
  CHECK(counts.hedges >= 1 && counts.hedge_wins <= counts.hedges);
  options.hedge_ms = -1;
  response = response_of(request("GET", "/", &options));
  CHECK(tidegate_response_hedged(response) == 0);
  tidegate_response_release(response);
  end();
}

static void a_request_outlives_its_handle_and_its_client(void) {
  tidegate_queue *queue;
  tidegate_event event;
  tidegate_response *response;
  tidegate_op *op;
  struct pollfd ready = {-1, POLLIN, 0};
  begin("{}");
  CHECK_OK(tidegate_queue_create(&queue, NULL));
  op = get(client, &server, "/silent");
  CHECK_OK(tidegate_queue_add(queue, op, 7, NULL));
  sem_wait_all(&server.silent);
  tidegate_op_release(op);
  tidegate_client_destroy(client);
  server_let_go(&server);
  ready.fd = tidegate_queue_fd(queue);
  CHECK(poll(&ready, 1, -1) == 1);
  CHECK(tidegate_queue_next(queue, &event, 1) == 1 && event.tag == 7);
  response = response_of(event.op);
  CHECK_TEXT("at last", tidegate_response_body(response, NULL));
  tidegate_response_release(response);
  tidegate_queue_destroy(queue);
  end();
}

static void a_page_bounds_its_requests(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_op *late, *cancelled;
  begin("{}");
  CHECK_OK(tidegate_page_create(20, &options.page, NULL));
  late = request("GET", "/silent", &options);
  CHECK_OK(tidegate_page_wait(options.page, -1));
  CHECK(tidegate_page_size(options.page) == 1 && tidegate_page_done(options.page) == 1);
  CHECK(failure_of(late) == TIDEGATE_CAUSE_DEADLINE);
  tidegate_page_destroy(options.page);
  CHECK_OK(tidegate_page_create(-1, &options.page, NULL));
  cancelled = request("GET", "/silent", &options);
  tidegate_page_destroy(options.page);
  CHECK(failure_of(cancelled) == TIDEGATE_CAUSE_CANCELLED);
  end();
}

static void a_client_that_is_closed_ends_its_requests_and_takes_no_more(void) {
  tidegate_op *op;
  begin("{}");
  op = get(client, &server, "/silent");
  sem_wait_all(&server.silent);
  CHECK_OK(tidegate_client_close(client, NULL));
  CHECK(failure_of(op) == TIDEGATE_CAUSE_CLOSED);
  op = get(client, &server, "/");
  CHECK(tidegate_op_done(op) == 1);
  CHECK(failure_of(op) == TIDEGATE_CAUSE_CLOSED);
  CHECK_OK(tidegate_client_close(client, NULL));
  end();
}

static void a_client_has_the_settings_of_the_service_with_its_name(void) {
  tidegate_response *response;
  begin(
      "{\"http\": {\"user_agent\": \"of all\"},"
      " \"services\": {\"test\": {\"http\": {\"user_agent\": \"of its own\"}}}}");
  response = response_of(get(client, &server, "/"));
  CHECK(strstr(tidegate_response_body(response, NULL), "\r\nUser-Agent: of its own\r\n"));
  tidegate_response_release(response);
  end();
}

static void a_request_says_who_asks(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_response *response;
  begin("{\"http\": {\"bearer_token\": \"of-all\"}}");
  response = response_of(request("GET", "/", &options));
  CHECK(strstr(tidegate_response_body(response, NULL), "\r\nAuthorization: Bearer of-all\r\n"));
  tidegate_response_release(response);
  options.bearer_token = "own";
  response = response_of(request("GET", "/", &options));
  CHECK(strstr(tidegate_response_body(response, NULL), "\r\nAuthorization: Bearer own\r\n"));
  tidegate_response_release(response);
  options.bearer_token = "own\r\nX-Evil: 1";
  CHECK(failure_of(request("GET", "/", &options)) == TIDEGATE_CAUSE_BAD_ARGUMENT);
  options.bearer_token = NULL;
  options.basic_user = "a";
  response = response_of(request("GET", "/", &options));
  CHECK(strstr(tidegate_response_body(response, NULL), "\r\nAuthorization: Basic YTo=\r\n"));
  tidegate_response_release(response);
  options.basic_password = "b";
  response = response_of(request("GET", "/", &options));
  CHECK(strstr(tidegate_response_body(response, NULL), "\r\nAuthorization: Basic YTpi\r\n"));
  tidegate_response_release(response);
  options.basic_user = "a:b";
  CHECK(failure_of(request("GET", "/", &options)) == TIDEGATE_CAUSE_BAD_ARGUMENT);
  end();
}

/* The server tells what it should have forwarded. */
static void a_request_goes_through_the_proxy_that_the_settings_or_it_name(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_proxy_counts counts = TIDEGATE_PROXY_COUNTS_INIT;
  tidegate_response *response;
  char proxy[64];
  tidegate_op *op;
  begin("{\"http\": {\"proxy\": \"http://me:hunter2@127.0.0.1:1\"}, \"retry\": {\"attempts\": 1}}");
  CHECK(failure_of(request("GET", "/", &options)) == TIDEGATE_CAUSE_PROXY);
  options.proxy = "";
  response = response_of(request("GET", "/own", &options));
  CHECK(strncmp(tidegate_response_body(response, NULL), "GET /own HTTP/1.1\r\n", 19) == 0);
  tidegate_response_release(response);
  snprintf(proxy, sizeof proxy, "http://me:hunter2@%s", server_url(&server, "") + 7);
  options.proxy = proxy;
  CHECK_OK(tidegate_client_get(client, "http://no-such-host.test/a", &options, &op, NULL));
  response = response_of(op);
  CHECK(strncmp(tidegate_response_body(response, NULL), "GET http://no-such-host.test/a ", 31) ==
        0);
  CHECK(strstr(tidegate_response_body(response, NULL), "\r\nProxy-Authorization: Basic "));
  tidegate_response_release(response);
  CHECK_OK(tidegate_client_proxies(client, &counts, NULL));
  CHECK(counts.request_count == 1 && counts.session_rotations == 0);
  CHECK(counts.available_proxies == 0);
  CHECK_TEXT("127.0.0.1:1", counts.current_proxy);
  options.proxy = "nowhere";
  CHECK(failure_of(request("GET", "/", &options)) == TIDEGATE_CAUSE_BAD_ARGUMENT);
  end();
}

static void a_listed_host_is_told_what_is_left_and_a_caller_is_believed_so_far(void) {
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  tidegate_response *response;
  const char *at;
  long left;
  begin("{\"http\": {\"deadline_header\": \"X-Left-Ms\", \"deadline_hosts\": \"127.0.0.1\"}}");
  options.timeout_ms = 30000;
  response = response_of(request("GET", "/", &options));
  at = strstr(tidegate_response_body(response, NULL), "\r\nX-Left-Ms: ");
  CHECK(at != NULL);
  left = at ? strtol(at + 13, NULL, 10) : 0;
  CHECK(left > 0 && left <= 30000);
  tidegate_response_release(response);
  end();
  CHECK(tidegate_header_timeout_ms("X-Left-Ms", "1500", 18000) == 1500);
  CHECK(tidegate_header_timeout_ms("X-Left", "1.5", 18000) == 1500);
  CHECK(tidegate_header_timeout_ms("X-Left", "90s", 18000) == 18000);
  CHECK(tidegate_header_timeout_ms("X-Left", "soon", 18000) == 18000);
  CHECK(tidegate_header_timeout_ms("X-Left", NULL, 18000) == 18000);
  CHECK(tidegate_header_timeout_ms(NULL, NULL, 18000) == 18000);
  CHECK(tidegate_header_timeout_ms("X-Left", "1", -1) == 0);
  CHECK(tidegate_header_timeout_ms("X-Left", "", INT64_MAX) == 86400000);
}

static void cookies_are_kept_on_demand_and_forgotten(void) {
  static const char *const settings[] = {"{}", "{\"http\": {\"cookies\": true}}"};
  int keeps;
  for (keeps = 0; keeps < 2; ++keeps) {
    tidegate_response *response;
    tidegate_bytes *cookies;
    begin(settings[keeps]);
    response = response_of(get(client, &server, "/away"));
    CHECK(!strstr(tidegate_response_body(response, NULL), "\r\nCookie: a=1\r\n") == !keeps);
    tidegate_response_release(response);
    CHECK_OK(tidegate_client_cookies(client, server_url(&server, "/"), &cookies, NULL));
    CHECK_TEXT(keeps ? "a=1" : "", tidegate_bytes_data(cookies));
    tidegate_bytes_release(cookies);
    CHECK_OK(tidegate_client_clear_cookies(client, NULL));
    CHECK_OK(tidegate_client_cookies(client, server_url(&server, "/"), &cookies, NULL));
    CHECK(tidegate_bytes_size(cookies) == 0);
    tidegate_bytes_release(cookies);
    end();
  }
}

static void a_user_agent_that_is_none_makes_no_client(void) {
  tidegate_config *config;
  tidegate_client *none = NULL;
  tidegate_error *error;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_set(config, "http.user_agent", "a\r\nX-Evil: 1", NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_client_create(config, "test", &none, &error));
  CHECK(none == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_CONFIG);
  tidegate_error_free(error);
  tidegate_config_destroy(config);
}

static void what_it_did_is_counted(void) {
  tidegate_client_counts counts = TIDEGATE_CLIENT_COUNTS_INIT;
  tidegate_op *op;
  server_start(&server);
  CHECK_OK(tidegate_client_create(NULL, "counted", &client, NULL)); /* no other has this name */
  tidegate_response_release(response_of(get(client, &server, "/")));
  tidegate_response_release(response_of(get(client, &server, "/")));
  op = get(client, &server, "/silent");
  sem_wait_all(&server.silent);
  CHECK_OK(tidegate_client_stats(client, &counts, NULL));
  CHECK(counts.requests == 3 && counts.responses == 2 && counts.opened == 1);
  CHECK(counts.reused == 1);
  CHECK(counts.in_flight == 1 && counts.waiting == 0);
  CHECK_OK(tidegate_op_cancel(op));
  CHECK(failure_of(op) == TIDEGATE_CAUSE_CANCELLED);
  CHECK_OK(tidegate_client_stats(client, &counts, NULL));
  CHECK(counts.failures == 1 && counts.resent == 0);
  end();
}

static void what_is_no_http_is_refused_before_anything_is_sent(void) {
  static const struct {
    const char *method, *url, *name, *value;
  } rows[] = {{"GET", NULL, "X-Name", "a\r\nX-Evil: 1"},
              {"GET", NULL, "X-Name", "a\nb"},
              {"GET", NULL, "X-Name:", "a"},
              {"GET", NULL, "", "a"},
              {"GET", NULL, "Host", "evil"},
              {"GET", NULL, "Content-Length", "1"},
              {"GET /evil", NULL, "X-Name", "a"},
              {"", NULL, "X-Name", "a"},
              {"CONNECT", NULL, "X-Name", "a"},
              {"GET", "ftp://evil/", "X-Name", "a"},
              {"GET", "/evil", "X-Name", "a"},
              {"GET", "", "X-Name", "a"},
              {"GET", "file:///evil", "X-Name", "a"},
              {"GET", "http://", "X-Name", "a"}};
  size_t i;
  begin("{}");
  for (i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    tidegate_header header;
    tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
    const char *url = rows[i].url ? rows[i].url : server_url(&server, "/");
    tidegate_op *op;
    header.name = rows[i].name;
    header.value = rows[i].value;
    options.headers = &header;
    options.header_count = 1;
    CHECK_OK(tidegate_client_request(client, rows[i].method, url, &options, &op, NULL));
    CHECK(tidegate_op_done(op) == 1);
    CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_status(op, NULL));
    CHECK(failure_of(op) == TIDEGATE_CAUSE_BAD_ARGUMENT);
  }
  CHECK(sem_count(&server.accepted) == 0);
  end();
}

static void an_operation_has_what_its_kind_has(void) {
  tidegate_executor *executor = make_executor(1);
  tidegate_answer answer = TIDEGATE_ANSWER_INIT;
  tidegate_response *response = NULL;
  tidegate_bytes *bytes = NULL;
  tidegate_rows *rows = NULL;
  tidegate_error *error;
  tidegate_op *op;
  begin("{}");
  op = get(client, &server, "/silent");
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_response(op, &response, &error));
  CHECK(response == NULL && tidegate_error_cause(error) == TIDEGATE_CAUSE_NOT_READY);
  tidegate_error_free(error);
  sem_wait_all(&server.silent);
  server_let_go(&server);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_bytes(op, &bytes, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_rows(op, &rows, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_answer(op, &answer, NULL));
  CHECK(bytes == NULL && rows == NULL && tidegate_op_reason(op) == NULL);
  tidegate_op_release(op);
  CHECK_OK(tidegate_executor_query(executor, "db", "SELECT 1", NULL, NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_response(op, &response, NULL));
  CHECK(response == NULL);
  tidegate_op_release(op);
  tidegate_executor_destroy(executor);
  end();
}

int main(void) {
  the_server_sees_what_the_options_say();
  no_body_and_an_empty_one_differ();
  parts_are_sent_as_a_form();
  any_answer_is_a_response();
  fields_are_read_by_number_and_by_name();
  no_field_has_a_nul();
  a_response_is_shared_and_outlives_all_else();
  a_response_tells_whether_its_connection_was_kept();
  each_time_of_the_options_has_its_cause();
  who_waits_too_long_for_its_turn_is_told_so();
  a_body_beyond_the_bound_is_refused();
  what_may_not_be_sent_twice_is_sent_once();
  each_attempt_has_its_line();
  a_redirect_is_followed_or_is_the_response();
  a_body_is_asked_for_as_it_is_or_encoded();
  two_requests_are_driven_from_one_poll();
  what_is_cancelled_ends_and_its_connection_is_closed();
  what_is_slow_is_sent_a_second_time_beside_the_first();
  a_request_outlives_its_handle_and_its_client();
  a_page_bounds_its_requests();
  a_client_that_is_closed_ends_its_requests_and_takes_no_more();
  a_client_has_the_settings_of_the_service_with_its_name();
  a_request_says_who_asks();
  a_request_goes_through_the_proxy_that_the_settings_or_it_name();
  cookies_are_kept_on_demand_and_forgotten();
  a_listed_host_is_told_what_is_left_and_a_caller_is_believed_so_far();
  a_user_agent_that_is_none_makes_no_client();
  what_it_did_is_counted();
  what_is_no_http_is_refused_before_anything_is_sent();
  an_operation_has_what_its_kind_has();
  return finish();
}
