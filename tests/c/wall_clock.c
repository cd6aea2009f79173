/* SPDX-License-Identifier: Apache-2.0 */
/* [L1] The wall clock jumps, a day ahead and a day back, while calls are in flight: nothing ends
 * early, nothing hangs. The jumps are this program's alone: it has the functions that tell the time
 * in place of libc's. */
#include "check.h"
/* After it: */
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { kDay = 24 * 60 * 60 };

/* Not in POSIX. */
extern long syscall(long number, ...);

/* Seen by the libraries. */
#define IN_PLACE_OF_LIBC __attribute__((visibility("default")))

static int days_ahead;

static void jump_to(int days) { __atomic_store_n(&days_ahead, days, __ATOMIC_SEQ_CST); }

IN_PLACE_OF_LIBC int clock_gettime(clockid_t clock, struct timespec *now) {
  if (syscall(SYS_clock_gettime, clock, now) != 0) return -1;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
    now->tv_sec += (time_t)__atomic_load_n(&days_ahead, __ATOMIC_SEQ_CST) * kDay;
  return 0;
}

IN_PLACE_OF_LIBC int gettimeofday(struct timeval *now, void *zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

IN_PLACE_OF_LIBC time_t time(time_t *seconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds) *seconds = now.tv_sec;
  return now.tv_sec;
}

static tidegate_executor *executor;

static tidegate_op *query(const char *sql, int64_t timeout_ms) {
  tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
  tidegate_op *op;
  options.timeout_ms = timeout_ms;
  CHECK_OK(tidegate_executor_query(executor, "db", sql, NULL, &options, &op, NULL));
  return op;
}

static int64_t what_day_it_is(void) {
  tidegate_op *op = query("SELECT CAST(strftime('%s', 'now') AS INTEGER) / 86400", 0);
  tidegate_rows *rows;
  int64_t day;
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_rows(op, &rows, NULL));
  day = tidegate_rows_int64(rows, 0, 0);
  tidegate_rows_release(rows);
  tidegate_op_release(op);
  return day;
}

/* Without this the other tests would hold whatever the library did. */
static void what_the_library_loads_sees_the_jumps(void) {
  const int64_t today = what_day_it_is();
  int64_t later;
  jump_to(10);
  later = what_day_it_is();
  jump_to(0);
  CHECK(later == today + 10 || later == today + 11);
}

/* `days` is where the clock jumps to once the calls are in flight. */
static void deadlines_do_not_follow_the_wall_clock(int days) {
  tidegate_call_options an_hour = TIDEGATE_CALL_OPTIONS_INIT;
  struct gate gate;
  tidegate_op *patient, *late;
  tidegate_error *error;
  gate_init(&gate);
  an_hour.timeout_ms = 60 * 60 * 1000;
  CHECK_OK(tidegate_executor_call(executor, "calls", gate_call, &gate, gate_free, &an_hour,
                                  &patient, NULL));
  sem_wait_all(&gate.entered);
  late = query(ENDLESS_SQL, 50);
  jump_to(days);

  CHECK_OK(tidegate_op_wait(late, 60 * 1000));
  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_status(late, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_DEADLINE);
  CHECK(tidegate_error_elapsed_ms(error) >= 50);
  CHECK(tidegate_error_elapsed_ms(error) < 60 * 1000);
  tidegate_error_free(error);
  tidegate_op_release(late);

  CHECK_STATUS(TIDEGATE_DEADLINE_EXCEEDED, tidegate_op_wait(patient, 1));
  CHECK(tidegate_op_done(patient) == 0);
  jump_to(0);
  CHECK(tidegate_op_done(patient) == 0);
  sem_post(&gate.opened);
  CHECK_OK(tidegate_op_wait(patient, 60 * 1000));
  CHECK_STATUS(TIDEGATE_OK, tidegate_op_status(patient, NULL));
  tidegate_op_release(patient);
}

static void a_deadline_comes_in_time_though_the_wall_clock_jumps_ahead(void) {
  deadlines_do_not_follow_the_wall_clock(1);
}

static void a_deadline_comes_in_time_though_the_wall_clock_jumps_back(void) {
  deadlines_do_not_follow_the_wall_clock(-1);
}

int main(void) {
  executor = make_executor(2);
  what_the_library_loads_sees_the_jumps();
  a_deadline_comes_in_time_though_the_wall_clock_jumps_ahead();
  a_deadline_comes_in_time_though_the_wall_clock_jumps_back();
  tidegate_executor_destroy(executor);
  return finish();
}
