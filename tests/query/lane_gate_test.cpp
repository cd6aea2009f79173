// SPDX-License-Identifier: Apache-2.0
// Lanes with a gate: who gets in, who is refused, and what the gate learns.
#include <doctest/doctest.h>

#include <atomic>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "query/lane_metrics.hpp"
#include "support/child.hpp"
#include "support/database.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/stuck.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/query.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::Event;
using test::eventually;
using test::Stuck;

namespace {

// The numbers in the order in which the calls ran.
class Order {
 public:
  auto call(int number) {
    return [this, number] {
      const std::lock_guard lock(mutex_);
      ran_.push_back(number);
      return number;
    };
  }
  std::vector<int> ran() {
    const std::lock_guard lock(mutex_);
    return ran_;
  }

 private:
  std::mutex mutex_;
  std::vector<int> ran_;
};

GateOptions fragile(std::string name) {
  return GateOptions(std::move(name)).breaker(BreakerOptions().consecutive(1).open_for(1h, 1h));
}

BreakerState state_of(const Gate& gate) { return gate.stats().breaker->state; }

bool is_empty(const Gate& gate) { return gate.stats().waiting == 0 && gate.stats().inside == 0; }

}  // namespace

TEST_CASE("EachCallOfALaneGoesThroughItsGateAndNoMoreAreInsideThanItHasSlots") {
  Executor ex;
  const Gate gate(GateOptions("slots").concurrency(2));
  const Callables lane = ex.callables("slots", 8, gate);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<Operation<Answer<int>>> calls;
  for (int i = 0; i < 200; ++i) {
    calls.push_back(lane.call([&] {
                          const int now = ++inside;
                          for (int seen = most;
                               seen < now && !most.compare_exchange_weak(seen, now);) {
                          }
                          std::this_thread::yield();
                          return --inside;
                        })
                        .timeout(60s)
                        .start());
  }
  for (const auto& each : calls) CHECK(each.wait().ok());
  CHECK(most <= 2);
  CHECK(gate.stats().granted == 200);
  CHECK(is_empty(gate));
  CHECK(lane.stats().running == 0);
  CHECK(lane.stats().at_gate == 0);
}

TEST_CASE("NoThreadWaitsAtAGateAndOfALaneOneCallDoes") {
  Executor ex;
  const Gate gate(GateOptions("shut").concurrency(1));
  const Callables lane = ex.callables("shut", 4, gate);
  std::optional<GatePermit> permit(gate.try_enter());
  std::vector<Operation<Answer<int>>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(lane.call([] { return 1; }).timeout(60s).start());
  REQUIRE(eventually([&] { return gate.stats().waiting == 1; }));
  CHECK(lane.stats().at_gate == 1);
  CHECK(lane.stats().running == 1);
  CHECK(lane.stats().queued == 2);
  CHECK(lane.stats().threads == 0);
  permit.reset();
  for (const auto& each : calls) CHECK(each.wait().ok());
}

TEST_CASE("AGateThatIsShutHoldsUpItsOwnLaneAndNoOther") {
  Executor ex(ExecutorOptions().max_running(2));
  const Gate gate(GateOptions("own").concurrency(1));
  const Callables shut = ex.callables("own", 2, gate);
  const Callables other = ex.callables("other", 2);
  std::optional<GatePermit> permit(gate.try_enter());
  const auto first = shut.call([] { return 1; }).timeout(60s).start();
  const auto second = shut.call([] { return 1; }).timeout(60s).start();
  CHECK(other.call([] { return 1; }).timeout(60s).start().wait().ok());
  CHECK_FALSE(first.done());
  permit.reset();
  CHECK(first.wait().ok());
  CHECK(second.wait().ok());
}

TEST_CASE("ALaneKeepsItsOrderByDeadlineBeforeItsGate") {
  Executor ex;
  const Gate gate(GateOptions("order").concurrency(1));
  const Callables lane = ex.callables("order", 4, gate);
  std::optional<GatePermit> permit(gate.try_enter());
  Order order;
  const auto at_gate = lane.call(order.call(0)).timeout(5min).start();
  REQUIRE(eventually([&] { return gate.stats().waiting == 1; }));
  const auto last = lane.call(order.call(3)).timeout(4min).start();
  const auto next = lane.call(order.call(1)).timeout(2min).start();
  const auto third = lane.call(order.call(2)).timeout(3min).start();
  permit.reset();
  for (const auto* each : {&at_gate, &last, &next, &third}) CHECK(each->wait().ok());
  CHECK(order.ran() == std::vector{0, 1, 2, 3});
}

