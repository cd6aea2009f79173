// SPDX-License-Identifier: Apache-2.0
// Limiters and gates that ask a store for each start, in virtual time: several processes, a network
// that takes time, answers that are lost, and a store that is down.
#include "gate/remote_starts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "gate/gate_core.hpp"
#include "gate/limiter_core.hpp"
#include "gate/remote_home.hpp"
#include "support/loop_clock.hpp"
#include "support/sim_limits.hpp"
#include "support/sim_loop.hpp"
#include "support/turn.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::Limit;
using test::failure;
using test::SimLimits;
using test::SimLimitsClient;
using test::SimLoop;
using test::waited_for;

constexpr TimePoint kStart = SimLoop::kStart;

// So many processes, each with a limiter of one name.
class Hosts {
 public:
  Hosts(std::size_t processes, std::initializer_list<Limit> limits,
        ShareDown down = ShareDown::kLocal, std::uint64_t seed = 0)
      : loop(seed), store(loop, policy::Limiter(kStart, limits)) {
    for (std::size_t i = 0; i < processes; ++i) {
      cores.push_back(std::make_shared<LimiterCore>(
          loop, store.limiter, "remote process " + std::to_string(i), 1024, setup(down)));
    }
  }
  ~Hosts() { loop.drive(); }

  RemoteSetup setup(ShareDown down) {
    return {.limits = std::make_shared<SimLimitsClient>(store),
            .promised = store.limiter,
            .down = down};
  }
  Operation<Duration> acquire(std::size_t process = 0, Duration timeout = 1h) {
    return cores[process]->acquire(loop.now(), 1, Deadline::after(timeout, loop.now()));
  }
  void run_until(Duration since_start) { loop.drive(Deadline::at(kStart + since_start)); }

  SimLoop loop;
  SimLimits store;
  std::vector<std::shared_ptr<LimiterCore>> cores;
};

TEST_CASE("AStartIsNeverBeforeItsTimeAndAsLateAsItsAnswerTook") {
  Hosts hosts(1, {Limit::rate(10, 1s)});
  hosts.store.latency = {5ms, 5ms};
  const auto first = hosts.acquire();
  const auto second = hosts.acquire();
  hosts.loop.drive();
  CHECK(waited_for(first) == 10ms);
  CHECK(waited_for(second) == 110ms);  // asked for at 10 ms, decided at 15, answered at 20
}

TEST_CASE("ProcessesTakeTurnsHoweverLongTheirWayIs") {
  Hosts hosts(4, {Limit::rate(10, 1s)});
  hosts.store.latency = {1ms, 5ms};
  std::vector<std::vector<Operation<Duration>>> waiting(4);
  for (int i = 0; i < 20; ++i) {
    for (std::size_t process = 0; process < 4; ++process) {
      waiting[process].push_back(hosts.acquire(process));
    }
  }
  hosts.loop.drive();
  for (std::size_t i = 0; i < 20; ++i) {
    for (std::size_t process = 0; process < 4; ++process) {
      const Duration time = waited_for(waiting[process][i]);
      CHECK(time >= static_cast<int>(i) * 400ms);
      CHECK(time <= static_cast<int>(i + 1) * 400ms + 20ms);
    }
  }
}

TEST_CASE("WhoseDeadlineIsBehindWhatTheLastAnswerSaidIsRefusedWithoutAQuestion") {
  Hosts hosts(2, {Limit::rate(1, 10s)});
  hosts.store.latency = {2ms, 2ms};
  CHECK(hosts.cores[1]->waiting() == 0);
  const auto first = hosts.acquire(0);
  hosts.loop.drive();
  const int before = hosts.store.questions;
  const Status late = failure(hosts.acquire(0, 5s));
  CHECK(late.cause() == Cause::kRateLimited);
  CHECK(late.retry_after().value_or(0s) > 9s);
  CHECK(hosts.store.questions == before);
  // Who does not know asks once.
  const auto other = hosts.acquire(1, 5s);
  hosts.loop.drive();
  CHECK(failure(other).cause() == Cause::kRateLimited);
  CHECK(failure(other).retry_after().value_or(0s) > 9s);
  CHECK(hosts.store.questions == before + 1);
  CHECK(waited_for(first) == 4ms);
}

