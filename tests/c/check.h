/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the C tests share: CHECK, a small database that goes with the program, callables that hold
 * their thread until they are let go. A test states what holds as a function, and its main() runs
 * all of them; the last thing it runs is finish(), which looks for handles that leaked.
 */
#ifndef TIDEGATE_TESTS_C_CHECK_H
#define TIDEGATE_TESTS_C_CHECK_H

#define _XOPEN_SOURCE 700
#define TIDEGATE_API_UNSTABLE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tidegate/c.h"

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                       \
    }                                                                                \
  } while (0)

#define CHECK_OK(call) check_status(TIDEGATE_OK, (call), #call, __FILE__, __LINE__)
#define CHECK_STATUS(expected, call) check_status((expected), (call), #call, __FILE__, __LINE__)
#define CHECK_TEXT(expected, text) CHECK(strcmp((expected), (text)) == 0)

static inline void check_status(tidegate_status expected, tidegate_status status, const char *call,
                                const char *file, int line) {
  if (status == expected) return;
  fprintf(stderr, "%s:%d: %s, not %s: %s\n", file, line, tidegate_status_name(status),
          tidegate_status_name(expected), call);
  abort();
}

/* Never ends by itself, and keeps the engine busy. */
#define ENDLESS_SQL \
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

/* How often to repeat: a taste of it in `make test`, all of it in `make check`. */
static inline int repeat(int quick, int deep) { return getenv("TIDEGATE_DEEP") ? deep : quick; }

static char test_folder[64];
static char test_database[80];

static inline void remove_database(void) {
  unlink(test_database);
  rmdir(test_folder);
}

/* Runs one statement to its end. */
static inline void run_sql(tidegate_executor *executor, const char *lane, const char *sql) {
  tidegate_op *op;
  tidegate_error *error;
  CHECK_OK(tidegate_executor_query(executor, lane, sql, NULL, NULL, &op, NULL));
  CHECK_OK(tidegate_op_wait(op, -1));
  if (tidegate_op_status(op, &error) != TIDEGATE_OK) {
    fprintf(stderr, "%s: %s\n", sql, tidegate_error_message(error));
    abort();
  }
  tidegate_op_release(op);
}

/* Makes a table cars(id, make, price): 100 rows, 1, 'make 1', 1000.5; 2, 'make 2', 2000.5; … */
static inline const char *make_database(void) {
  tidegate_executor *executor;
  tidegate_sqlite_options options = TIDEGATE_SQLITE_OPTIONS_INIT;
  strcpy(test_folder, "/tmp/tidegate-c-XXXXXX");
  CHECK(mkdtemp(test_folder) != NULL);
  snprintf(test_database, sizeof test_database, "%s/cars.db", test_folder);
  options.writable = 1;
  CHECK_OK(tidegate_executor_create(NULL, &executor, NULL));
  CHECK_OK(tidegate_executor_add_sqlite(executor, "new", test_database, &options, NULL));
  run_sql(executor, "new", "CREATE TABLE cars (id INTEGER PRIMARY KEY, make TEXT, price REAL)");
  run_sql(executor, "new",
          "INSERT INTO cars WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
          "WHERE i < 100) SELECT i, 'make ' || i, i * 1000 + 0.5 FROM n");
  tidegate_executor_destroy(executor);
  CHECK(atexit(remove_database) == 0);
  return test_database;
}

/* An executor with the lanes "db" over that database, and "calls" for `concurrency` callables. */
static inline tidegate_executor *make_executor(int32_t concurrency) {
  tidegate_executor *executor;
  const char *path = test_database[0] ? test_database : make_database();
  CHECK_OK(tidegate_executor_create(NULL, &executor, NULL));
  CHECK_OK(tidegate_executor_add_sqlite(executor, "db", path, NULL, NULL));
  CHECK_OK(tidegate_executor_add_callables(executor, "calls", concurrency, NULL));
  return executor;
}

/* Holds whoever comes through until it is opened; counts what is given back. */
struct gate {
  sem_t entered;
  sem_t opened;
  sem_t freed;
};

static inline void gate_init(struct gate *gate) {
  CHECK(sem_init(&gate->entered, 0, 0) == 0);
  CHECK(sem_init(&gate->opened, 0, 0) == 0);
  CHECK(sem_init(&gate->freed, 0, 0) == 0);
}

static inline void sem_wait_all(sem_t *semaphore) {
  while (sem_wait(semaphore) != 0) CHECK(errno == EINTR);
}

static inline int sem_count(sem_t *semaphore) {
  int count = -1;
  CHECK(sem_getvalue(semaphore, &count) == 0);
  return count;
}

static inline void gate_free(void *user) { sem_post(&((struct gate *)user)->freed); }

/* A callable that waits inside until the gate is opened. */
static inline tidegate_status gate_call(const tidegate_stop *stop, void *user,
                                        tidegate_bytes **result, tidegate_error **err) {
  struct gate *gate = (struct gate *)user;
  (void)stop;
  sem_post(&gate->entered);
  sem_wait_all(&gate->opened);
  return tidegate_bytes_create("through", 7, result, err);
}

/* Ends the runtime and looks for what leaked. */
static inline int finish(void) {
  CHECK_OK(tidegate_runtime_shutdown(10000));
  CHECK(tidegate_runtime_thread_count() == 0);
  CHECK(tidegate_runtime_handle_count() == 0);
  return 0;
}

/* Bytes of a text. */
static inline tidegate_bytes *make_bytes(const char *text) {
  tidegate_bytes *bytes;
  CHECK_OK(tidegate_bytes_create(text, strlen(text), &bytes, NULL));
  return bytes;
}

/* A cache of these settings, {"cache": {…}}. */
static inline tidegate_cache *make_cache(const char *json) {
  tidegate_config *config;
  tidegate_cache *cache;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_load_json(config, json, NULL));
  CHECK_OK(tidegate_cache_create(config, "test", &cache, NULL));
  tidegate_config_destroy(config);
  return cache;
}

#endif