TEST_CASE("WhatAGateRefusesDoesNotRunAndHasTheGatesError") {
  Executor ex;
  const Gate gate(GateOptions("open").breaker(BreakerOptions()));
  const Callables lane = ex.callables("refused-by-gate", 4, gate);
  const internal::LaneMetrics metrics("refused-by-gate");
  gate.force(BreakerMode::kForcedOpen);
  bool ran = false;
  const auto call = [&ran] { return ran = true; };
  const auto refused = lane.call(call).start();
  REQUIRE(refused.done());  // at once
  CHECK(refused.wait().status().cause() == Cause::kCircuitOpen);
  CHECK(refused.wait().status().message().find("gate 'open'") != std::string::npos);
  const auto degraded = lane.call(call).fallback(false).start().wait();
  REQUIRE(degraded.ok());
  CHECK(degraded->source == Source::kDefault);
  CHECK(degraded->reason.cause() == Cause::kCircuitOpen);
  const auto made = lane.call(call)
                        .fallback_call([](const Status& why) -> Result<bool> {
                          return why.cause() == Cause::kCircuitOpen;
                        })
                        .start()
                        .wait();
  REQUIRE(made.ok());  // what makes it goes through no gate
  CHECK(made->value);
  CHECK_FALSE(ran);
  CHECK(metrics.shed_gate.value() == 3);
  CHECK(metrics.failed.value() == 0);
  gate.force(BreakerMode::kAutomatic);
  CHECK(lane.call(call).start().wait().ok());
}

TEST_CASE("WhoCannotStartInTimeByTheRateIsRefusedAtOnceAndToldWhen") {
  Executor ex;
  const Gate gate(GateOptions("paced").pace(1h));
  const Callables lane = ex.callables("paced", 1, gate);
  const Stuck stuck;
  const auto first = lane.call(stuck).timeout(60s).start();
  REQUIRE(stuck.entered.wait());
  const auto second = lane.call([] { return 1; }).timeout(60s).start();
  REQUIRE(second.done());  // though it would have to wait for a permit first
  CHECK(second.wait().status().cause() == Cause::kRateLimited);
  CHECK(second.wait().status().retry_after() > 59min);
  const auto third = lane.call([] { return 1; }).timeout(90min).start();
  const auto fourth = lane.call([] { return 1; }).timeout(100min).start();
  CHECK_FALSE(third.done());
  REQUIRE(fourth.done());  // behind the third, in two hours
  CHECK(fourth.wait().status().cause() == Cause::kRateLimited);
  CHECK(fourth.wait().status().retry_after() > 119min);
  stuck.release.set();
  CHECK(first.wait().ok());
  third.cancel();
}

TEST_CASE("AllThatWaitInALaneAreToldWhenABreakerOpens") {
  Executor ex;
  const Gate gate(fragile("told"));
  const Callables lane = ex.callables("told", 1, gate);
  const Event entered, release;
  const auto fails = lane.call([=]() -> Result<int> {
                           entered.set();
                           release.wait();
                           return Status(Cause::kEngineUnavailable, "gone");
                         })
                         .timeout(60s)
                         .start();
  REQUIRE(entered.wait());
  std::atomic<int> ran{0};
  std::vector<Operation<Answer<int>>> waiting;
  for (int i = 0; i < 900; ++i) {
    waiting.push_back(lane.call([&ran] { return ++ran; }).timeout(60s).start());
  }
  release.set();
  CHECK(fails.wait().status().cause() == Cause::kEngineUnavailable);
  for (const auto& each : waiting) CHECK(each.wait().status().cause() == Cause::kCircuitOpen);
  CHECK(ran == 0);
  CHECK(is_empty(gate));
}

