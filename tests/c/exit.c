/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

/* Threads that nobody joined are what this test is about. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "report_thread_leaks=0"; }

/* A program may end with work, callbacks and handles of every kind outstanding: its status is 0. */
static void done(tidegate_op *op, void *user) { (void)op, (void)user; }

int main(void) {
  static struct gate gate;
  tidegate_executor *executor = make_executor(1);
  tidegate_queue *queue;
  tidegate_op *op;
  int i;
  gate_init(&gate);
  CHECK_OK(tidegate_queue_create(&queue, NULL));
  CHECK(tidegate_queue_fd(queue) >= 0);
  for (i = 0; i < 8; ++i) {
    CHECK_OK(tidegate_executor_query(executor, "db", ENDLESS_SQL, NULL, NULL, &op, NULL));
    CHECK_OK(tidegate_op_on_done(op, done, NULL, NULL, NULL));
    CHECK_OK(tidegate_queue_add(queue, op, 1, NULL));
  }
  CHECK_OK(tidegate_executor_call(executor, "calls", gate_call, &gate, gate_free, NULL, &op, NULL));
  sem_wait_all(&gate.entered);
  return 0;
}