TEST_CASE("WhoIsCancelledWhileItAsksLeavesItsSlotToTheNext") {
  for (const Duration when : {Duration(1ms), Duration(5ms), Duration(9ms)}) {
    for (const bool is_followed : {true, false}) {
      Hosts hosts(1, {Limit::rate(1, 1s)});
      hosts.store.latency = {5ms, 5ms};
      const auto given_up = hosts.acquire();
      std::optional<Operation<Duration>> behind;
      if (is_followed) behind.emplace(hosts.acquire());
      hosts.run_until(when);
      given_up.cancel();
      hosts.loop.drive();
      CHECK(failure(given_up).cause() == Cause::kCancelled);
      CHECK(hosts.store.given_back == 1);
      if (behind) CHECK(waited_for(*behind) <= 30ms);
      const auto next = hosts.acquire();
      hosts.loop.drive();
      if (!behind) CHECK(waited_for(next) == 10ms);
      CHECK(hosts.loop.roots() == 0);
    }
  }
}

TEST_CASE("WheneverOneThatAsksIsCancelledThoseBehindItGoOnAndNoSlotIsLost") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    for (std::uint64_t when = 1; when <= 20; ++when) {
      Hosts hosts(1, {Limit::rate(1, 1s)}, ShareDown::kRefuse, seed);
      std::vector<Operation<Duration>> turns;
      for (int i = 0; i < 3; ++i) turns.push_back(hosts.acquire());
      hosts.loop.before_resume([&](std::uint64_t number) {
        if (number >= when && number < when + 2) turns[number - when].cancel();
      });
      hosts.loop.drive();
      std::size_t started = 0;
      for (const auto& turn : turns) {
        CAPTURE(seed);
        CAPTURE(when);
        REQUIRE(turn.done());
        if (turn.wait().ok()) ++started;
      }
      REQUIRE(started >= 1);
      REQUIRE(hosts.loop.roots() == 0);
      hosts.loop.before_resume(nullptr);
      // The next starts as soon as if those that were cancelled had never come.
      const auto next = hosts.acquire();
      const TimePoint begun = hosts.loop.now();
      hosts.loop.drive();
      REQUIRE(begun + waited_for(next) <= kStart + static_cast<int>(started) * 1s);
    }
  }
}

TEST_CASE("APenaltyToldInOneProcessHoldsThoseThatSleepInAnother") {
  Hosts hosts(2, {Limit::rate(1, 1s)});
  hosts.store.latency = {1ms, 1ms};
  const auto first = hosts.acquire(0);
  hosts.run_until(10ms);
  const auto asleep = hosts.acquire(1);
  hosts.run_until(100ms);
  hosts.cores[0]->penalize(hosts.loop.now(), hosts.loop.now() + 30s);
  const auto newcomer = hosts.acquire(0);
  hosts.loop.drive();
  CHECK(waited_for(first) == 2ms);
  const TimePoint times[] = {kStart + 10ms + waited_for(asleep),
                             kStart + 100ms + waited_for(newcomer)};
  CHECK(std::min(times[0], times[1]) >= kStart + 30s + 100ms);
  CHECK(std::max(times[0], times[1]) >= kStart + 31s + 100ms);
}

TEST_CASE("APenaltyToldHereHoldsThoughNoQuestionArrives") {
  for (const ShareDown down : {ShareDown::kLocal, ShareDown::kOpen}) {
    Hosts hosts(1, {Limit::rate(100, 1s)}, down);
    hosts.store.is_down = true;
    hosts.cores[0]->penalize(hosts.loop.now(), hosts.loop.now() + 20s);
    const auto turn = hosts.acquire();
    hosts.run_until(10s);
    hosts.store.is_down = false;
    hosts.loop.drive();
    CHECK(waited_for(turn) == 20s);
  }
  // And the store learns of it with the next question.
  Hosts hosts(2, {Limit::rate(100, 1s)});
  hosts.store.is_down = true;
  hosts.cores[0]->penalize(hosts.loop.now(), hosts.loop.now() + 20s);
  hosts.run_until(1s);
  hosts.store.is_down = false;
  const auto here = hosts.acquire(0);
  hosts.run_until(2s);
  const auto there = hosts.acquire(1);
  hosts.loop.drive();
  CHECK(waited_for(here) == 19s);
  CHECK(waited_for(there) >= 18s);
}

