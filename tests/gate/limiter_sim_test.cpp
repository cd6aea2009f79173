// SPDX-License-Identifier: Apache-2.0
// The limiter's line in virtual time, with words of its own, with words that it shares with other
// processes, and with a store that it asks over a network which takes no time.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "gate/limiter_core.hpp"
#include "support/sim_limits.hpp"
#include "support/sim_loop.hpp"
#include "support/turn.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::Limit;
using test::failure;
using test::SimLoop;
using test::waited;

constexpr TimePoint kStart = SimLoop::kStart;

struct Process {
  static std::shared_ptr<LimiterCore> make(SimLoop& loop, const policy::Limiter& limiter,
                                           std::size_t queue) {
    return std::make_shared<LimiterCore>(loop, limiter, "sim", queue);
  }
};
struct Host {
  std::shared_ptr<LimiterCore> make(SimLoop& loop, const policy::Limiter& limiter,
                                    std::size_t queue) {
    return std::make_shared<LimiterCore>(loop, limiter, "sim", queue, &words);
  }
  LimiterWords words;
};
struct Redis {
  std::shared_ptr<LimiterCore> make(SimLoop& loop, const policy::Limiter& limiter,
                                    std::size_t queue) {
    store.emplace(loop, limiter);
    return std::make_shared<LimiterCore>(
        loop, limiter, "sim", queue,
        RemoteSetup{.limits = std::make_shared<test::SimLimitsClient>(*store),
                    .promised = limiter,
                    .down = ShareDown::kRefuse});
  }
  std::optional<test::SimLimits> store;
};

// A limiter on a loop in virtual time, and those that wait for it.
template <class Home>
class Gate {
 public:
  explicit Gate(std::initializer_list<Limit> limits, std::size_t queue = 1024)
      : core(home.make(loop, policy::Limiter(kStart, limits), queue)) {}
  ~Gate() { loop.drive(); }

  Operation<Duration> acquire(Duration timeout = 1h, std::uint32_t weight = 1) {
    return core->acquire(loop.now(), weight, Deadline::after(timeout, loop.now()));
  }
  // What a Redis is asked is decided in this moment.
  LimiterCore::Booking reserve(std::uint32_t weight, Duration most_wait) {
    if (!core->is_remote()) return core->reserve(loop.now(), weight, most_wait);
    const LimiterCore::Asked asked = core->ask(loop.now(), weight, most_wait);
    settle();
    last = core->booked(asked);
    return last.local;
  }
  void cancel(const LimiterCore::Booking& booking) {
    if (!core->is_remote()) return core->cancel(booking, loop.now());
    core->cancel(last);
    settle();
  }
  bool takes(std::uint32_t weight = 1) { return reserve(weight, 0ns).granted(); }
  void penalize(Duration time) { core->penalize(loop.now(), loop.now() + time); }
  // Messages and flows, without a step of time.
  void settle() { loop.drive(Deadline::at(loop.now())); }
  void run_until(Duration since_start) { loop.drive(Deadline::at(kStart + since_start)); }

  SimLoop loop;
  Home home;
  std::shared_ptr<LimiterCore> core;
  RemoteBooking last;
};

TEST_CASE_TEMPLATE("AFreeStartHasEndedWhenAcquireReturnsAndTouchesNoLoop", Home, Process, Host) {
  Gate<Home> gate({Limit::rate(10, 1s, 2)});
  const auto first = gate.acquire();
  CHECK(waited(first) == 0ns);
  CHECK(gate.loop.resumes() == 0);
  CHECK(gate.loop.timers() == 0);
}

TEST_CASE_TEMPLATE("ThoseThatWaitStartInTheOrderInWhichTheyCame", Home, Process, Host, Redis) {
  Gate<Home> gate({Limit::rate(10, 1s)});
  CHECK(gate.takes());
  std::vector<Operation<Duration>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(gate.acquire());
  gate.loop.drive();
  for (int i = 0; i < 20; ++i)
    CHECK(waited(waiting[static_cast<std::size_t>(i)]) == (i + 1) * 100ms);
}

