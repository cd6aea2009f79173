/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static tidegate_bytes *make(void) {
  tidegate_bytes *bytes;
  CHECK_OK(tidegate_bytes_create("x", 1, &bytes, NULL));
  return bytes;
}

static void handles_are_counted(void) {
  const size_t before = tidegate_runtime_handle_count();
  tidegate_bytes *bytes = make();
  CHECK(tidegate_runtime_handle_count() == before + 1);
  CHECK_OK(tidegate_bytes_retain(bytes));
  CHECK(tidegate_runtime_handle_count() == before + 1);
  tidegate_bytes_release(bytes);
  CHECK(tidegate_runtime_handle_count() == before + 1);
  tidegate_bytes_release(bytes);
  CHECK(tidegate_runtime_handle_count() == before);
  tidegate_bytes_release(bytes);
  CHECK(tidegate_runtime_handle_count() == before);
}

static int by_value(const void *left, const void *right) {
  const uintptr_t a = *(const uintptr_t *)left, b = *(const uintptr_t *)right;
  return a < b ? -1 : a > b;
}

static void many_handles_are_all_different(void) {
  enum { kMany = 20000 };
  static tidegate_bytes *handles[kMany];
  static uintptr_t sorted[kMany];
  int i;
  for (i = 0; i < kMany; ++i) sorted[i] = (uintptr_t)(handles[i] = make());
  qsort(sorted, kMany, sizeof sorted[0], by_value);
  for (i = 1; i < kMany; ++i) CHECK(sorted[i - 1] != sorted[i]);
  for (i = 0; i < kMany; ++i) CHECK(tidegate_bytes_size(handles[i]) == 1);
  for (i = 0; i < kMany; ++i) tidegate_bytes_release(handles[i]);
  for (i = 0; i < kMany; ++i) CHECK(tidegate_bytes_size(handles[i]) == 0);
}

/* The place is the same, the handle is not. */
static void a_handle_is_not_given_out_again(void) {
  tidegate_bytes *first = make();
  int i;
  tidegate_bytes_release(first);
  for (i = 0; i < 100000; ++i) {
    tidegate_bytes *next = make();
    CHECK(next != first && tidegate_bytes_size(first) == 0);
    tidegate_bytes_release(next);
  }
}

static void *make_and_drop(void *shared) {
  int i;
  for (i = 0; i < repeat(20000, 200000); ++i) {
    tidegate_bytes *mine = make();
    CHECK_OK(tidegate_bytes_retain(shared));
    CHECK(tidegate_bytes_size(mine) == 1 && tidegate_bytes_size(shared) == 1);
    tidegate_bytes_release(mine);
    tidegate_bytes_release(shared);
    CHECK(tidegate_bytes_size(mine) == 0);
  }
  return NULL;
}

static void threads_may_make_and_drop_handles_at_once(void) {
  pthread_t threads[4];
  tidegate_bytes *shared = make();
  int i;
  for (i = 0; i < 4; ++i) CHECK(pthread_create(&threads[i], NULL, make_and_drop, shared) == 0);
  for (i = 0; i < 4; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
  tidegate_bytes_release(shared);
}

int main(void) {
  handles_are_counted();
  many_handles_are_all_different();
  a_handle_is_not_given_out_again();
  threads_may_make_and_drop_handles_at_once();
  return finish();
}
