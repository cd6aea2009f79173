/* SPDX-License-Identifier: Apache-2.0 */

#include "check.h"

static tidegate_executor *executor;

static tidegate_op *query_with(const char *sql, const tidegate_query_options *options) {
  tidegate_op *op;
  CHECK_OK(tidegate_executor_query(executor, "db", sql, NULL, options, &op, NULL));
  return op;
}

static tidegate_op *query(const char *sql) { return query_with(sql, NULL); }

static tidegate_queue *make_queue(void) {
  tidegate_queue *queue;
  CHECK_OK(tidegate_queue_create(&queue, NULL));
  return queue;
}

/* Adds an operation whose only other reference goes. */
static void add(tidegate_queue *queue, tidegate_op *op, uint64_t tag) {
  CHECK_OK(tidegate_queue_add(queue, op, tag, NULL));
  tidegate_op_release(op);
}

static int readable(int fd, int timeout_ms) {
  struct pollfd ready = {fd, POLLIN, 0};
  int count = poll(&ready, 1, timeout_ms);
  CHECK(count >= 0);
  return count;
}

static void two_operations_are_driven_from_one_poll(void) {
  tidegate_queue *queue = make_queue();
  tidegate_event events[8];
  int64_t sums[3] = {0, 0, 0};
  int left = 2;
  add(queue, query("SELECT sum(id) FROM cars"), 1);
  add(queue, query("SELECT max(id) FROM cars"), 2);
  while (left > 0) {
    size_t count, i;
    CHECK(readable(tidegate_queue_fd(queue), -1) == 1);
    count = tidegate_queue_next(queue, events, 8);
    for (i = 0; i < count; ++i, --left) {
      tidegate_rows *rows;
      CHECK(events[i].status == TIDEGATE_OK && events[i].reserved == 0);
      CHECK(tidegate_op_done(events[i].op) == 1);
      CHECK_OK(tidegate_op_rows(events[i].op, &rows, NULL));
      sums[events[i].tag] = tidegate_rows_int64(rows, 0, 0);
      tidegate_rows_release(rows);
      tidegate_op_release(events[i].op);
    }
  }
  CHECK(sums[1] == 5050 && sums[2] == 100);
  CHECK(readable(tidegate_queue_fd(queue), 0) == 0);
  tidegate_queue_destroy(queue);
}

static void the_descriptor_is_readable_while_events_wait(void) {
  tidegate_queue *queue = make_queue();
  tidegate_event event;
  int fd = tidegate_queue_fd(queue), i;
  unsigned seen = 0;
  CHECK(fd >= 0 && tidegate_queue_fd(queue) == fd);
  CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  CHECK(tidegate_queue_size(queue) == 0 && tidegate_queue_next(queue, &event, 1) == 0);
  for (i = 0; i < 3; ++i) {
    tidegate_op *op = query("SELECT 1");
    CHECK_OK(tidegate_op_wait(op, -1));
    add(queue, op, (uint64_t)i);
  }
  while (tidegate_queue_size(queue) < 3) CHECK(readable(fd, -1) == 1);
  for (i = 0; i < 3; ++i) {
    CHECK(readable(fd, 0) == 1);
    CHECK(tidegate_queue_next(queue, &event, 1) == 1);
    seen |= 1U << event.tag;
    tidegate_op_release(event.op);
  }
  CHECK(seen == 7);
  CHECK(readable(fd, 0) == 0);
  CHECK(tidegate_queue_next(queue, &event, 0) == 0);
  CHECK(tidegate_queue_next(queue, NULL, 1) == 0);
  tidegate_queue_destroy(queue);
  CHECK(fcntl(fd, F_GETFD) == -1);
}

static void an_event_carries_the_handle_that_is_still_held(void) {
  tidegate_queue *queue = make_queue();
  tidegate_op *op = query("SELECT 1");
  tidegate_event events[2];
  size_t count = 0;
  CHECK_OK(tidegate_queue_add(queue, op, 7, NULL));
  CHECK_OK(tidegate_queue_add(queue, op, UINT64_MAX, NULL));
  while (count < 2) {
    CHECK(readable(tidegate_queue_fd(queue), -1) == 1);
    count += tidegate_queue_next(queue, events + count, 2 - count);
  }
  CHECK(events[0].op == op && events[1].op == op);
  CHECK(events[0].tag != events[1].tag);
  CHECK(events[0].tag == 7 || events[0].tag == UINT64_MAX);
  tidegate_op_release(op);
  tidegate_op_release(events[0].op);
  CHECK_OK(tidegate_op_status(op, NULL));
  tidegate_op_release(events[1].op);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_status(op, NULL));
  tidegate_queue_destroy(queue);
}

static void an_event_tells_the_outcome(void) {
  tidegate_queue *queue = make_queue();
  tidegate_op *op = query(ENDLESS_SQL);
  tidegate_event event;
  CHECK_OK(tidegate_queue_add(queue, op, 1, NULL));
  CHECK_OK(tidegate_op_cancel(op));
  CHECK(readable(tidegate_queue_fd(queue), -1) == 1);
  CHECK(tidegate_queue_next(queue, &event, 1) == 1);
  CHECK(event.status == TIDEGATE_CANCELLED);
  tidegate_op_release(event.op);
  tidegate_op_release(op);
  tidegate_queue_destroy(queue);
}

static void a_queue_may_go_before_its_operations(void) {
  tidegate_queue *queue = make_queue();
  tidegate_op *op = query(ENDLESS_SQL);
  CHECK_OK(tidegate_queue_add(queue, op, 1, NULL));
  add(queue, query("SELECT 1"), 2);
  tidegate_queue_destroy(queue);
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_queue_add(queue, op, 1, NULL));
  CHECK(tidegate_op_done(op) == 0);
  CHECK_OK(tidegate_op_cancel(op));
  tidegate_op_release(op);
}

static void a_thousand_operations_come_each_once(void) {
  enum { kCalls = 1000 };
  static char seen[kCalls];
  tidegate_queue *queue = make_queue();
  tidegate_event events[100];
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  int submitted = 0, ended = 0;
  options.timeout_ms = 3600000; /* so that none is refused, however slow the first one was */
  while (ended < kCalls) {
    size_t count, i;
    while (submitted < kCalls && submitted - ended < 500) {
      add(queue, query_with("SELECT 1", &options), (uint64_t)submitted);
      ++submitted;
    }
    CHECK(readable(tidegate_queue_fd(queue), -1) == 1);
    count = tidegate_queue_next(queue, events, 100);
    for (i = 0; i < count; ++i, ++ended) {
      CHECK(events[i].status == TIDEGATE_OK && seen[events[i].tag]++ == 0);
      tidegate_op_release(events[i].op);
    }
  }
  tidegate_queue_destroy(queue);
}

int main(void) {
  executor = make_executor(1);
  two_operations_are_driven_from_one_poll();
  the_descriptor_is_readable_while_events_wait();
  an_event_carries_the_handle_that_is_still_held();
  an_event_tells_the_outcome();
  a_queue_may_go_before_its_operations();
  a_thousand_operations_come_each_once();
  tidegate_executor_destroy(executor);
  return finish();
}
