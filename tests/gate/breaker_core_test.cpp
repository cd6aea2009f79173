// SPDX-License-Identifier: Apache-2.0
#include "gate/breaker_core.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/deep.hpp"
#include "support/sim_loop.hpp"
#include "support/sim_openings.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using Mode = policy::Breaker::Mode;

class ManualClock final : public Clock {
 public:
  TimePoint now() const noexcept override { return TimePoint(Duration(now_.load())); }
  void advance(Duration time) noexcept { now_ += time.count(); }

 private:
  std::atomic<std::int64_t> now_{Duration(1h).count()};
};

// As the kernel's coarse one: what it says is up to a tick old.
class TickingClock final : public Clock {
 public:
  static constexpr Duration kTick = 4ms;
  TimePoint now() const noexcept override {
    const Duration time = precise.now().time_since_epoch();
    return TimePoint(time - time % kTick);
  }
  Duration lag() const noexcept override { return kTick; }
  ManualClock precise;
};

// Where the words are, and who else uses them: nobody; others of the host; others through a store, all
// of whom are asked and told at once.
struct InProcess {
  BreakerWords* words() noexcept { return nullptr; }
  void share(const std::shared_ptr<BreakerCore>&) {}
  void settle(TimePoint) {}
};
struct OnHost : InProcess {
  BreakerWords* words() noexcept { return &own; }
  BreakerWords own;
};
struct ThroughStore : InProcess {
  ~ThroughStore() { loop.drive(); }
  void share(const std::shared_ptr<BreakerCore>& core) {
    core->share(loop, std::make_shared<test::SimOpeningsClient>(store), core, 7);
  }
  void settle(TimePoint now) { loop.drive(Deadline::at(now)); }
  test::SimLoop loop;
  test::SimOpenings store{loop};
};
#define EVERY_HOME InProcess, OnHost, ThroughStore

template <class Home = InProcess>
struct Bench {
  explicit Bench(const BreakerOptions& options = BreakerOptions().name("bench"))
      : core(std::make_shared<BreakerCore>(options.values(), clock, 7, home.words())) {
    home.share(core);
  }

  BreakerPermit enter() {
    BreakerPermit permit = BreakerCore::enter(core);
    home.settle(clock.now());
    return permit;
  }
  bool call(Cause cause, Duration took = 0s) {
    BreakerPermit permit = enter();
    if (!permit) return false;
    clock.advance(took);
    permit.failure(cause);
    home.settle(clock.now());
    return true;
  }
  void trip() {
    for (int i = 0; i < 20; ++i) call(Cause::kConnect);
    REQUIRE(state() == BreakerState::kOpen);
  }
  BreakerState state() { return core->stats().state; }

  ManualClock clock;
  Home home;
  std::shared_ptr<BreakerCore> core;
};

TEST_CASE_TEMPLATE("AnOpenOneRefusesAndSaysForHowLongAndWhenThatIsOverItsProbesCloseIt", Home,
                   EVERY_HOME) {
  Bench<Home> bench;
  bench.trip();
  const BreakerPermit refused = bench.enter();
  REQUIRE_FALSE(refused);
  CHECK(refused.retry_after() == bench.core->stats().retry_after);
  bench.clock.advance(refused.retry_after() - 1ns);
  CHECK_FALSE(bench.enter());
  bench.clock.advance(1ns);
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.state() == (i == 0 ? BreakerState::kOpen : BreakerState::kHalfOpen));
    CHECK(bench.call(Cause::kNone));
  }
  CHECK(bench.state() == BreakerState::kClosed);
}

TEST_CASE_TEMPLATE("APermitThatIsDestroyedUnsaidGivesItsPlaceBack", Home, EVERY_HOME) {
  Bench<Home> bench;
  bench.trip();
  bench.clock.advance(10s);
  for (int i = 0; i < 100; ++i) CHECK(bench.enter());
  CHECK(bench.core->stats().probing == 0);
  CHECK(bench.state() == BreakerState::kHalfOpen);
}

TEST_CASE_TEMPLATE("APermitSaysOnceWhatCameOfIt", Home, EVERY_HOME) {
  Bench<Home> bench;
  for (int i = 0; i < 15; ++i) {
    BreakerPermit permit = bench.enter();
    permit.failure(Cause::kConnect);
    permit.failure(Cause::kConnect);
  }
  CHECK(bench.core->stats().failures == 15);
}

