// SPDX-License-Identifier: Apache-2.0
//
// Every allocation that a function makes on the caller's thread fails once: the function then says
// so, leaves nothing behind, and works the next time. The thread sanitizer has an operator new of
// its own, which cannot be replaced: there is nothing to see there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TIDEGATE_TEST_SKIPPED
#endif
#endif
#ifdef TIDEGATE_TEST_SKIPPED
int main() { return 0; }
#else
#include <cstdlib>
#include <new>

extern "C" {
#include "check.h"
}

namespace {

// How many allocations of this thread succeed before one fails; negative: all. And whether it did.
thread_local int before_failure = -1;
thread_local bool failed = false;

bool fails_now() {
  if (before_failure < 0 || before_failure-- > 0) return false;
  return failed = true;
}

}  // namespace

// The library's allocations come here too: it has none of these of its own.
void* operator new(std::size_t size) {
  void* memory = fails_now() ? nullptr : std::malloc(size ? size : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return fails_now() ? nullptr : std::malloc(size ? size : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

tidegate_executor* executor;

// Runs `call(tidegate_error**) -> tidegate_status` with its first, second, ... allocation failing,
// and `after()` each time, until all of them succeed.
template <class Call, class After>
void fail_each_allocation(Call call, After after) {
  const std::size_t handles = tidegate_runtime_handle_count();
  for (int failing = 0;; ++failing) {
    tidegate_error* error = nullptr;
    failed = false;
    before_failure = failing;
    const tidegate_status status = call(&error);
    before_failure = -1;
    if (status != TIDEGATE_OK) {
      CHECK(failed);
      CHECK_STATUS(TIDEGATE_RESOURCE_EXHAUSTED, status);
      CHECK(!error || tidegate_error_cause(error) == TIDEGATE_CAUSE_NO_MEMORY);
      tidegate_error_free(error);
    }
    after();
    CHECK(tidegate_runtime_handle_count() == handles);
    if (!failed) {
      CHECK_OK(status);
      CHECK(failing > 0);
      return;
    }
  }
}

// The same for what makes a handle.
template <class H, class Make>
void fail_to_make(void (*give_back)(H*), Make make) {
  H* handle = nullptr;
  fail_each_allocation(
      [&](tidegate_error** error) {
        const tidegate_status status = make(&handle, error);
        CHECK((status == TIDEGATE_OK) == (handle != nullptr));
        return status;
      },
      [&] { give_back(handle); });
}

void nothing_is_left_of_what_could_not_be_made() {
  fail_to_make<tidegate_config>(tidegate_config_destroy, tidegate_config_create);
  fail_to_make<tidegate_params>(tidegate_params_destroy, tidegate_params_create);
  fail_to_make<tidegate_queue>(tidegate_queue_destroy, tidegate_queue_create);
  fail_to_make<tidegate_page>(tidegate_page_destroy,
                              [](tidegate_page** page, tidegate_error** err) {
                                return tidegate_page_create(1000, page, err);
                              });
  fail_to_make<tidegate_executor>(tidegate_executor_destroy,
                                  [](tidegate_executor** made, tidegate_error** err) {
                                    return tidegate_executor_create(nullptr, made, err);
                                  });
  fail_to_make<tidegate_bytes>(
      tidegate_bytes_release, [](tidegate_bytes** bytes, tidegate_error** err) {
        const char text[] = "a text that is too long for the string itself to hold";
        return tidegate_bytes_create(text, sizeof text, bytes, err);
      });
  fail_to_make<tidegate_op>(tidegate_op_release, [](tidegate_op** op, tidegate_error** err) {
    return tidegate_executor_query(executor, "db", "SELECT 1", nullptr, nullptr, op, err);
  });
}

tidegate_status nothing(const tidegate_stop*, void*, tidegate_bytes**, tidegate_error**) {
  return TIDEGATE_OK;
}

void silent(tidegate_op*, void*) {}

// Once, whether the function that it was given to failed or not.
void user_data_comes_back_without_memory_too() {
  gate data;
  gate_init(&data);
  const auto came_back_once = [&] {
    sem_wait_all(&data.freed);
    CHECK(sem_count(&data.freed) == 0);
  };

  tidegate_bytes* bytes = nullptr;
  fail_each_allocation(
      [&](tidegate_error** err) {
        return tidegate_bytes_create_nocopy("x", 1, &data, gate_free, &bytes, err);
      },
      [&] {
        tidegate_bytes_release(bytes);
        came_back_once();
      });

  tidegate_op* op = nullptr;
  fail_each_allocation(
      [&](tidegate_error** err) {
        return tidegate_executor_call(executor, "calls", nothing, &data, gate_free, nullptr, &op,
                                      err);
      },
      [&] {
        came_back_once();
        if (op) CHECK_OK(tidegate_op_wait(op, -1));
        tidegate_op_release(op);
      });

  CHECK_OK(tidegate_executor_query(executor, "db", ENDLESS_SQL, nullptr, nullptr, &op, nullptr));
  fail_each_allocation(
      [&](tidegate_error** err) { return tidegate_op_on_done(op, silent, &data, gate_free, err); },
      [&] {
        if (failed) came_back_once();
      });
  CHECK_OK(tidegate_op_cancel(op));
  came_back_once();
  tidegate_op_release(op);
}

}  // namespace

int main() {
  tidegate_log_set_level(TIDEGATE_LOG_OFF);
  executor = make_executor(1);
  run_sql(executor, "db", "SELECT 1");
  nothing_is_left_of_what_could_not_be_made();
  user_data_comes_back_without_memory_too();
  tidegate_executor_destroy(executor);
  return finish();
}
#endif
