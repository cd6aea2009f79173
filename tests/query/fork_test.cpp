// SPDX-License-Identifier: Apache-2.0
// [F-1] [F-3]: a fork at any moment leaves both processes with handles that work.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <atomic>
#include <memory>
#include <thread>

#include "support/child.hpp"
#include "support/database.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "tidegate/query.hpp"
#include "tidegate/queue.hpp"
#include "tidegate/runtime.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::TempDatabase;

TEST_CASE("HandlesMadeBeforeAForkWorkInTheChildAndInTheParent") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  auto calls = ex.callables("fork-calls");
  CompletionQueue queue;
  const auto works = [&] {
    auto rows = db.query("SELECT count(*) FROM cars").start();
    queue.add(rows, 1);
    return rows.wait().ok() && calls.call([] { return 1; }).start().wait().ok() && queue.fd() >= 0;
  };
  CHECK(test::in_child([&] { return works() ? 0 : 1; }) == 0);  // before the first use
  CHECK(works());
  CHECK(test::in_child([&] { return works() ? 0 : 1; }) == 0);  // after it
  CHECK(test::in_child([&] { return test::in_child([&] { return works() ? 0 : 1; }); }) == 0);
  CHECK(works());
}

TEST_CASE("AForkWithWorkInFlightLeavesTheParentsWorkAlone") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  CompletionQueue queue;
  REQUIRE(queue.fd() >= 0);
  auto running = db.query(std::string(test::kEndlessSql)).start();
  queue.add(running, 1);
  const int code = test::in_child([&] {
    if (running.wait().status().cause() != Cause::kClosed) return 1;
    running.cancel();
    if (queue.size() != 0) return 2;
    if (!db.query("SELECT 1").start().wait().ok()) return 3;
    return shutdown(10s).ok() ? 0 : 4;
  });
  CHECK(code == 0);
  CHECK(!running.done());
  running.cancel();
  CHECK(running.wait().status().cause() == Cause::kCancelled);
  CHECK(queue.size() == 1);
}

TEST_CASE("TheChildOfAForkUnderLoadIsNeverBlocked" * doctest::skip(!test::kForksUnderLoad)) {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  std::atomic<bool> over{false};
  std::thread load([&] {
    while (!over) (void)db.query("SELECT count(*) FROM cars").start().wait();
  });
  const int forks = test::repeat_processes(20, 1000);
  int good = 0;
  for (int i = 0; i < forks; ++i) {
    good += test::in_child([&] { return db.query("SELECT 1").start().wait().ok() ? 0 : 1; }) == 0;
  }
  over = true;
  load.join();
  CHECK(good == forks);
  CHECK(db.query("SELECT 1").start().wait().ok());
}

TEST_CASE("QuiesceJoinsIdleThreadsAndRefusesWhileWorkIsInFlight") {
  const int code = test::in_child([] {
    TempDatabase file;
    Executor ex;
    auto db = ex.sqlite(file.path());
    auto running = db.query(std::string(test::kEndlessSql)).start();
    if (quiesce()) return 1;
    running.cancel();
    if (!test::eventually([&] { return db.stats().zombies == 0; })) return 2;
    if (!quiesce() || thread_count() != 0) return 3;
    return db.query("SELECT 1").start().wait().ok() && thread_count() > 0 ? 0 : 4;
  });
  CHECK(code == 0);
}

TEST_CASE("NothingStartsBeforeTheFirstOperation") {
  const int code = test::in_child([] {
    const int before = ::open("/dev/null", O_RDONLY);
    Executor ex;
    auto db = ex.sqlite("nowhere.db");
    auto calls = ex.callables("unused");
    CompletionQueue queue;
    const int after = ::open("/dev/null", O_RDONLY);
    return thread_count() == 0 && after == before + 1 ? 0 : 1;
  });
  CHECK(code == 0);
}