TEST_CASE_TEMPLATE("CancelledAndLocalFaultsAndTooManyRequestsNeverOpenIt", Home, EVERY_HOME) {
  Bench<Home> bench(BreakerOptions().name("local").consecutive(3));
  for (int i = 0; i < 100; ++i) {
    for (const CauseInfo& info : causes()) {
      if (info.local && info.cause != Cause::kNone) bench.call(info.cause);
    }
    bench.enter().http_status(429);
    bench.enter().cancel();
  }
  CHECK(bench.state() == BreakerState::kClosed);
  CHECK(bench.core->stats().calls == 0);
}

TEST_CASE_TEMPLATE("ADeadlineThatWasTooShortDoesNotCountAndOneThatWasLongEnoughDoes", Home,
                   EVERY_HOME) {
  Bench<Home> bench(BreakerOptions().name("deadline").slow(0, 4s));
  for (int i = 0; i < 10; ++i) bench.call(Cause::kDeadline, 1s);
  CHECK(bench.core->stats().failures == 0);
  for (int i = 0; i < 10; ++i) bench.call(Cause::kDeadline, 4s);
  CHECK(bench.core->stats().failures == 10);
}

TEST_CASE_TEMPLATE("ACallThatSaysItsTimeoutIsSlowPastFourFifthsOfItUnlessATimeIsSetForAll", Home,
                   EVERY_HOME) {
  const auto slow_of = [](const BreakerOptions& options, Duration lasted, Duration took) {
    Bench<Home> bench(options);
    BreakerPermit permit = bench.enter();
    bench.clock.advance(lasted);
    permit.timed(5s, took);
    permit.success();
    return bench.core->stats().slow;
  };
  const BreakerOptions usual = BreakerOptions().name("timed");
  CHECK(slow_of(usual, 4s, 0s) == 0);
  CHECK(slow_of(usual, 4001ms, 0s) == 1);
  CHECK(slow_of(usual, 9s, 100ms) == 0);  // the answer came; what follows takes its time
  CHECK(slow_of(usual, 9s, 4001ms) == 1);
  const BreakerOptions set = BreakerOptions().name("timed-by-all").slow(0.8, 10s);
  CHECK(slow_of(set, 9s, 0s) == 0);
  CHECK(slow_of(set, 11s, 100ms) == 1);
}

TEST_CASE("WhoComesAgainWhenItWasToldToIsNotRefusedByAClockThatLags") {
  for (const Duration between_ticks : {0ns, 1ns, 2'000'000ns, 3'999'999ns}) {
    TickingClock clock;
    const BreakerOptions options = BreakerOptions().name("lagging").consecutive(1);
    const auto core = std::make_shared<BreakerCore>(options.values(), clock, 7);
    BreakerCore::enter(core).failure(Cause::kConnect);
    clock.precise.advance(between_ticks);
    const Duration told = core->refusal();
    CHECK(BreakerCore::enter(core).retry_after() == told);
    CHECK(core->ask(clock.now()).retry_after == told);
    clock.precise.advance(told);
    CHECK(core->refusal() == 0ns);
    CHECK(BreakerCore::enter(core));
  }
}

TEST_CASE_TEMPLATE("FourFifthsOfSlowCallsOpenItAndACallWithoutATimeoutIsNeverSlow", Home,
                   EVERY_HOME) {
  Bench<Home> silent;
  for (int i = 0; i < 20; ++i) silent.call(Cause::kNone, 2s);
  CHECK(silent.core->stats().slow == 0);
  Bench<Home> bench;
  for (int i = 0; i < 20; ++i) {
    BreakerPermit permit = bench.enter();
    permit.timed(1s);
    bench.clock.advance(i < 4 ? 100ms : 900ms);
    permit.success();
  }
  CHECK(bench.state() == BreakerState::kOpen);
}

TEST_CASE_TEMPLATE("ADeadlineThatLeftLessThanFourFifthsOfACallsTimeoutDoesNotCount", Home,
                   EVERY_HOME) {
  Bench<Home> bench;
  for (const Duration lasted : {1s, 3s, 4s, 5s}) {
    BreakerPermit permit = bench.enter();
    bench.clock.advance(lasted);
    permit.timed(5s);
    permit.failure(Cause::kDeadline);
  }
  CHECK(bench.core->stats().failures == 2);
}