TEST_CASE("WhileTheStoreIsDownAProcessGoesOnAsItWasTold") {
  for (const ShareDown down : {ShareDown::kLocal, ShareDown::kOpen, ShareDown::kRefuse}) {
    CAPTURE(static_cast<int>(down));
    Hosts hosts(1, {Limit::rate(10, 1s, 5)}, down);
    std::vector<Operation<Duration>> turns{hosts.acquire()};
    hosts.loop.drive();
    hosts.store.is_down = true;
    for (int i = 0; i < 6; ++i) turns.push_back(hosts.acquire());
    hosts.loop.drive();
    CHECK(waited_for(turns[0]) == 0ns);
    for (std::size_t i = 1; i < turns.size(); ++i) {
      if (down == ShareDown::kRefuse) {
        const Status status = failure(turns[i]);
        CHECK(status.cause() == Cause::kEngineUnavailable);
        CHECK(status.message() ==
              "its limits are shared, and could not be asked for: Redis is down");
      } else if (down == ShareDown::kOpen) {
        CHECK(waited_for(turns[i]) == 0ns);
      } else {
        CHECK(waited_for(turns[i]) == static_cast<int>(i - 1) * 100ms);  // the burst is not used
      }
    }
    const LimiterStats stats = hosts.cores[0]->stats();
    CHECK(stats.redis_failures >= 6);
    CHECK(stats.redis_decisions >= 1);
    hosts.store.is_down = false;
    hosts.run_until(10s);
    const auto after = hosts.acquire();
    hosts.loop.drive();
    CHECK(waited_for(after) == 0ns);
    CHECK(hosts.cores[0]->stats().redis_decisions == stats.redis_decisions + 1);
  }
}

TEST_CASE("APartOfWhatIsPromisedIsThatOfOneProcess") {
  const auto part = part_of_process(LimiterOptions()
                                        .rate(10, 1s, 5)
                                        .pace(50ms, 10ms)
                                        .pause_every(20, 1s, 3s)
                                        .share_workers(4)
                                        .values());
  CHECK(part.rates[0].per == 4s);
  CHECK(part.rates[0].permits == 10);
  CHECK(part.rates[0].burst == 5);
  CHECK(part.pace.interval == 200ms);
  CHECK(part.pace.jitter == 40ms);
  CHECK(part.pace.least_pause == 4s);
  CHECK(part.pace.most_pause == 12s);
}

// Of what the store booked and nobody gave back, by what each limit promises of any window.
void check_windows(std::vector<TimePoint> starts, const policy::Limiter& limiter, Duration late) {
  std::sort(starts.begin(), starts.end());
  for (std::size_t i = 0; i < limiter.size(); ++i) {
    const auto burst = static_cast<std::size_t>(limiter[i].burst());
    for (std::size_t n = burst; n < starts.size(); ++n) {
      REQUIRE(starts[n] - starts[n - burst] + late >= limiter[i].interval());
    }
  }
}

TEST_CASE("UnderARandomMixNoProcessIsEarlyAndAllTogetherKeepTheRate") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Hosts hosts(3, {Limit::rate(100, 1s, 2)}, ShareDown::kRefuse, seed);
    hosts.store.latency = {0ms, 3ms};
    hosts.store.lost = seed % 3 == 0 ? 10 : 0;
    Rng rng(seed);
    struct Wait {
      TimePoint begun;
      Operation<Duration> turn;
    };
    std::vector<Wait> waits;
    for (int i = 0; i < 200; ++i) {
      waits.push_back({hosts.loop.now(), hosts.acquire(rng.below(3))});
      if (rng.chance(30)) waits[rng.below(waits.size())].turn.cancel();
      if (rng.chance(5)) {
        hosts.cores[rng.below(3)]->penalize(hosts.loop.now(), hosts.loop.now() + 5ms);
      }
      if (rng.chance(40)) hosts.loop.drive(Deadline::at(hosts.loop.now() + rng.between(0ns, 20ms)));
    }
    hosts.loop.drive();
    std::vector<TimePoint> starts;
    for (const Wait& wait : waits) {
      REQUIRE(wait.turn.done());
      const auto result = wait.turn.wait();
      if (result.ok()) starts.push_back(wait.begun + *result);
    }
    REQUIRE(starts.size() > 50);
    check_windows(starts, hosts.store.limiter, 3ms);
    for (const auto& core : hosts.cores) REQUIRE(core->waiting() == 0);
    REQUIRE(hosts.loop.roots() == 0);
    REQUIRE(hosts.loop.timers() == 0);
  }
}

// --- gates

