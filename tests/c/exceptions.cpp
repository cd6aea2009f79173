// SPDX-License-Identifier: Apache-2.0
//
// A C++ program over the C ABI whose callbacks throw: nothing comes through, everything goes on.
#include <stdexcept>
#include <string>

extern "C" {
#include "check.h"
}

namespace {

tidegate_executor* executor;

tidegate_status throwing_call(const tidegate_stop*, void* user, tidegate_bytes**,
                              tidegate_error**) {
  if (user) throw std::runtime_error("the callable is broken");
  throw 42;
}

void throwing_callback(tidegate_op*, void*) { throw std::runtime_error("the callback is broken"); }

void throwing_free(void* user) {
  sem_post(static_cast<sem_t*>(user));
  throw std::runtime_error("the destructor is broken");
}

std::string message_of(void* user) {
  tidegate_op* op = nullptr;
  tidegate_error* error = nullptr;
  CHECK_OK(tidegate_executor_call(executor, "calls", throwing_call, user, nullptr, nullptr, &op,
                                  nullptr));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_UNKNOWN, tidegate_op_status(op, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CALLABLE_FAILED);
  std::string message = tidegate_error_message(error);
  tidegate_error_free(error);
  tidegate_op_release(op);
  return message;
}

void an_exception_of_a_callable_becomes_its_outcome() {
  CHECK(message_of(executor).find("the callable is broken") != std::string::npos);
  CHECK(message_of(nullptr).find("no std::exception") != std::string::npos);
}

void throwing_load(tidegate_load*, void*) { throw std::runtime_error("the loader is broken"); }

void an_exception_of_a_loader_is_the_failure_of_its_load() {
  tidegate_cache* cache = nullptr;
  tidegate_op* op = nullptr;
  tidegate_error* error = nullptr;
  CHECK_OK(tidegate_cache_create(nullptr, "test", &cache, nullptr));
  CHECK_OK(tidegate_cache_get_or_load(cache, "k", throwing_load, nullptr, nullptr, nullptr, &op,
                                      nullptr));
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_STATUS(TIDEGATE_UNKNOWN, tidegate_op_status(op, &error));
  CHECK(tidegate_error_cause(error) == TIDEGATE_CAUSE_CALLABLE_FAILED);
  CHECK_TEXT("the loader threw: the loader is broken", tidegate_error_message(error));
  tidegate_error_free(error);
  tidegate_op_release(op);
  tidegate_cache_destroy(cache);
}

void keep_line(tidegate_log_level level, const char* line, void* user) {
  CHECK(level == TIDEGATE_LOG_ERROR);
  *static_cast<std::string*>(user) += line;
}

// Its data comes back nevertheless, also where giving it back throws.
void an_exception_of_a_callback_is_logged() {
  static std::string log;
  sem_t freed;
  CHECK(sem_init(&freed, 0, 0) == 0);
  tidegate_log_set_sink(keep_line, &log);
  tidegate_op* op = nullptr;
  CHECK_OK(tidegate_executor_query(executor, "db", "SELECT 1", nullptr, nullptr, &op, nullptr));
  CHECK_OK(tidegate_op_on_done(op, throwing_callback, &freed, throwing_free, nullptr));
  sem_wait_all(&freed);
  CHECK_OK(tidegate_op_wait(op, -1));
  tidegate_op_release(op);
  tidegate_executor_destroy(executor);
  CHECK_OK(tidegate_runtime_shutdown(10000));
  CHECK(log.find("is broken") != std::string::npos);
}

// Nobody is left to hear of it: a release has no status.
void an_exception_of_a_free_function_goes_nowhere() {
  sem_t freed;
  CHECK(sem_init(&freed, 0, 0) == 0);
  tidegate_bytes* bytes = nullptr;
  CHECK_OK(tidegate_bytes_create_nocopy("x", 1, &freed, throwing_free, &bytes, nullptr));
  tidegate_bytes_release(bytes);
  CHECK(sem_count(&freed) == 1);
}

}  // namespace

int main() {
  executor = make_executor(1);
  an_exception_of_a_callable_becomes_its_outcome();
  an_exception_of_a_loader_is_the_failure_of_its_load();
  an_exception_of_a_free_function_goes_nowhere();
  an_exception_of_a_callback_is_logged();
  return finish();
}