TEST_CASE_TEMPLATE("AHeavyStartIsNotOvertakenByLightOnesThatComeAtTheRate", Home, Process, Host,
                   Redis) {
  Gate<Home> gate({Limit::rate(10, 1s, 5)});
  CHECK(gate.takes(5));
  const auto heavy = gate.acquire(1h, 5);
  std::vector<Operation<Duration>> light;
  for (int i = 0; i < 30; ++i) {
    light.push_back(gate.acquire());
    CHECK_FALSE(gate.takes());
    gate.run_until(i * 100ms);
  }
  gate.loop.drive();
  CHECK(waited(heavy) == 500ms);
  for (const auto& each : light) CHECK(waited(each) > 500ms - 400ms);
}

TEST_CASE_TEMPLATE("WhileSomebodyWaitsNewcomersAreRefusedWithTheTimeBehindThem", Home, Process,
                   Host, Redis) {
  Gate<Home> gate({Limit::rate(10, 1s)});
  CHECK(gate.takes());
  const auto first = gate.acquire();
  const auto second = gate.acquire();
  const auto refused = gate.reserve(1, 1h);
  CHECK_FALSE(refused.granted());
  CHECK(refused.wait == 300ms);
  gate.settle();
  CHECK(gate.reserve(1, 0ns).wait == 300ms);
  gate.run_until(300ms);
  CHECK(waited(second) == 200ms);
  CHECK(gate.takes());
}

TEST_CASE_TEMPLATE("WhoWouldBeTooLateIsRefusedAtOnceWithTheTimeItWouldTake", Home, Process, Host,
                   Redis) {
  Gate<Home> gate({Limit::rate(1, 10s)});
  CHECK(gate.takes());
  const std::uint64_t resumes = gate.loop.resumes();
  const auto late = gate.acquire(500ms);
  const Status status = failure(late);
  CHECK(status.cause() == Cause::kRateLimited);
  CHECK(status.retry_after() == 10s);
  CHECK(status.message() == "its turn would come in 10 s, and 0.5 s are left");
  CHECK(gate.loop.resumes() == resumes);

  const auto in_time = gate.acquire(10s);
  const auto behind = gate.acquire(19s);
  CHECK(failure(behind).retry_after() == 20s);
  gate.loop.drive();
  CHECK(waited(in_time) == 10s);
}

TEST_CASE_TEMPLATE("ACancelledHeadHandsItsSlotToTheNext", Home, Process, Host, Redis) {
  Gate<Home> gate({Limit::rate(2, 1s)});
  CHECK(gate.takes());
  std::vector<Operation<Duration>> given_up;
  for (int i = 0; i < 5; ++i) given_up.push_back(gate.acquire());
  const auto last = gate.acquire();
  gate.run_until(100ms);
  for (const auto& each : given_up) each.cancel();
  gate.loop.drive();
  for (const auto& each : given_up) CHECK(failure(each).cause() == Cause::kCancelled);
  CHECK(waited(last) == 500ms);
  CHECK(gate.core->metrics().lost.value() == 0);
}

TEST_CASE_TEMPLATE("AfterACancelOfAllNothingStaysAndTheirSlotsAreFree", Home, Process, Host,
                   Redis) {
  Gate<Home> gate({Limit::rate(2, 1s)});
  CHECK(gate.takes());
  std::vector<Operation<Duration>> waiting;
  for (int i = 0; i < 1000; ++i) waiting.push_back(gate.acquire());
  gate.settle();
  for (const auto& each : waiting) each.cancel();
  gate.settle();
  CHECK(gate.core->waiting() == 0);
  CHECK(gate.loop.roots() == 0);
  CHECK(gate.loop.timers() == 0);
  CHECK(gate.core.use_count() == 1);
  const auto next = gate.acquire(500ms);
  gate.loop.drive();
  CHECK(waited(next) == 500ms);
}

