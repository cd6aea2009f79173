/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "check.h"

static tidegate_executor *executor;

static tidegate_op *submit(tidegate_call_fn fn, void *user, tidegate_free_fn user_free,
                           const tidegate_call_options *options) {
  tidegate_op *op;
  CHECK_OK(tidegate_executor_call(executor, "calls", fn, user, user_free, options, &op, NULL));
  return op;
}

static tidegate_op *run(tidegate_call_fn fn, void *user, tidegate_free_fn user_free,
                        const tidegate_call_options *options) {
  tidegate_op *op = submit(fn, user, user_free, options);
  CHECK_OK(tidegate_op_wait(op, -1));
  return op;
}

static void check_bytes(tidegate_op *op, const char *text) {
  tidegate_bytes *bytes;
  CHECK_OK(tidegate_op_bytes(op, &bytes, NULL));
  CHECK(tidegate_bytes_size(bytes) == strlen(text));
  CHECK(memcmp(tidegate_bytes_data(bytes), text, strlen(text)) == 0);
  tidegate_bytes_release(bytes);
}

static tidegate_status twice(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                             tidegate_error **err) {
  char text[32];
  CHECK(tidegate_stop_requested(stop) == 0 && tidegate_stop_left_ms(stop) > 0);
  snprintf(text, sizeof text, "%d", 2 * *(int *)user);
  return tidegate_bytes_create(text, strlen(text), result, err);
}

static void a_callable_yields_bytes(void) {
  int number = 21;
  tidegate_rows *rows;
  tidegate_op *op = run(twice, &number, NULL, NULL);
  check_bytes(op, "42");
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT, tidegate_op_rows(op, &rows, NULL));
  tidegate_op_release(op);
}

static tidegate_status nothing(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                               tidegate_error **err) {
  (void)stop, (void)user, (void)result, (void)err;
  return TIDEGATE_OK;
}

static void a_callable_may_yield_nothing(void) {
  tidegate_op *op = run(nothing, NULL, NULL, NULL);
  check_bytes(op, "");
  tidegate_op_release(op);
}

static tidegate_status no_copy(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                               tidegate_error **err) {
  (void)stop;
  return tidegate_bytes_create_nocopy("static", 6, user, gate_free, result, err);
}

static void bytes_are_passed_on_without_a_copy(void) {
  struct gate gate;
  tidegate_bytes *bytes;
  tidegate_op *op;
  gate_init(&gate);
  op = run(no_copy, &gate, NULL, NULL);
  CHECK_OK(tidegate_op_bytes(op, &bytes, NULL));
  tidegate_op_release(op);
  CHECK_TEXT("static", tidegate_bytes_data(bytes));
  CHECK_OK(tidegate_bytes_retain(bytes));
  tidegate_bytes_release(bytes);
  tidegate_bytes_release(bytes);
  tidegate_bytes_release(bytes);
  sem_wait_all(&gate.freed); /* the worker may hold the answer for a moment longer */
  CHECK(sem_count(&gate.freed) == 0);
}

static tidegate_status with_an_error(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                                     tidegate_error **err) {
  (void)stop, (void)user;
  CHECK_OK(tidegate_bytes_create("dropped", 7, result, NULL));
  *err = tidegate_error_create(TIDEGATE_CAUSE_ENGINE_UNAVAILABLE, "the printer is on fire");
  return TIDEGATE_UNAVAILABLE;
}

static tidegate_status with_a_number(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                                     tidegate_error **err) {
  (void)stop, (void)user, (void)result, (void)err;
  return TIDEGATE_ABORTED;
}

static tidegate_status with_rubbish(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                                    tidegate_error **err) {
  (void)stop, (void)user, (void)err;
  *result = (tidegate_bytes *)result;
  return TIDEGATE_OK;
}

static void a_callable_may_fail(void) {
  tidegate_error *error;
  tidegate_op *op = run(with_an_error, NULL, NULL, NULL);
  CHECK_STATUS(TIDEGATE_UNAVAILABLE, tidegate_op_status(op, &error));
  CHECK_TEXT("the printer is on fire", tidegate_error_message(error));
  tidegate_error_free(error);
  tidegate_op_release(op);

  op = run(with_a_number, NULL, NULL, NULL);
  CHECK_STATUS(TIDEGATE_UNKNOWN, tidegate_op_status(op, &error));
  CHECK_TEXT("callable_failed", tidegate_error_name(error));
  CHECK(strstr(tidegate_error_message(error), "ABORTED"));
  tidegate_error_free(error);
  tidegate_op_release(op);

  op = run(with_rubbish, NULL, NULL, NULL);
  CHECK_STATUS(TIDEGATE_UNKNOWN, tidegate_op_status(op, NULL));
  tidegate_op_release(op);
}

static void a_fallback_takes_the_place_of_a_failure(void) {
  tidegate_call_options options = TIDEGATE_CALL_OPTIONS_INIT;
  tidegate_bytes *spare;
  tidegate_error *reason;
  tidegate_op *op;
  struct gate gate;
  gate_init(&gate);
  CHECK_OK(tidegate_bytes_create_nocopy("spare", 5, &gate, gate_free, &spare, NULL));
  options.use_fallback = 1;
  options.fallback = spare;
  op = run(with_an_error, NULL, NULL, &options);
  tidegate_bytes_release(spare);
  check_bytes(op, "spare");
  reason = tidegate_op_reason(op);
  CHECK_TEXT("the printer is on fire", tidegate_error_message(reason));
  tidegate_error_free(reason);
  CHECK(sem_count(&gate.freed) == 0);
  tidegate_op_release(op);
  sem_wait_all(&gate.freed);

  options.fallback = NULL;
  op = run(with_a_number, NULL, NULL, &options);
  check_bytes(op, "");
  tidegate_op_release(op);
}

