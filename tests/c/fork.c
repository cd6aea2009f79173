/* SPDX-License-Identifier: Apache-2.0 */

#include "http_server.h"

/* The thread sanitizer gives up in a child that starts threads, unless it is asked not to. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

/* And in such a child it calls epoll_pwait2() twice (the first result is dropped), so that the
 * library's I/O thread misses what woke it. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { kLoadsInAChild = 0 };
#define TIDEGATE_TEST_UNDER_TSAN
#endif
#endif
#ifndef TIDEGATE_TEST_UNDER_TSAN
enum { kLoadsInAChild = 1 };
#endif

static tidegate_executor *executor;

static tidegate_op *query(const char *sql) {
  tidegate_op *op;
  CHECK_OK(tidegate_executor_query(executor, "db", sql, NULL, NULL, &op, NULL));
  return op;
}

/* Runs `body` in a child, which ends without the exit handlers of its parent. */
static void in_a_child(void (*body)(void *), void *shared) {
  int status;
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    body(shared);
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void use_the_executor(void *ignored) {
  (void)ignored;
  run_sql(executor, "db", "SELECT count(*) FROM cars");
  CHECK_OK(tidegate_runtime_shutdown(10000));
}

static void never(tidegate_op *op, void *user) {
  const int called_in_the_child = 1;
  (void)op, (void)user;
  CHECK(!called_in_the_child);
}

static void see_that_it_never_ends(void *raw) {
  tidegate_op *op = raw;
  tidegate_error *error;
  CHECK(tidegate_op_done(op) == 0);
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_status(op, &error));
  CHECK(strstr(tidegate_error_message(error), "fork"));
  tidegate_error_free(error);
  CHECK_OK(tidegate_op_cancel(op));
  CHECK_OK(tidegate_op_on_done(op, never, NULL, NULL, NULL));
  CHECK(tidegate_op_done(op) == 0);
  tidegate_op_release(op);
  use_the_executor(NULL);
}

static void work_in_flight_stays_with_the_parent(void) {
  tidegate_op *op = query(ENDLESS_SQL);
  in_a_child(see_that_it_never_ends, op);
  CHECK(tidegate_op_done(op) == 0);
  CHECK_OK(tidegate_op_cancel(op));
  CHECK_STATUS(TIDEGATE_CANCELLED, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
  run_sql(executor, "db", "SELECT 1");
}

static void read_the_result(void *raw) {
  tidegate_rows *rows;
  CHECK_OK(tidegate_op_rows(raw, &rows, NULL));
  CHECK(tidegate_rows_int64(rows, 0, 0) == 7);
  tidegate_rows_release(rows);
}

static void a_result_is_there_in_both(void) {
  tidegate_op *op = query("SELECT 7");
  CHECK_OK(tidegate_op_wait(op, -1));
  in_a_child(read_the_result, op);
  read_the_result(op);
  tidegate_op_release(op);
}

struct waiting {
  tidegate_queue *queue;
  int fd;
};

static void see_an_empty_queue(void *raw) {
  struct waiting *waiting = raw;
  tidegate_event event;
  tidegate_op *op;
  struct pollfd ready = {-1, POLLIN, 0};
  CHECK(tidegate_queue_size(waiting->queue) == 0);
  CHECK(tidegate_queue_next(waiting->queue, &event, 1) == 0);
  ready.fd = tidegate_queue_fd(waiting->queue);
  CHECK(ready.fd >= 0 && ready.fd != waiting->fd);
  op = query("SELECT 1");
  CHECK_OK(tidegate_queue_add(waiting->queue, op, 9, NULL));
  CHECK(poll(&ready, 1, -1) == 1);
  CHECK(tidegate_queue_next(waiting->queue, &event, 1) == 1 && event.tag == 9 && event.op == op);
  tidegate_op_release(op);
  tidegate_op_release(event.op);
  tidegate_queue_destroy(waiting->queue);
}

static void a_queue_is_empty_in_the_child(void) {
  struct waiting waiting;
  struct pollfd ready = {-1, POLLIN, 0};
  tidegate_event event;
  tidegate_op *op = query("SELECT 1");
  CHECK_OK(tidegate_queue_create(&waiting.queue, NULL));
  waiting.fd = ready.fd = tidegate_queue_fd(waiting.queue);
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_queue_add(waiting.queue, op, 1, NULL));
  in_a_child(see_an_empty_queue, &waiting);
  CHECK(poll(&ready, 1, -1) == 1);
  CHECK(tidegate_queue_next(waiting.queue, &event, 1) == 1 && event.tag == 1);
  tidegate_op_release(event.op);
  tidegate_op_release(op);
  tidegate_queue_destroy(waiting.queue);
}

static void give_everything_back(void *raw) {
  tidegate_page_destroy(raw);
  tidegate_executor_destroy(executor);
}