TEST_CASE_TEMPLATE("AStalledLoopLetsNobodyOvertake", Home, Process, Host, Redis) {
  Gate<Home> gate({Limit::rate(10, 1s, 3)});
  CHECK(gate.takes(3));
  std::vector<Operation<Duration>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(gate.acquire());
  gate.loop.single_turn(10s);  // the inbox was read; then nothing for ten seconds
  CHECK_FALSE(gate.takes());
  const auto newcomer = gate.acquire();
  CHECK_FALSE(newcomer.done());
  gate.loop.drive();
  CHECK(waited(newcomer) >= 200ms);
}

// A start that was booked and begins only when the loop is awake again counts from there.
TEST_CASE_TEMPLATE("AfterAStallNoWindowOfAStrictLimitHoldsOneMore", Home, Process, Host, Redis) {
  for (const Duration late : {Duration(5ms), Duration(850ms), Duration(60s)}) {
    for (const std::uint32_t burst : {1U, 4U, 7U}) {
      for (const bool is_penalized : {false, true}) {
        CAPTURE(late.count());
        CAPTURE(burst);
        CAPTURE(is_penalized);
        Gate<Home> gate({Limit::strict(10, 1s, burst)});
        CHECK(gate.takes(burst));
        std::vector<TimePoint> starts(burst, gate.loop.now());
        const auto head = gate.acquire();
        gate.settle();
        if (is_penalized) gate.penalize(2ms);
        gate.loop.single_turn(gate.reserve(1, 0ns).wait / 2 + late);
        for (int step = 0; step < 3000; ++step) {
          gate.settle();
          if (starts.size() == burst && head.done()) starts.push_back(gate.loop.now());
          while (gate.takes()) starts.push_back(gate.loop.now());
          gate.run_until(gate.loop.elapsed() + 1ms);
        }
        REQUIRE(starts.size() > 10);
        for (std::size_t i = 10; i < starts.size(); ++i) REQUIRE(starts[i] - starts[i - 10] >= 1s);
      }
    }
  }
}

TEST_CASE_TEMPLATE("AfterAPauseOfAMinuteNoMoreStartThanTheBurst [L2]", Home, Process, Host, Redis) {
  for (const Limit& limit : {Limit::rate(10, 1s, 3), Limit::strict(10, 1s, 3)}) {
    Gate<Home> gate({limit});
    CHECK(gate.takes(3));
    std::vector<Operation<Duration>> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(gate.acquire());
    gate.settle();
    gate.loop.single_turn(60s);
    gate.settle();
    const auto begun =
        std::count_if(waiting.begin(), waiting.end(), [](const auto& each) { return each.done(); });
    CHECK(begun == 3);
  }
}

TEST_CASE_TEMPLATE("AFullLineRefusesTheNextAtOnce", Home, Process, Host, Redis) {
  Gate<Home> gate({Limit::rate(1, 1s)}, 2);
  CHECK(gate.takes());
  const auto first = gate.acquire();
  const auto second = gate.acquire();
  CHECK(failure(gate.acquire()).cause() == Cause::kQueueFull);
  first.cancel();
  gate.settle();
  const auto third = gate.acquire();
  gate.loop.drive();
  CHECK(waited(second) == 1s);
  CHECK(waited(third) == 2s);
}

TEST_CASE_TEMPLATE("AWeightThatNeverFitsIsABadArgument", Home, Process, Host, Redis) {
  Gate<Home> gate({Limit::rate(10, 1s, 3)});
  CHECK(failure(gate.acquire(1h, 4)).cause() == Cause::kBadArgument);
  CHECK(failure(gate.acquire(1h, 0)).cause() == Cause::kBadArgument);
  const auto heaviest = gate.acquire(1h, 3);
  gate.settle();
  CHECK(waited(heaviest) == 0ns);
}

TEST_CASE_TEMPLATE("APenaltyHoldsThoseThatWaitAndShedsThoseThatCannotMakeIt", Home, Process, Host,
                   Redis) {
  Gate<Home> gate({Limit::rate(10, 1s, 5)});
  CHECK(gate.takes(5));
  const auto patient = gate.acquire();
  const auto hasty = gate.acquire(1s);
  gate.settle();
  gate.penalize(30s);
  const auto newcomer = gate.acquire(20s);
  CHECK(failure(newcomer).cause() == Cause::kRateLimited);
  gate.loop.drive();
  CHECK(waited(patient) == 30s);
  const Status shed = failure(hasty);
  CHECK(shed.cause() == Cause::kRateLimited);
  CHECK(shed.retry_after() == 29s + 100ms);
}