TEST_CASE("TheWaitAtAGateEndsAtTheDeadlineAndLeavesNothing") {
  Executor ex;
  const Gate gate(GateOptions("patience").concurrency(1));
  const Callables lane = ex.callables("patience", 2, gate);
  std::optional<GatePermit> permit(gate.try_enter());
  const auto late = lane.call([] { return 1; }).timeout(30ms).start().wait();
  CHECK(late.status().cause() == Cause::kDeadline);
  CHECK(late.status().message().find("still waiting at gate 'patience'") != std::string::npos);
  CHECK(late.status().elapsed() >= 30ms);
  CHECK(eventually([&] { return gate.stats().waiting == 0; }));
  CHECK(lane.stats().running == 0);
  permit.reset();
  CHECK(lane.call([] { return 1; }).timeout(60s).start().wait().ok());
  CHECK(is_empty(gate));
}

TEST_CASE("ACallThatIsCancelledAtAGateLeavesItsTurnToTheNext") {
  Executor ex;
  const Gate gate(GateOptions("turn").concurrency(1));
  const Callables lane = ex.callables("turn", 2, gate);
  std::optional<GatePermit> permit(gate.try_enter());
  const auto first = lane.call([] { return 1; }).timeout(60s).start();
  const auto second = lane.call([] { return 2; }).timeout(60s).start();
  REQUIRE(eventually([&] { return gate.stats().waiting == 1; }));
  first.cancel();
  CHECK(first.wait().status().cause() == Cause::kCancelled);
  permit.reset();
  CHECK(second.wait().ok());
  CHECK(is_empty(gate));
}

TEST_CASE("ClosingAnExecutorEndsWhatWaitsAtAGate") {
  const Gate gate(GateOptions("closing").concurrency(1));
  std::optional<GatePermit> permit(gate.try_enter());
  Operation<Answer<int>> waits, queued;
  {
    Executor ex;
    const Callables lane = ex.callables("closing", 2, gate);
    waits = lane.call([] { return 1; }).timeout(60s).start();
    queued = lane.call([] { return 1; }).timeout(60s).start();
    REQUIRE(eventually([&] { return gate.stats().waiting == 1; }));
  }
  CHECK(waits.wait().status().cause() == Cause::kClosed);
  CHECK(queued.wait().status().cause() == Cause::kClosed);
  CHECK(eventually([&] { return gate.stats().waiting == 0; }));
  permit.reset();
  CHECK(gate.try_enter());
}

TEST_CASE("TheBreakerOfALaneLearnsOfTheServiceAndOfNothingElse") {
  test::TempDatabase file;
  Executor ex;
  struct Row {
    const char* what;
    Cause cause;
    BreakerState then;
  };
  const Row rows[] = {
      {"the engine is gone", Cause::kEngineUnavailable, BreakerState::kOpen},
      {"the engine is busy", Cause::kEngineBusy, BreakerState::kOpen},
      {"the function failed", Cause::kCallableFailed, BreakerState::kOpen},
      {"the query is wrong", Cause::kQueryError, BreakerState::kClosed},
      {"no memory", Cause::kNoMemory, BreakerState::kClosed},
      {"no descriptors", Cause::kLocalResource, BreakerState::kClosed},
      {"it was refused elsewhere", Cause::kRateLimited, BreakerState::kClosed},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Gate gate(fragile("learns"));
    const Callables lane = ex.callables("learns", 4, gate);
    const auto ended = lane.call([&]() -> Result<int> { return Status(row.cause, row.what); })
                           .timeout(60s)
                           .start();
    CHECK(ended.wait().status().cause() == row.cause);
    CHECK(state_of(gate) == row.then);
    CHECK(is_empty(gate));
  }
  const Gate gate(fragile("sql"));
  const Database db = ex.sqlite(file.path(), SqliteOptions().gate(gate));
  CHECK(db.query("SELECT nothing FROM nowhere").start().wait().status().cause() ==
        Cause::kQueryError);
  CHECK(db.query("SELECT 1").start().wait().ok());
  CHECK(gate.stats().breaker->calls == 1);
  CHECK(state_of(gate) == BreakerState::kClosed);
}

