// SPDX-License-Identifier: Apache-2.0
//
// What a call can be told and asked, one function for each; docs/guides/cpp.md explains them.
#include <atomic>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <tidegate/tidegate.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

void parameters_and_rows(const tg::Database& db) {
  auto op = db.query("SELECT :make AS make, :price AS price",
                     tg::Params().set("make", "Audi").set("price", 21000))
                .timeout(10s)
                .start();
  tg::Result<tg::Answer<tg::Rows>> answer = op.wait();
  if (!answer.ok()) {
    std::cerr << answer.status().to_string() << '\n';
    return;
  }
  for (const tg::Row& row : answer->value) {
    std::cout << row["make"].text() << ": " << row["price"].integer() << '\n';
  }
}

void failures(const tg::Database& db) {
  tg::Status status = db.query("SELECT * FROM nowhere").start().wait().status();
  std::cout << tg::code_name(status.code()) << ", " << tg::cause_info(status.cause()).name << ", "
            << (status.retryable() ? "try again later" : "the same again fails again") << '\n';
}

void shrinking_deadlines(const tg::Database& db) {
  auto page = tidegate::Deadline::after(18s);
  auto query = page.earlier(tidegate::Deadline::after(15s));  // bounded by both
  auto answer = db.query("SELECT 1").deadline(query).start().wait();
  std::cout << "in time: " << (answer.ok() && !page.passed() ? "yes" : "no") << '\n';
}

void a_callable_that_stops(const tg::Callables& calls) {
  auto endless = calls.call([](const tg::StopSignal& stop) -> tg::Result<long> {
    for (long round = 0; !stop.stopped(); ++round) {
      if (round < 0) return round;  // where a real one finds what it looks for
    }
    return tg::Status(tg::Cause::kCancelled, "nobody waits any more");
  });
  auto answer = endless.timeout(50ms).fallback(-1).start().wait();
  std::cout << "a callable that asks: " << answer->value << ", " << tg::source_name(answer->source)
            << '\n';
}

void a_fallback_that_is_made(const tg::Callables& calls) {
  auto rate = calls.call([]() -> double { throw std::runtime_error("no such rate"); })
                  .label("rate")
                  .fallback_call([](const tg::Status& why) -> tg::Result<double> {
                    if (why.cause() != tg::Cause::kCallableFailed) return why;
                    return 1.0;
                  });
  auto answer = rate.start().wait();
  std::cout << answer->value << ", because " << answer->reason.message() << '\n';
}

void waiting_for_less_than_the_deadline(const tg::Callables& calls) {
  auto op = calls
                .call([](const tg::StopSignal& stop) {
                  while (!stop.stopped()) {
                  }
                })
                .start();
  std::cout << "after 10 ms: " << tg::cause_info(op.wait(10ms).status().cause()).name;
  op.cancel();
  std::cout << ", after cancel(): " << tg::cause_info(op.wait().status().cause()).name << '\n';
}

void a_callback(const tg::Database& db) {
  std::mutex mutex;
  std::condition_variable changed;
  bool called = false;
  auto op = db.query("SELECT 42").start();
  op.on_done([&](const tg::Result<tg::Answer<tg::Rows>>& answer) {
    const std::lock_guard lock(mutex);
    called = answer.ok() && answer->value.at(0, 0).integer() == 42;
    changed.notify_one();  // it only passes something on
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return called; });
  std::cout << "called back\n";
}

}  // namespace

int main() {
  tg::Executor ex(tg::ExecutorOptions().max_running(8).query_timeout(5s));
  auto db = ex.sqlite(":memory:", tg::SqliteOptions().concurrency(2).name("memory"));
  auto calls = ex.callables("calls", 4);
  parameters_and_rows(db);
  failures(db);
  shrinking_deadlines(db);
  a_callable_that_stops(calls);
  a_fallback_that_is_made(calls);
  waiting_for_less_than_the_deadline(calls);
  a_callback(db);
  return tg::shutdown(2s).ok() ? 0 : 1;
}
