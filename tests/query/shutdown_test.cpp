// SPDX-License-Identifier: Apache-2.0
// [F-7] and the end of the process: bounded, clean, with work in flight.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "support/child.hpp"
#include "support/database.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "tidegate/query.hpp"
#include "tidegate/runtime.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::Event;
using test::TempDatabase;

TEST_CASE("ShutdownEndsWhatIsInFlightAndRefusesWhatComesLater") {
  const int code = test::in_child([] {
    TempDatabase file;
    Executor ex;
    auto db = ex.sqlite(file.path());
    auto running = db.query(std::string(test::kEndlessSql)).start();
    auto waiting = db.query("SELECT 1").start();
    if (!shutdown(10s).ok()) return 1;
    if (!running.done() || running.wait().status().cause() != Cause::kClosed) return 2;
    if (!waiting.done()) return 3;
    if (db.query("SELECT 1").start().wait().status().cause() != Cause::kClosed) return 4;
    if (Executor().callables("new").call([] {}).start().wait().status().cause() != Cause::kClosed)
      return 5;
    if (!shutdown(10s).ok() || !is_shut_down()) return 6;
    return thread_count() == 0 ? 0 : 7;
  });
  CHECK(code == 0);
}

TEST_CASE("ShutdownAbandonsACallThatDoesNotReturn") {
  const int code = test::in_child([] {
    Executor ex;
    Event entered, never;
    auto stuck = ex.callables("stuck")
                     .call([entered, never] {
                       entered.set();
                       never.wait();
                     })
                     .start();
    if (!entered.wait()) return 1;
    const Status left = shutdown(50ms);
    if (left.cause() != Cause::kNotReady) return 2;
    return left.message().find("1 threads were still busy") == 0 ? 0 : 3;
  });
  CHECK(code == 0);
}

TEST_CASE("CallbacksThatWaitAreRunBeforeShutdownReturns") {
  const int code = test::in_child([] {
    Executor ex;
    int called = 0;
    auto operation = ex.callables("callbacks").call([] {}).start();
    for (int i = 0; i < 100; ++i) operation.on_done([&called](const auto&) { ++called; });
    (void)operation.wait();
    if (!shutdown(10s).ok()) return 1;
    return called == 100 ? 0 : 2;
  });
  CHECK(code == 0);
}

// What the next test runs in a process of its own: static objects, work in flight, no shutdown.
TEST_CASE("ProgramThatExitsWithWorkInFlight" * doctest::skip()) {
  static TempDatabase file;
  static Executor ex;
  static auto db = ex.sqlite(file.path());
  static auto calls = ex.callables("exit");
  Event entered, never;
  auto stuck = calls
                   .call([entered, never] {
                     entered.set();
                     never.wait();
                   })
                   .start();
  std::vector<Operation<Answer<Rows>>> operations;
  for (int i = 0; i < 8; ++i)
    operations.push_back(db.query(std::string(test::kEndlessSql)).start());
  (void)db.query("SELECT 1").timeout(1ms).start().wait();
  REQUIRE(entered.wait());
  std::exit(0);
}

TEST_CASE("AProcessThatExitsWithWorkInFlightExitsWithZero") {
  const int exits = test::repeat_processes(5, 200);
  int clean = 0;
  for (int i = 0; i < exits; ++i) {
    clean += test::run_program("ProgramThatExitsWithWorkInFlight") == 0 ? 1 : 0;
  }
  CHECK(clean == exits);
}