TEST_CASE_TEMPLATE("ServerErrorsOpenItAndOtherAnswersDoNot", Home, EVERY_HOME) {
  Bench<Home> bench;
  for (int i = 0; i < 50; ++i) bench.enter().http_status(404);
  CHECK(bench.state() == BreakerState::kClosed);
  for (int i = 0; i < 50; ++i) bench.enter().http_status(503);
  CHECK(bench.state() == BreakerState::kOpen);
}

TEST_CASE_TEMPLATE("EachChangeIsToldOnceWithItsReason", Home, EVERY_HOME) {
  std::vector<std::string> told;
  Bench<Home> bench(BreakerOptions().name("told").on_change([&](const BreakerChange& change) {
    told.push_back(std::string(change.breaker) + " " +
                   std::string(breaker_state_name(change.from)) + " to " +
                   std::string(breaker_state_name(change.to)) + ": " + std::string(change.why));
  }));
  bench.trip();
  bench.clock.advance(10s);
  for (int i = 0; i < 3; ++i) bench.call(Cause::kNone);
  bench.core->force(Mode::kForcedOpen);
  REQUIRE(told.size() == 4);
  CHECK(told[0].starts_with("told closed to open: open for "));
  CHECK(told[0].ends_with(": 20 of 20 calls failed"));
  CHECK(told[1] == "told open to half_open: half open");
  CHECK(told[2] == "told half_open to closed: closed");
  CHECK(told[3] == "told closed to open: open by order");
}

TEST_CASE_TEMPLATE("AListenerMayAskTheBreakerAndMayThrow", Home, EVERY_HOME) {
  std::shared_ptr<BreakerCore> core;
  BreakerState seen{};
  Bench<Home> bench(BreakerOptions().name("listener").on_change([&](const BreakerChange&) {
    seen = core->stats().state;
    throw std::runtime_error("of no interest");
  }));
  core = bench.core;
  bench.trip();
  CHECK(seen == BreakerState::kOpen);
}

TEST_CASE_TEMPLATE("ByOrderItRefusesAndAdmitsWhateverItCounts", Home, EVERY_HOME) {
  Bench<Home> bench;
  bench.core->force(Mode::kForcedOpen);
  const BreakerPermit refused = bench.enter();
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() == 5s);
  bench.core->force(Mode::kForcedClosed);
  for (int i = 0; i < 100; ++i) CHECK(bench.call(Cause::kConnect));
  bench.core->force(Mode::kDisabled);
  for (int i = 0; i < 100; ++i) CHECK(bench.call(Cause::kConnect));
  CHECK(bench.core->stats().failures == 0);
  bench.core->force(Mode::kAutomatic);
  bench.trip();
}

TEST_CASE("NoLockIsHeldWhileCallsRun") {
  Bench<> bench;
  BreakerPermit running = bench.enter();
  std::vector<std::thread> threads;
  std::atomic<int> entered{0};
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] { entered += bench.call(Cause::kNone) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(entered == 5);
  running.success();
  CHECK(bench.core->stats().calls == 6);
}

TEST_CASE("ManyThreadsAtOnceGetThreeProbes [C11]") {
  const int rounds = test::repeat(20, 500);
  for (int round = 0; round < rounds; ++round) {
    Bench<> bench;
    bench.trip();
    bench.clock.advance(10s);
    std::atomic<int> entered{0};
    std::vector<std::thread> threads;
    std::vector<std::vector<BreakerPermit>> permits(4);
    for (auto& mine : permits) {
      threads.emplace_back([&] {
        for (int i = 0; i < 25; ++i) {
          mine.push_back(bench.enter());
          entered += mine.back() ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(entered == 3);
  }
}

TEST_CASE("OfAllWhoEnterEachIsCountedOnce") {
  Bench<> bench(BreakerOptions().name("sum").failure_rate(0));
  const int calls = test::repeat(2000, 30'000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int call = 0; call < calls; ++call) {
        bench.call(i % 2 == 0 ? Cause::kNone : Cause::kConnect);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const BreakerStats stats = bench.core->stats();
  CHECK(stats.calls == static_cast<std::uint64_t>(4 * calls));
  CHECK(stats.failures == static_cast<std::uint64_t>(2 * calls));
}

}  // namespace
}  // namespace tidegate::internal
