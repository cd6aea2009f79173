// SPDX-License-Identifier: Apache-2.0
//
// An event loop of the program's own: one poll() on a completion queue, behind which there
// may be any number of operations. Two queries run at once over one SQLite file, and no
// thread waits for either of them.
//
//   two_queries [FILE]     a database with a table cars (id, make, price); without one it makes one
#define TIDEGATE_API_UNSTABLE

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <tidegate/c.h>
#include <unistd.h>

// What the numbers mean that the operations are queued under.
enum { kCheapest, kByMake, kQueries };

// Says what is wrong and ends the program.
static void die(const char *doing, tidegate_error *error) {
  fprintf(stderr, "%s: %s (%s)\n", doing, tidegate_error_message(error),
          tidegate_error_name(error));
  tidegate_error_free(error);
  exit(1);
}

static tidegate_op *query(tidegate_executor *ex, const char *lane, const char *sql,
                          const tidegate_params *params, const tidegate_query_options *options) {
  tidegate_error *error;
  tidegate_op *op;
  if (tidegate_executor_query(ex, lane, sql, params, options, &op, &error) != TIDEGATE_OK) {
    die("query", error);
  }
  return op;
}

// 1,000 cars in a file of their own, written through a lane that may write.
static void make_cars(tidegate_executor *ex, const char *path) {
  tidegate_sqlite_options options = TIDEGATE_SQLITE_OPTIONS_INIT;
  tidegate_error *error;
  options.writable = 1;
  if (tidegate_executor_add_sqlite(ex, "setup", path, &options, &error) != TIDEGATE_OK) {
    die("setup", error);
  }
  tidegate_op *op =
      query(ex, "setup",
            "CREATE TABLE cars AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " LIMIT 1000) SELECT i AS id, CASE i % 3 WHEN 0 THEN 'Audi' WHEN 1 THEN 'Kia' ELSE"
            " 'Volvo' END AS make, 900 + i * 37 % 1000 * 50 AS price FROM n",
            NULL, NULL);
  tidegate_op_wait(op, -1);
  if (tidegate_op_status(op, &error) != TIDEGATE_OK) die("setup", error);
  tidegate_op_release(op);
}

static void print_text(const tidegate_rows *rows, size_t row, size_t column) {
  size_t size;
  const char *text = tidegate_rows_text(rows, row, column, &size);
  printf("%.*s", (int)size, text);
}

static void print_rows(const char *title, const tidegate_rows *rows) {
  printf("%s\n", title);
  for (size_t row = 0; row < tidegate_rows_size(rows); ++row) {
    printf("  ");
    print_text(rows, row, 0);
    printf(" %lld\n", (long long)tidegate_rows_int64(rows, row, 1));
  }
}

// The rows of an operation that has ended; or the error that says why there are none.
static tidegate_rows *take_rows(tidegate_op *op) {
  tidegate_error *error;
  tidegate_rows *rows;
  if (tidegate_op_rows(op, &rows, &error) != TIDEGATE_OK) die("answer", error);
  tidegate_op_release(op);
  return rows;
}

int main(int argc, char **argv) {
  char own[64];
  const char *path = argc > 1 ? argv[1] : own;
  tidegate_error *error;
  tidegate_executor *ex;
  tidegate_queue *queue;
  if (tidegate_executor_create(NULL, &ex, &error) != TIDEGATE_OK) die("executor", error);
  if (argc == 1) {
    snprintf(own, sizeof own, "two_queries-%ld.db", (long)getpid());
    make_cars(ex, own);
  }
  if (tidegate_executor_add_sqlite(ex, "cars", path, NULL, &error) != TIDEGATE_OK) {
    die("cars", error);
  }
  if (tidegate_queue_create(&queue, &error) != TIDEGATE_OK) die("queue", error);

  tidegate_params *params;
  if (tidegate_params_create(&params, &error) != TIDEGATE_OK) die("params", error);
  tidegate_params_set_int64(params, "most", 1100);
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  options.timeout_ms = 5000;
  tidegate_op *cheapest =
      query(ex, "cars", "SELECT make, price FROM cars WHERE price < :most ORDER BY price", params,
            &options);
  tidegate_op *by_make =
      query(ex, "cars", "SELECT make, count(*) FROM cars GROUP BY make", NULL, &options);
  tidegate_params_destroy(params);

  // The queue keeps what it needs: the loop below has no other state.
  tidegate_queue_add(queue, cheapest, kCheapest, NULL);
  tidegate_queue_add(queue, by_make, kByMake, NULL);
  tidegate_op_release(cheapest);
  tidegate_op_release(by_make);

  tidegate_rows *rows[kQueries];
  struct pollfd watched = {tidegate_queue_fd(queue), POLLIN, 0};
  for (size_t ended = 0; ended < kQueries && poll(&watched, 1, -1) > 0;) {
    tidegate_event events[16];
    const size_t count = tidegate_queue_next(queue, events, 16);
    for (size_t i = 0; i < count; ++i) rows[events[i].tag] = take_rows(events[i].op);
    ended += count;
  }
  print_rows("the cheapest", rows[kCheapest]);
  print_rows("so many of each", rows[kByMake]);

  for (int i = 0; i < kQueries; ++i) tidegate_rows_release(rows[i]);
  tidegate_queue_destroy(queue);
  tidegate_executor_destroy(ex);
  if (argc == 1) unlink(own);
  return 0;
}