static tidegate_status until_stopped(const tidegate_stop *stop, void *user, tidegate_bytes **result,
                                     tidegate_error **err) {
  struct gate *gate = user;
  (void)result, (void)err;
  sem_post(&gate->entered);
  while (!tidegate_stop_requested(stop)) {
  }
  sem_wait_all(&gate->opened);
  return TIDEGATE_OK;
}

/* Waits until a call that was given up is inside, or will never be. */
static int has_entered(struct gate *gate) {
  while (sem_trywait(&gate->entered) != 0) {
    if (sem_count(&gate->freed) > 0) return 0;
    sched_yield();
  }
  return 1;
}

static void a_callable_sees_that_it_is_not_wanted_any_more(void) {
  tidegate_call_options options = TIDEGATE_CALL_OPTIONS_INIT;
  struct gate gate;
  tidegate_op *op;
  gate_init(&gate);
  op = submit(until_stopped, &gate, gate_free, NULL);
  sem_wait_all(&gate.entered);
  CHECK_OK(tidegate_op_cancel(op));
  CHECK_STATUS(TIDEGATE_CANCELLED, tidegate_op_status(op, NULL));
  sem_post(&gate.opened);
  sem_wait_all(&gate.freed);
  tidegate_op_release(op);

  /* It never begins where its thread takes longer to start than it has time: then with more. */
  for (options.timeout_ms = 20;; options.timeout_ms *= 4) {
    op = run(until_stopped, &gate, gate_free, &options);
    CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(op, NULL));
    if (has_entered(&gate)) break;
    CHECK(options.timeout_ms < 20000);
    sem_wait_all(&gate.freed);
    tidegate_op_release(op);
  }
  CHECK(sem_count(&gate.freed) == 0);
  sem_post(&gate.opened);
  sem_wait_all(&gate.freed);
  tidegate_op_release(op);
}

/* The lane has one thread, which the first call holds; it is a new one, which does not know yet how
 * long calls take, and so refuses none. */
static void user_data_comes_back_from_a_call_that_never_runs(void) {
  tidegate_call_options options = TIDEGATE_CALL_OPTIONS_INIT;
  struct gate busy, cancelled, late, closed;
  tidegate_op *ops[4];
  int i;
  gate_init(&busy);
  gate_init(&cancelled);
  gate_init(&late);
  gate_init(&closed);
  options.timeout_ms = 20;
  tidegate_executor_destroy(executor);
  executor = make_executor(1);
  ops[0] = submit(gate_call, &busy, gate_free, NULL);
  sem_wait_all(&busy.entered);
  ops[1] = submit(gate_call, &cancelled, gate_free, NULL);
  ops[2] = submit(gate_call, &late, gate_free, &options);
  ops[3] = submit(gate_call, &closed, gate_free, NULL);
  CHECK_OK(tidegate_op_cancel(ops[1]));
  CHECK(sem_count(&cancelled.freed) == 1);
  sem_wait_all(&late.freed);
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(ops[2], NULL));
  tidegate_executor_destroy(executor);
  CHECK(sem_count(&closed.freed) == 1);
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_status(ops[3], NULL));
  CHECK_STATUS(TIDEGATE_FAILED_PRECONDITION, tidegate_op_status(ops[0], NULL));
  sem_post(&busy.opened);
  sem_wait_all(&busy.freed);
  for (i = 0; i < 4; ++i) tidegate_op_release(ops[i]);
  CHECK(sem_count(&cancelled.freed) == 1 && sem_count(&closed.freed) == 1);
  CHECK(sem_count(&cancelled.entered) + sem_count(&late.entered) + sem_count(&closed.entered) == 0);
  executor = make_executor(1);
}

static void user_data_comes_back_from_a_call_that_is_refused(void) {
  tidegate_call_options options = TIDEGATE_CALL_OPTIONS_INIT;
  tidegate_op *op;
  tidegate_bytes *bytes;
  struct gate gate;
  gate_init(&gate);
  options.struct_size = 1;
  CHECK_STATUS(
      TIDEGATE_INVALID_ARGUMENT,
      tidegate_executor_call(executor, "calls", gate_call, &gate, gate_free, &options, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_call(executor, "calls", NULL, &gate, gate_free, NULL, &op, NULL));
  CHECK_STATUS(
      TIDEGATE_INVALID_ARGUMENT,
      tidegate_executor_call(executor, "calls", gate_call, &gate, gate_free, NULL, NULL, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_executor_call(NULL, "calls", gate_call, &gate, gate_free, NULL, &op, NULL));
  CHECK_STATUS(TIDEGATE_INVALID_ARGUMENT,
               tidegate_bytes_create_nocopy(NULL, 1, &gate, gate_free, &bytes, NULL));
  CHECK(sem_count(&gate.freed) == 5 && sem_count(&gate.entered) == 0);
}

int main(void) {
  executor = make_executor(1);
  a_callable_yields_bytes();
  a_callable_may_yield_nothing();
  bytes_are_passed_on_without_a_copy();
  a_callable_may_fail();
  a_fallback_takes_the_place_of_a_failure();
  a_callable_sees_that_it_is_not_wanted_any_more();
  user_data_comes_back_from_a_call_that_never_runs();
  user_data_comes_back_from_a_call_that_is_refused();
  tidegate_executor_destroy(executor);
  return finish();
}