TEST_CASE_TEMPLATE("WhatIsCancelledDuringAPenaltyDoesNotEndIt", Home, Process, Host, Redis) {
  Gate<Home> gate({Limit::rate(1, 1h, 5)});
  CHECK(gate.takes(5));
  gate.run_until(59min);
  const auto booked = gate.reserve(1, 1h);  // for a minute from now
  REQUIRE(booked.granted());
  gate.penalize(30min);
  gate.cancel(booked);
  CHECK_FALSE(gate.takes());
  const auto turn = gate.acquire();
  gate.loop.drive();
  CHECK(waited(turn) == 30min);
}

TEST_CASE_TEMPLATE("AnIdleLimiterDoesNotBlockForAnother", Home, Process, Host, Redis) {
  Gate<Home> gate({Limit::rate(1, 10s)});
  auto idle = std::make_shared<LimiterCore>(
      gate.loop, policy::Limiter(kStart, {Limit::rate(1, 10s)}), "idle", 10);
  CHECK(gate.takes());
  const auto waiting = gate.acquire();
  gate.settle();
  CHECK(waited(idle->acquire(gate.loop.now(), 1, Deadline::never())) == 0ns);
  gate.loop.drive();
  CHECK(waited(waiting) == 10s);
}

TEST_CASE_TEMPLATE("UnderARandomMixOfCancelsNoSlotIsLostAndNoneIsEarly", Home, Process, Host,
                   Redis) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Rng rng(seed);
    Gate<Home> gate({Limit::rate(100, 1s)});
    std::vector<Operation<Duration>> waiting;
    std::vector<TimePoint> begun;
    for (int i = 0; i < 300; ++i) {
      begun.push_back(gate.loop.now());
      waiting.push_back(gate.acquire());
      if (rng.chance(40)) waiting[rng.below(waiting.size())].cancel();
      if (rng.chance(30)) gate.loop.drive(Deadline::at(gate.loop.now() + rng.between(0ns, 20ms)));
    }
    gate.loop.drive();
    // In their order, and each as soon as if those that were cancelled had never come.
    TimePoint due = kStart;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      REQUIRE(waiting[i].done());
      const auto time = waited(waiting[i]);
      if (!time) continue;
      REQUIRE(begun[i] + *time == std::max(due, begun[i]));
      due = begun[i] + *time + 10ms;
    }
    REQUIRE(gate.core->waiting() == 0);
  }
}

TEST_CASE_TEMPLATE("AfterEachTwentyStartsThereIsOnePauseForAllWhoeverIsCancelled", Home, Process,
                   Host, Redis) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Rng rng(seed);
    Gate<Home> gate({Limit::pace(
        {.interval = 500ms, .every = 20, .least_pause = 1s, .most_pause = 3s, .seed = seed})});
    std::vector<Operation<Duration>> waiting;
    for (int i = 0; i < 300; ++i) waiting.push_back(gate.acquire());
    while (gate.core->waiting() > 0) {
      if (rng.chance(2)) waiting[rng.below(waiting.size())].cancel();
      gate.loop.drive(Deadline::at(gate.loop.now() + rng.between(0ns, 1s)));
    }
    std::vector<Duration> starts;
    for (const auto& each : waiting) {
      if (const auto time = waited(each)) starts.push_back(*time);
    }
    REQUIRE(starts.size() > 60);
    REQUIRE(starts.size() < 300);
    for (std::size_t i = 1; i < starts.size(); ++i) {
      CAPTURE(i);
      const Duration gap = starts[i] - starts[i - 1];
      const bool is_pause = i % 20 == 0;
      REQUIRE(gap >= (is_pause ? 1500ms : 500ms));
      REQUIRE(gap <= (is_pause ? 3500ms : 500ms) + 1us);
    }
  }
}

}  // namespace
}  // namespace tidegate::internal