static void a_child_may_give_back_what_is_in_flight(void) {
  tidegate_page *page;
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_op *op;
  CHECK_OK(tidegate_page_create(-1, &page, NULL));
  options.page = page;
  CHECK_OK(tidegate_executor_query(executor, "db", ENDLESS_SQL, NULL, &options, &op, NULL));
  in_a_child(give_everything_back, page);
  CHECK(tidegate_op_done(op) == 0);
  tidegate_page_destroy(page);
  CHECK_STATUS(TIDEGATE_CANCELLED, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
}

static void load_answer(tidegate_load *load, void *user) {
  tidegate_bytes *value;
  CHECK_OK(tidegate_bytes_create(user, strlen(user), &value, NULL));
  CHECK_OK(tidegate_load_succeed(load, value));
  tidegate_bytes_release(value);
}

static void check_loads(tidegate_cache *cache, const char *text) {
  tidegate_op *op;
  tidegate_bytes *value;
  CHECK_OK(tidegate_cache_get(cache, "k", &value, NULL, NULL));
  CHECK(value == NULL);
  CHECK_OK(
      tidegate_cache_get_or_load(cache, "k", load_answer, (void *)text, NULL, NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_bytes(op, &value, NULL));
  CHECK_TEXT(text, tidegate_bytes_data(value));
  tidegate_bytes_release(value);
  tidegate_op_release(op);
}

/* A loader that waits for its answer, and where it does. */
struct under_way {
  tidegate_cache *cache;
  tidegate_op *op;
  tidegate_load *load;
  sem_t kept;
};

static void keep_load(tidegate_load *load, void *user) {
  struct under_way *under_way = user;
  CHECK_OK(tidegate_load_retain(load));
  under_way->load = load;
  sem_post(&under_way->kept);
}

static void see_a_load_of_the_parent(void *raw) {
  struct under_way *under_way = raw;
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_wait(under_way->op, -1));
  CHECK_TEXT("k", tidegate_load_key(under_way->load));
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION,
               tidegate_load_fail(under_way->load, TIDEGATE_CAUSE_CLOSED, "in the child"));
  tidegate_load_release(under_way->load);
  tidegate_op_release(under_way->op);
  if (kLoadsInAChild) check_loads(under_way->cache, "of the child");
  tidegate_cache_destroy(under_way->cache);
  CHECK_OK(tidegate_runtime_shutdown(10000));
}

static void a_cache_is_empty_in_the_child_and_a_load_stays_with_the_parent(void) {
  struct under_way under_way;
  tidegate_bytes *value;
  CHECK(sem_init(&under_way.kept, 0, 0) == 0);
  CHECK_OK(tidegate_cache_create(NULL, "test", &under_way.cache, NULL));
  CHECK_OK(tidegate_cache_get_or_load(under_way.cache, "k", keep_load, &under_way, NULL, NULL,
                                      &under_way.op, NULL));
  sem_wait_all(&under_way.kept);
  in_a_child(see_a_load_of_the_parent, &under_way);
  CHECK(tidegate_op_done(under_way.op) == 0);
  load_answer(under_way.load, "of the parent");
  tidegate_load_release(under_way.load);
  CHECK_OK(tidegate_op_wait(under_way.op, -1));
  CHECK_OK(tidegate_op_bytes(under_way.op, &value, NULL));
  CHECK_TEXT("of the parent", tidegate_bytes_data(value));
  tidegate_bytes_release(value);
  tidegate_op_release(under_way.op);
  tidegate_cache_destroy(under_way.cache);
}

/* A request that waits for its answer, and one that has it. */
struct requests {
  struct server server;
  tidegate_client *client;
  tidegate_op *waiting;
  tidegate_response *response;
};

static void see_a_request_of_the_parent(void *raw) {
  struct requests *requests = raw;
  tidegate_response *response;
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_wait(requests->waiting, -1));
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION,
               tidegate_op_response(requests->waiting, &response, NULL));
  CHECK_OK(tidegate_op_cancel(requests->waiting));
  tidegate_op_release(requests->waiting);
  CHECK_TEXT("not here", tidegate_response_body(requests->response, NULL));
  tidegate_response_release(requests->response);
  if (kLoadsInAChild) {
    response = response_of(get(requests->client, &requests->server, "/missing"));
    CHECK(tidegate_response_status(response) == 404 && tidegate_response_reused(response) == 0);
    tidegate_response_release(response);
  }
  tidegate_client_destroy(requests->client);
  CHECK_OK(tidegate_runtime_shutdown(10000));
}

static void a_client_works_in_the_child_and_a_request_stays_with_the_parent(void) {
  struct requests requests;
  tidegate_response *response;
  server_start(&requests.server);
  requests.client = make_client("{}");
  requests.response = response_of(get(requests.client, &requests.server, "/missing"));
  requests.waiting = get(requests.client, &requests.server, "/silent");
  sem_wait_all(&requests.server.silent);
  in_a_child(see_a_request_of_the_parent, &requests);
  CHECK(tidegate_op_done(requests.waiting) == 0);
  server_let_go(&requests.server);
  response = response_of(requests.waiting);
  CHECK_TEXT("at last", tidegate_response_body(response, NULL));
  tidegate_response_release(response);
  tidegate_response_release(requests.response);
  tidegate_client_destroy(requests.client);
  server_stop(&requests.server);
}

int main(void) {
  executor = make_executor(2);
  work_in_flight_stays_with_the_parent();
  a_result_is_there_in_both();
  a_queue_is_empty_in_the_child();
  a_child_may_give_back_what_is_in_flight();
  a_cache_is_empty_in_the_child_and_a_load_stays_with_the_parent();
  a_client_works_in_the_child_and_a_request_stays_with_the_parent();
  while (!tidegate_runtime_quiesce()) { /* a query that was cancelled still returns */
  }
  CHECK(tidegate_runtime_thread_count() == 0);
  in_a_child(use_the_executor, NULL);
  use_the_executor(NULL);
  tidegate_executor_destroy(executor);
  return finish();
}