TEST_CASE("AQueryThatRunsOutOfTimeIsAFailureAndOneThatIsCancelledIsNone") {
  test::TempDatabase file;
  Executor ex;
  const Gate gate(fragile("late").concurrency(1));
  const Database db = ex.sqlite(file.path(), SqliteOptions().gate(gate));
  const auto cancelled = db.query(std::string(test::kEndlessSql)).timeout(60s).start();
  REQUIRE(eventually([&] { return gate.stats().inside == 1; }));
  cancelled.cancel();
  CHECK(cancelled.wait().status().cause() == Cause::kCancelled);
  CHECK(state_of(gate) == BreakerState::kClosed);
  CHECK(gate.stats().inside == 0);
  // A thread of a busy machine may not have begun by then: that is no failure of the service.
  Duration time = 50ms;
  while (state_of(gate) == BreakerState::kClosed && time < 20s) {
    const auto late = db.query(std::string(test::kEndlessSql)).timeout(time).start().wait();
    CHECK(late.status().cause() == Cause::kDeadline);
    time *= 4;
  }
  CHECK(state_of(gate) == BreakerState::kOpen);
  CHECK(gate.stats().inside == 0);
}

TEST_CASE("ACallThatDoesNotStopGivesItsSlotBackAtItsDeadline") {
  Executor ex;
  const Gate gate(GateOptions("stuck").concurrency(1));
  const Callables lane = ex.callables("stuck", 2, gate);
  const Stuck stuck;
  Duration time = 50ms;
  for (; lane.stats().zombies == 0 && time < 20s; time *= 4) {
    CHECK(lane.call(stuck).timeout(time).start().wait().status().cause() == Cause::kDeadline);
    CHECK(gate.stats().inside == 0);
  }
  REQUIRE(lane.stats().zombies == 1);
  CHECK(lane.call([] { return 2; }).timeout(60s).start().wait().ok());
  stuck.release.set();
  CHECK(eventually([&] { return lane.stats().zombies == 0; }));
  CHECK(is_empty(gate));
}

TEST_CASE("ACachedQueryIsStaleWhereItsGateRefuses") {
  test::TempDatabase file;
  Executor ex;
  const Gate gate(GateOptions("stale").breaker(BreakerOptions()));
  const Database db = ex.sqlite(file.path(), SqliteOptions().gate(gate));
  const TypedCache<Rows> results(CacheOptions().ttl(0s).stale_for(1h));
  const auto ask = [&](const char* sql) {
    return db.query(sql).cache(results).fallback(Rows()).timeout(60s).start().wait();
  };
  CHECK(ask("SELECT 1")->source == Source::kFresh);
  gate.force(BreakerMode::kForcedOpen);
  const auto stale = ask("SELECT 1");
  CHECK(stale->source == Source::kStale);
  CHECK(stale->reason.cause() == Cause::kCircuitOpen);
  const auto none = ask("SELECT 2");
  CHECK(none->source == Source::kDefault);
  CHECK(none->reason.cause() == Cause::kCircuitOpen);
}

TEST_CASE("ALaneHasTheGateOfItsExecutorUnlessItHasItsOwn") {
  test::TempDatabase file;
  const Gate whole(GateOptions("whole"));
  const Gate own(GateOptions("own-gate"));
  Executor ex(ExecutorOptions().gate(whole));
  CHECK(ex.callables("plain").call([] { return 1; }).start().wait().ok());
  CHECK(ex.sqlite(file.path()).query("SELECT 1").start().wait().ok());
  CHECK(whole.stats().granted == 2);
  CHECK(ex.callables("gated", 4, own).call([] { return 1; }).start().wait().ok());
  CHECK(own.stats().granted == 1);
  CHECK(whole.stats().granted == 2);
}

TEST_CASE("ASettingNamesTheServiceWhoseGateALaneGoesThrough") {
  test::TempDatabase file;
  Config config;
  REQUIRE(config
              .load_json(R"({"services": {"warehouse": {"gate": {"concurrency": 3}},
                             "cars": {"executor": {"gate": "warehouse"}}}})")
              .ok());
  const Gate gate = Gate::of(Service::from(config, "warehouse")).value();
  Executor ex(ExecutorOptions::from(config));
  const auto ask = [&](const SqliteOptions& options) {
    return ex.sqlite(file.path(), options).query("SELECT 1").start().wait();
  };
  CHECK(ask(SqliteOptions::from(Service::from(config, "cars"))).ok());
  CHECK(gate.stats().granted == 1);
  CHECK(ask(SqliteOptions::from(config)).ok());
  CHECK(gate.stats().granted == 1);
  REQUIRE(config.set("executor.gate", "warehouse").ok());
  Executor gated(ExecutorOptions::from(config));
  CHECK(gated.callables("named").call([] { return 1; }).start().wait().ok());
  CHECK(gate.stats().granted == 2);
}