struct Bench {
  explicit Bench(const GateOptions& options, std::initializer_list<Limit> limits,
                 ShareDown down = ShareDown::kRefuse)
      : store(loop, policy::Limiter(kStart, limits)) {
    core = GateCore::make(loop, GateCore::Clocks{.clock = clock, .coarse = clock}, options.values(),
                          store.limiter, GateCore::Shared{}, 7,
                          RemoteSetup{.limits = std::make_shared<SimLimitsClient>(store),
                                      .promised = store.limiter,
                                      .down = down});
  }
  ~Bench() { loop.drive(); }

  Operation<GatePermit> acquire(Duration timeout = 1h) {
    return core->acquire(loop.now(), Deadline::after(timeout, loop.now()), GatePriority::kNormal);
  }
  void settle() { loop.drive(Deadline::at(loop.now())); }

  SimLoop loop;
  test::LoopClock clock{loop};
  SimLimits store;
  std::shared_ptr<GateCore> core;
};

GatePermit permit_of(const Operation<GatePermit>& operation) {
  REQUIRE(operation.done());
  auto result = operation.wait();
  INFO(result.status().to_string());
  REQUIRE(result.ok());
  return std::move(*result);
}

TEST_CASE("AGateAsksForAStartOnlyWithASlotAndInOrder") {
  Bench gate(GateOptions("encar").concurrency(1), {Limit::rate(10, 1s)});
  gate.store.latency = {1ms, 1ms};
  const auto first = gate.acquire();
  const auto second = gate.acquire();
  gate.loop.drive(Deadline::at(kStart + 50ms));
  CHECK(gate.store.questions == 1);
  GatePermit inside = permit_of(first);
  CHECK(inside.waited() == 2ms);
  CHECK_FALSE(second.done());
  inside.success();
  gate.loop.drive();
  CHECK(gate.store.questions == 2);
  CHECK(permit_of(second).waited() == 102ms);
}

TEST_CASE("WhenTheBreakerOpensWhatTheHeadHasBookedIsGivenBack") {
  Bench gate(GateOptions("encar").breaker({}), {Limit::rate(1, 1s)});
  gate.store.latency = {1ms, 1ms};
  {
    const auto first = gate.acquire();
    gate.loop.drive();
    permit_of(first).success();
  }
  const auto head = gate.acquire();
  gate.loop.drive(Deadline::at(gate.loop.now() + 100ms));
  gate.core->force(BreakerMode::kForcedOpen);
  gate.loop.drive();
  CHECK(head.wait().status().cause() == Cause::kCircuitOpen);
  CHECK(gate.store.given_back == 1);
  CHECK(gate.core->stats().inside == 0);
  CHECK(gate.core->stats().waiting == 0);
}

TEST_CASE("ACallThatComesBackDoesNotMakeTheHeadAskAgain") {
  Bench gate(GateOptions("encar").concurrency(3), {Limit::rate(1, 1s, 2)});
  const auto one = gate.acquire();
  const auto two = gate.acquire();
  const auto head = gate.acquire();
  gate.settle();
  const int before = gate.store.questions;
  permit_of(one).success();
  permit_of(two).success();
  gate.loop.drive(Deadline::at(gate.loop.now() + 500ms));
  CHECK(gate.store.questions == before);
  gate.loop.drive();
  CHECK(permit_of(head).waited() == 1s);
}

TEST_CASE("APenaltyFromAnAnswerPutsOffTheHeadOfAGate") {
  Bench gate(GateOptions("encar"), {Limit::rate(1, 1s, 2)});
  const auto one = gate.acquire();
  const auto two = gate.acquire();
  const auto head = gate.acquire();
  const auto hasty = gate.acquire(10s);
  gate.settle();
  permit_of(one).http_status(429, 30s);
  permit_of(two).success();
  gate.loop.drive();
  CHECK(permit_of(head).waited() == 30s);
  CHECK(hasty.wait().status().cause() == Cause::kRateLimited);
  CHECK(gate.store.held_until == kStart + 30s);
}

TEST_CASE("AGateWhoseLimitsCannotBeAskedForRefusesWithItsName") {
  Bench gate(GateOptions("encar"), {Limit::rate(1, 1s)});
  gate.store.is_down = true;
  const auto refused = gate.acquire();
  gate.loop.drive();
  const Status status = refused.wait().status();
  CHECK(status.cause() == Cause::kEngineUnavailable);
  CHECK(status.message() ==
        "gate 'encar': its limits are shared, and could not be asked for: Redis is down");
  CHECK(gate.core->stats().inside == 0);
}

}  // namespace
}  // namespace tidegate::internal
