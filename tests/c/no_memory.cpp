// SPDX-License-Identifier: Apache-2.0
//
// [E3] Every allocation that a function makes on the caller's thread fails once: the function then
// says so, leaves nothing behind, and works the next time. And every allocation that a thread of the
// library makes fails once: the operation ends all the same, its callback is called, its event comes,
// and the next one works. The thread sanitizer has an operator new of
// its own, which cannot be replaced: there is nothing to see there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TIDEGATE_TEST_SKIPPED
#endif
#endif
#ifdef TIDEGATE_TEST_SKIPPED
int main() { return 0; }
#else
#include <pthread.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

extern "C" {
#include "http_server.h"
}

namespace {

// How many allocations of this thread succeed before one fails; negative: all. And whether it did.
thread_local int before_failure = -1;
thread_local bool failed = false;

// The same for the library's threads of one name.
std::atomic<const char*> victim{nullptr};
std::atomic<int> before_victim_fails{-1};
std::atomic<bool> victim_failed{false};

bool is_victim() {
  const char* const wanted = victim.load();
  char name[16] = {};
  return wanted && pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
         std::strcmp(name, wanted) == 0;
}

bool fails_now() {
  if (is_victim() && before_victim_fails.fetch_sub(1) == 0) {
    victim_failed = true;
    return true;
  }
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
tidegate_cache* cache;
server http_server;
tidegate_client* client;

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

void make_cache() {
  tidegate_bytes* value = nullptr;
  CHECK_OK(tidegate_cache_create(nullptr, "test", &cache, nullptr));
  CHECK_OK(tidegate_bytes_create("x", 1, &value, nullptr));
  CHECK_OK(tidegate_cache_put(cache, "there", value, nullptr, nullptr, nullptr));
  tidegate_bytes_release(value);
}

// With all that may be said of it.
tidegate_status start_request(const char* path, tidegate_op** op, tidegate_error** err) {
  const tidegate_header headers[] = {
      {"X-Name-Of-More-Than-Its-String-Holds", "a value of its kind"}};
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  options.headers = headers;
  options.header_count = 1;
  options.body = "a body that is too long for the string itself to hold";
  options.body_size = 53;
  options.content_type = "application/octet-stream";
  return tidegate_client_request(client, "PUT", server_url(&http_server, path), &options, op, err);
}

void nothing_is_left_of_a_request_that_could_not_be_made() {
  while (tidegate_runtime_handle_count() > 3)
    sched_yield();  // the last callback is still returning
  fail_to_make<tidegate_client>(tidegate_client_destroy,
                                [](tidegate_client** made, tidegate_error** err) {
                                  return tidegate_client_create(nullptr, "test", made, err);
                                });
  fail_to_make<tidegate_op>(tidegate_op_release, [](tidegate_op** op, tidegate_error** err) {
    return start_request("/", op, err);
  });
  static tidegate_op* op = nullptr;
  CHECK_OK(start_request("/", &op, nullptr));
  CHECK_OK(tidegate_op_wait(op, -1));
  static tidegate_response* response = nullptr;
  CHECK_OK(tidegate_op_response(op, &response, nullptr));
  fail_to_make<tidegate_response>(tidegate_response_release,
                                  [](tidegate_response** made, tidegate_error** err) {
                                    return tidegate_op_response(op, made, err);
                                  });
  fail_to_make<tidegate_bytes>(tidegate_bytes_release,
                               [](tidegate_bytes** bytes, tidegate_error** err) {
                                 return tidegate_response_bytes(response, bytes, err);
                               });
  tidegate_response_release(response);
  tidegate_op_release(op);
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
  fail_to_make<tidegate_cache>(tidegate_cache_destroy,
                               [](tidegate_cache** made, tidegate_error** err) {
                                 return tidegate_cache_create(nullptr, "test", made, err);
                               });
  fail_to_make<tidegate_bytes>(tidegate_bytes_release,
                               [](tidegate_bytes** value, tidegate_error** err) {
                                 return tidegate_cache_get(cache, "there", value, nullptr, err);
                               });
  fail_to_make<tidegate_op>(tidegate_op_release, [](tidegate_op** op, tidegate_error** err) {
    return tidegate_executor_query(executor, "db", "SELECT 1", nullptr, nullptr, op, err);
  });
}

tidegate_status nothing(const tidegate_stop*, void*, tidegate_bytes**, tidegate_error**) {
  return TIDEGATE_OK;
}

void load_text(tidegate_load* load, void*) {
  tidegate_bytes* value = nullptr;
  if (tidegate_bytes_create("a text that is too long for the string itself", 45, &value, nullptr) ==
      TIDEGATE_OK) {
    tidegate_load_succeed(load, value);
  }
  tidegate_bytes_release(value);
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

  op = nullptr;
  int key = 0;
  fail_each_allocation(
      [&](tidegate_error** err) {
        char name[16];
        std::snprintf(name, sizeof name, "key %d", ++key);
        return tidegate_cache_get_or_load(cache, name, load_text, &data, gate_free, nullptr, &op,
                                          err);
      },
      [&] {
        if (op) CHECK_OK(tidegate_op_wait(op, -1));
        tidegate_op_release(op);
        came_back_once();
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

struct Heard {
  sem_t called, freed;
};
void hear(tidegate_op* op, void* user) {
  CHECK(tidegate_op_done(op) == 1);
  sem_post(&static_cast<Heard*>(user)->called);
}
void heard_free(void* user) { sem_post(&static_cast<Heard*>(user)->freed); }

// Follows an operation to its end in every way there is; gives back how it ended.
tidegate_status follow(tidegate_op* op) {
  Heard heard;
  CHECK(sem_init(&heard.called, 0, 0) == 0 && sem_init(&heard.freed, 0, 0) == 0);
  tidegate_queue* queue = nullptr;
  CHECK_OK(tidegate_queue_create(&queue, nullptr));
  CHECK_OK(tidegate_queue_add(queue, op, 7, nullptr));
  CHECK_OK(tidegate_op_on_done(op, hear, &heard, heard_free, nullptr));

  CHECK_OK(tidegate_op_wait(op, -1));
  const tidegate_status status = tidegate_op_status(op, nullptr);
  sem_wait_all(&heard.freed);
  CHECK(sem_count(&heard.called) <= 1);
  pollfd ready = {tidegate_queue_fd(queue), POLLIN, 0};
  CHECK(poll(&ready, 1, -1) == 1);
  tidegate_event event;
  CHECK(tidegate_queue_next(queue, &event, 1) == 1);
  CHECK(event.tag == 7 && event.status == status);
  tidegate_op_release(event.op);
  tidegate_op_release(op);
  tidegate_queue_destroy(queue);
  return status;
}

// Runs `start(tidegate_op**)` with the first, second, ... allocation of the threads called `thread`
// failing, until none fails; `may` tells how it may then end.
template <class Start, class May>
void fail_each_allocation_of(const char* thread, Start start, May may) {
  for (int failing = 0;; ++failing) {
    CHECK(failing < 10'000);
    victim_failed = false;
    before_victim_fails = failing;
    victim = thread;
    tidegate_op* op = nullptr;
    start(&op);
    const tidegate_status status = follow(op);
    victim = nullptr;
    CHECK(may(status));
    CHECK_STATUS(TIDEGATE_OK, [] {
      tidegate_op* next = nullptr;
      CHECK_OK(tidegate_executor_query(executor, "db", "SELECT make FROM cars", nullptr, nullptr,
                                       &next, nullptr));
      return follow(next);
    }());
    if (!victim_failed) return;
  }
}

void every_operation_ends_though_a_thread_of_the_library_has_no_memory() {
  const auto fine_or_no_memory = [](tidegate_status status) {
    return status == TIDEGATE_OK || status == TIDEGATE_RESOURCE_EXHAUSTED;
  };
  const auto late_or_no_memory = [](tidegate_status status) {
    return status == TIDEGATE_DEADLINE_EXCEEDED || status == TIDEGATE_RESOURCE_EXHAUSTED;
  };
  const auto query = [](tidegate_op** op) {
    CHECK_OK(tidegate_executor_query(executor, "db", "SELECT make, price FROM cars", nullptr,
                                     nullptr, op, nullptr));
  };
  const auto call = [](tidegate_op** op) {
    const auto answer = [](const tidegate_stop*, void*, tidegate_bytes** result,
                           tidegate_error** err) {
      return tidegate_bytes_create("a text that is too long for the string itself", 45, result,
                                   err);
    };
    CHECK_OK(
        tidegate_executor_call(executor, "calls", answer, nullptr, nullptr, nullptr, op, nullptr));
  };
  const auto load = [](tidegate_op** op) {
    CHECK_OK(tidegate_cache_invalidate_all(cache, nullptr));
    CHECK_OK(
        tidegate_cache_get_or_load(cache, "k", load_text, nullptr, nullptr, nullptr, op, nullptr));
  };
  const auto fine_or_failed = [&](tidegate_status status) {
    return fine_or_no_memory(status) || status == TIDEGATE_UNKNOWN || status == TIDEGATE_CANCELLED;
  };
  const auto request = [](tidegate_op** op) { CHECK_OK(start_request("/", op, nullptr)); };
  const auto connect = [](tidegate_op** op) { CHECK_OK(start_request("/last", op, nullptr)); };
  const auto late = [](tidegate_op** op) {
    tidegate_query_options options = TIDEGATE_QUERY_OPTIONS_INIT;
    options.timeout_ms = 2;
    CHECK_OK(tidegate_executor_query(executor, "db", ENDLESS_SQL, nullptr, &options, op, nullptr));
  };
  fail_each_allocation_of("tg-lane", query, fine_or_no_memory);
  fail_each_allocation_of("tg-lane", call, fine_or_no_memory);
  fail_each_allocation_of("tg-lane", late, late_or_no_memory);
  fail_each_allocation_of("tg-deadline", late, late_or_no_memory);
  fail_each_allocation_of("tg-worker", load, fine_or_failed);
  fail_each_allocation_of("tg-shard", load, fine_or_failed);
  fail_each_allocation_of("tg-shard", connect, fine_or_no_memory);
  fail_each_allocation_of("tg-shard", request, fine_or_no_memory);
  fail_each_allocation_of("tg-callback", query, fine_or_no_memory);
}

void what_is_cancelled_without_memory_ends() {
  for (int failing = 0;; ++failing) {
    tidegate_op* op = nullptr;
    CHECK_OK(tidegate_executor_query(executor, "db", ENDLESS_SQL, nullptr, nullptr, &op, nullptr));
    failed = false;
    before_failure = failing;
    CHECK_OK(tidegate_op_cancel(op));
    before_failure = -1;
    const tidegate_status status = follow(op);
    CHECK(status == TIDEGATE_CANCELLED || (failed && status == TIDEGATE_RESOURCE_EXHAUSTED));
    if (!failed) return;
  }
}

}  // namespace

int main() {
  tidegate_log_set_level(TIDEGATE_LOG_OFF);
  executor = make_executor(1);
  run_sql(executor, "db", "SELECT 1");
  make_cache();
  server_start(&http_server);
  client = make_client("{\"http\": {\"max_connections\": 4}}");
  nothing_is_left_of_what_could_not_be_made();
  user_data_comes_back_without_memory_too();
  every_operation_ends_though_a_thread_of_the_library_has_no_memory();
  nothing_is_left_of_a_request_that_could_not_be_made();
  what_is_cancelled_without_memory_ends();
  tidegate_client_destroy(client);
  server_stop(&http_server);
  tidegate_cache_destroy(cache);
  tidegate_executor_destroy(executor);
  return finish();
}
#endif