TEST_CASE("AGateThatIsNamedAndThatNoSettingMakesSaysWhichWould") {
  Config config;
  const Gate missing = Gate::named(config, "nowhere");
  CHECK(missing.status().cause() == Cause::kConfig);
  CHECK(missing.status().message() ==
        "gate 'nowhere': no setting makes one: set services.nowhere.gate.rate, .pace, "
        ".concurrency or .breaker");
  CHECK(Gate::named(config, "Not a name").status().message().find("1 to 64 of a-z") !=
        std::string::npos);
  REQUIRE(config.set("executor.gate", "nowhere").ok());
  Executor ex(ExecutorOptions::from(config));
  const auto refused = ex.callables("nowhere").call([] { return 1; }).start().wait();
  CHECK(refused.status().cause() == Cause::kConfig);
  CHECK(refused.status().message() == missing.status().message());
}

TEST_CASE("AGateThatCannotWorkRefusesTheCallsOfItsLane") {
  Executor ex;
  const Gate gate(GateOptions("wrong").adaptive_concurrency(9, 1, 1));
  const auto refused = ex.callables("wrong", 4, gate).call([] { return 1; }).start();
  REQUIRE(refused.done());
  CHECK(refused.wait().status().cause() == Cause::kConfig);
}

TEST_CASE("AThreadOfTheCallersIsAskedForALaneWhoseGateIsShut") {
  Executor ex;
  const Gate gate(GateOptions("external").concurrency(1));
  const External lane = ex.external("external", 2, gate);
  std::optional<GatePermit> permit(gate.try_enter());
  bool start_one = false;
  const auto waits = lane.submit(7, {.timeout = 60s, .label = {}}, &start_one);
  CHECK(start_one);
  std::thread thread([&lane] {
    auto worker = lane.enter();
    auto task = worker.pull();
    if (task && task->spare_wanted) lane.not_started();
    if (task) worker.finish(*task, Status(Cause::kDecode, "not what it should be"));
  });
  permit.reset();
  CHECK(waits.wait().status().cause() == Cause::kDecode);
  thread.join();
  CHECK(eventually([&] { return is_empty(gate); }));
}

TEST_CASE("AfterAForkALaneAndItsGateWorkInBothProcesses" * doctest::skip(test::kForkIsBroken)) {
  Executor ex;
  const Gate gate(GateOptions("forked").concurrency(1));
  const Callables lane = ex.callables("forked", 2, gate);
  const auto works = [&] { return lane.call([] { return 1; }).timeout(20s).start().wait().ok(); };
  CHECK(works());
  const Stuck stuck;
  const auto inside = lane.call(stuck).timeout(60s).start();
  REQUIRE(stuck.entered.wait());
  const auto waits = lane.call([] { return 1; }).timeout(60s).start();
  REQUIRE(eventually([&] { return gate.stats().waiting == 1; }));
  CHECK(test::in_child([&] {
          if (gate.stats().inside != 0 || gate.stats().waiting != 0) return 1;
          return works() ? 0 : 2;
        }) == 0);
  stuck.release.set();
  CHECK(inside.wait().ok());
  CHECK(waits.wait().ok());
  CHECK(is_empty(gate));
}

TEST_CASE("WhateverEndsCallsAtOnceNoSlotAndNoTurnIsLost") {
  const int rounds = test::repeat(20, 400);
  Executor ex;
  const Gate gate(GateOptions("torture").concurrency(2));
  const Callables lane = ex.callables("torture", 3, gate);
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&lane, t] {
        std::vector<Operation<Answer<int>>> mine;
        for (int i = 0; i < 30; ++i) {
          mine.push_back(lane.call([] { return 1; })
                             .timeout(i % 3 == 0 ? Duration(100us) : Duration(60s))
                             .start());
          if (i % 4 == t) mine.back().cancel();
        }
        for (const auto& each : mine) (void)each.wait();
      });
    }
    threads.clear();
    REQUIRE(eventually([&] { return is_empty(gate) && lane.stats().zombies == 0; }));
    REQUIRE(lane.stats().running == 0);
    REQUIRE(lane.call([] { return 1; }).timeout(60s).start().wait().ok());
  }
}
