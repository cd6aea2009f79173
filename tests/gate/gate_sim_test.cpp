// SPDX-License-Identifier: Apache-2.0
// The gate's line in virtual time, with limits of its own, with words that other processes have too, and
// with a store that it asks over a network which takes no time.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/sleep.hpp"
#include "gate/gate_core.hpp"
#include "gate/limiter_home.hpp"
#include "support/deep.hpp"
#include "support/flow.hpp"
#include "support/loop_clock.hpp"
#include "support/sim_limits.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::Limit;
using test::Flow;
using test::LoopClock;
using test::SimLoop;

constexpr TimePoint kStart = SimLoop::kStart;

struct Process {
  static constexpr bool kAsks = false;
  GateCore::Shared shared() noexcept { return {}; }
};
struct Host : Process {
  GateCore::Shared shared() noexcept { return {.limits = &limits, .breaker = &breaker}; }
  LimiterWords limits;
  BreakerWords breaker;
};
struct Redis : Process {
  static constexpr bool kAsks = true;
};
#define EVERY_HOME Process, Host, Redis

Task<void> enter_into(std::shared_ptr<GateCore> core, std::optional<GatePermit>* permit) {
  auto entering = GateCore::try_enter_in_flow(std::move(core), true);
  auto entered = co_await std::move(entering);
  permit->emplace(std::move(entered));
}

template <class Home>
struct Bench {
  explicit Bench(const GateOptions& options, std::initializer_list<Limit> limits = {},
                 std::uint64_t seed = 0)
      : loop(seed),
        limiter(limits.size() > 0 ? policy::Limiter(kStart, limits) : limiter_of({}, kStart, 0)),
        core(make(options)) {}
  ~Bench() { loop.drive(); }

  // One of its own, or that of another process.
  std::shared_ptr<GateCore> make(const GateOptions& options) {
    const GateCore::Clocks clocks{.clock = clock, .coarse = clock};
    std::optional<RemoteSetup> remote;
    if constexpr (Home::kAsks) {
      store.emplace(loop, limiter);
      remote.emplace(RemoteSetup{.limits = std::make_shared<test::SimLimitsClient>(*store),
                                 .promised = limiter,
                                 .down = ShareDown::kRefuse});
    }
    return GateCore::make(loop, clocks, options.values(), limiter, home.shared(), 7,
                          std::move(remote));
  }

  Operation<GatePermit> acquire(Duration timeout = 1h,
                                GatePriority priority = GatePriority::kNormal) {
    return core->acquire(loop.now(), Deadline::after(timeout, loop.now()), priority);
  }
  GatePermit try_enter() {
    if constexpr (!Home::kAsks) return core->try_enter();
    std::optional<GatePermit> permit;
    const Flow flow(loop, enter_into(core, &permit));
    settle();
    REQUIRE(permit.has_value());
    return std::move(*permit);
  }
  // Messages and flows, without a step of time.
  void settle() { loop.drive(Deadline::at(loop.now())); }
  void run_until(Duration since_start) { loop.drive(Deadline::at(kStart + since_start)); }
  void trip() { core->force(BreakerMode::kForcedOpen); }

  SimLoop loop;
  LoopClock clock{loop};
  Home home;
  const policy::Limiter limiter;
  std::optional<test::SimLimits> store;
  std::shared_ptr<GateCore> core;
};

GateOptions slots(std::size_t count) { return GateOptions("encar").concurrency(count); }

Status failure(const Operation<GatePermit>& operation) {
  REQUIRE(operation.done());
  return operation.wait().status();
}

// An acquisition, with its permit as soon as it has one.
struct Wait {
  explicit Wait(Operation<GatePermit> acquired) : operation(std::move(acquired)) {}
  bool has_turn() {
    if (!permit && operation.done()) {
      auto result = operation.wait();
      if (result.ok()) permit.emplace(std::move(*result));
    }
    return permit.has_value();
  }
  Operation<GatePermit> operation;
  std::optional<GatePermit> permit;
};

TEST_CASE_TEMPLATE("AFreeGateIsEnteredOnTheCallersThread", Home, Process, Host) {
  Bench<Home> gate(slots(2).breaker({}), {Limit::rate(10, 1s, 2)});
  const auto first = gate.acquire();
  REQUIRE(first.done());
  auto permit = first.wait();
  REQUIRE(permit.ok());
  CHECK(permit->waited() == 0ns);
  CHECK(gate.try_enter());
  CHECK(gate.loop.resumes() == 0);
  CHECK(gate.loop.timers() == 0);
}

TEST_CASE_TEMPLATE("AtMostSoManyAreInsideAndWhoLeavesLetsTheFirstOfTheLineIn", Home, EVERY_HOME) {
  Bench<Home> gate(slots(2));
  GatePermit one = gate.try_enter();
  GatePermit two = gate.try_enter();
  const GatePermit refused = gate.try_enter();
  CHECK_FALSE(refused);
  CHECK(refused.cause() == Cause::kPoolTimeout);
  CHECK(gate.core->refusal(refused.cause(), {}).message() ==
        "gate 'encar': no slot is free: 2 of 2 calls are inside");

  Wait third(gate.acquire());
  Wait fourth(gate.acquire());
  gate.settle();
  CHECK_FALSE(third.has_turn());
  gate.run_until(3s);
  one.success();
  CHECK_FALSE(gate.try_enter());  // it is the third one's
  gate.settle();
  REQUIRE(third.has_turn());
  CHECK(third.permit->waited() == 3s);
  CHECK_FALSE(fourth.has_turn());
  two.cancel();
  gate.settle();
  CHECK(fourth.has_turn());
  CHECK(gate.core->stats().inside == 2);
}

TEST_CASE_TEMPLATE("OneThatTimesOutAndAReleaseLoseNoSlot", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1));
  GatePermit inside = gate.try_enter();
  const auto late = gate.acquire(1s);
  gate.run_until(1s);
  const Status status = failure(late);
  CHECK(status.cause() == Cause::kPoolTimeout);
  CHECK(status.message() ==
        "gate 'encar': its deadline passed before a slot was free: 1 of 1 calls are inside, and 0 "
        "wait");
  inside.success();
  gate.settle();
  CHECK(gate.core->stats().inside == 0);
  CHECK(gate.try_enter());
}

TEST_CASE_TEMPLATE("APermitThatNobodyTakesGoesBackWithItsOperation", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1));
  {
    GatePermit inside = gate.try_enter();
    const auto waits = gate.acquire();
    inside.success();
    gate.settle();
    REQUIRE(waits.done());
    CHECK(gate.core->stats().inside == 1);
  }
  gate.settle();
  CHECK(gate.core->stats().inside == 0);
  CHECK(gate.try_enter());
}

TEST_CASE_TEMPLATE("TheFirstWhoAsksHasThePermit", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1));
  const auto acquired = gate.acquire();
  gate.settle();
  CHECK(acquired.wait().ok());
  CHECK(acquired.wait().status().cause() == Cause::kBadArgument);
}

TEST_CASE_TEMPLATE("ThoseThatWaitEnterInTheOrderInWhichTheyCame", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1));
  std::optional<GatePermit> inside(gate.try_enter());
  std::vector<Wait> waiting;
  for (int i = 0; i < 50; ++i) waiting.emplace_back(gate.acquire());
  gate.settle();
  for (auto& next : waiting) {
    CHECK_FALSE(next.has_turn());
    CHECK_FALSE(gate.try_enter());
    inside.reset();
    gate.settle();
    REQUIRE(next.has_turn());
    inside.emplace(std::move(*next.permit));
  }
}

TEST_CASE_TEMPLATE("AHigherPriorityGoesFirstAndWithinOneItIsFirstComeFirstServed", Home,
                   EVERY_HOME) {
  Bench<Home> gate(slots(1));
  std::optional<GatePermit> inside(gate.try_enter());
  using enum GatePriority;
  Wait low(gate.acquire(1h, kLow)), normal(gate.acquire(1h, kNormal)),
      high(gate.acquire(1h, kHigh)), low2(gate.acquire(1h, kLow)), high2(gate.acquire(1h, kHigh));
  gate.settle();
  for (Wait* next : {&high, &high2, &normal, &low, &low2}) {
    CHECK_FALSE(next->has_turn());
    inside.reset();
    gate.settle();
    REQUIRE(next->has_turn());
    inside.emplace(std::move(*next->permit));
  }
}

TEST_CASE_TEMPLATE("WhoWouldStartTooLateIsRefusedAtOnceBehindThoseOfItsPriorityAndAbove", Home,
                   EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar"), {Limit::rate(1, 10s)});
  const GatePermit inside = gate.try_enter();
  REQUIRE(inside);
  const auto late = gate.acquire(3s);
  CHECK(failure(late).cause() == Cause::kRateLimited);
  CHECK(failure(late).retry_after() == 10s);
  CHECK(failure(late).message() ==
        "gate 'encar': its turn would come in 10 s; 3 s of the deadline are left");
  const auto first = gate.acquire(1h, GatePriority::kNormal);
  CHECK(failure(gate.acquire(15s, GatePriority::kNormal)).retry_after() == 20s);
  const auto before = gate.acquire(15s, GatePriority::kHigh);
  CHECK_FALSE(before.done());
}

TEST_CASE_TEMPLATE("TheQueueIsBounded", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1).queue(2));
  GatePermit inside = gate.try_enter();
  const auto one = gate.acquire(), two = gate.acquire(), three = gate.acquire();
  CHECK(failure(three).cause() == Cause::kQueueFull);
  CHECK(failure(three).message() == "gate 'encar': 2 wait already");
  one.cancel();
  two.cancel();
  gate.settle();
  CHECK_FALSE(gate.acquire().done());
}

TEST_CASE_TEMPLATE("OfAThousandThatWaitNineHundredNinetyNineCancelledLeaveNothing", Home,
                   EVERY_HOME) {
  Bench<Home> gate(slots(1), {Limit::rate(1, 1s)});
  GatePermit inside = gate.try_enter();
  std::vector<Wait> waiting;
  for (int i = 0; i < 1000; ++i) waiting.emplace_back(gate.acquire());
  gate.settle();
  for (std::size_t i = 0; i < 999; ++i) waiting[i].operation.cancel();
  gate.settle();
  CHECK(gate.core->stats().waiting == 1);
  CHECK(gate.loop.roots() == 1);
  for (std::size_t i = 0; i < 999; ++i)
    CHECK(failure(waiting[i].operation).cause() == Cause::kCancelled);
  inside.success();
  gate.run_until(1s);
  CHECK(waiting[999].has_turn());
}

TEST_CASE_TEMPLATE("ASlotComesBeforeAStartSoThatWhoWaitsForASlotUsesUpNone", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1), {Limit::rate(1, 1s)});
  GatePermit inside = gate.try_enter();
  Wait next(gate.acquire());
  gate.run_until(10s);
  CHECK_FALSE(next.has_turn());
  inside.success();
  gate.settle();
  CHECK(next.has_turn());  // its start was there all the time
}

TEST_CASE_TEMPLATE("ACancelledHeadHandsSlotAndStartToTheNext", Home, EVERY_HOME) {
  Bench<Home> gate(slots(2), {Limit::rate(2, 1s)});
  const GatePermit inside = gate.try_enter();
  std::vector<Operation<GatePermit>> given_up;
  for (int i = 0; i < 5; ++i) given_up.push_back(gate.acquire());
  Wait last(gate.acquire());
  gate.run_until(200ms);
  for (const auto& each : given_up) each.cancel();
  gate.run_until(500ms);
  REQUIRE(last.has_turn());
  CHECK(last.permit->waited() == 500ms);
}

TEST_CASE_TEMPLATE("WhenTheBreakerOpensAllThatWaitAreToldAtOnce", Home, EVERY_HOME) {
  Bench<Home> gate(slots(2).breaker(BreakerOptions().consecutive(1)), {Limit::rate(1, 1s)});
  GatePermit inside = gate.try_enter();
  std::vector<Operation<GatePermit>> waiting;  // the first sleeps for its start
  for (int i = 0; i < 10; ++i) waiting.push_back(gate.acquire());
  gate.run_until(100ms);
  inside.failure(Cause::kConnect);
  gate.settle();
  for (const auto& each : waiting) {
    REQUIRE(failure(each).cause() == Cause::kCircuitOpen);
    CHECK(failure(each).retry_after() > 0s);
  }
  CHECK(gate.core->stats().waiting == 0);
  CHECK(gate.core->stats().inside == 0);
  CHECK(gate.loop.roots() == 0);
  CHECK(failure(gate.acquire()).cause() == Cause::kCircuitOpen);
  const GatePermit refused = gate.try_enter();
  CHECK(refused.cause() == Cause::kCircuitOpen);
  CHECK(refused.retry_after() > 0s);
}

TEST_CASE_TEMPLATE("WhomTheBreakerRefusesUsesUpNoStart", Home, EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar").breaker({}), {Limit::rate(1, 1s)});
  gate.trip();
  for (int i = 0; i < 10; ++i) CHECK_FALSE(gate.try_enter());
  gate.core->force(BreakerMode::kAutomatic);
  CHECK(gate.try_enter());
}

TEST_CASE_TEMPLATE("AHalfOpenBreakerRefusesAfterTheWaitAndTheStartIsTheNextOnes", Home,
                   EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar").breaker(BreakerOptions().consecutive(1).probes(1)),
                   {Limit::rate(1, 1s)});
  gate.try_enter().failure(Cause::kConnect);
  gate.run_until(100s);  // open for at most 6 s
  GatePermit probe = gate.try_enter();
  REQUIRE(probe);
  const auto waits = gate.acquire();
  gate.run_until(101s);
  CHECK(failure(waits).cause() == Cause::kCircuitOpen);
  probe.success();
  CHECK(gate.try_enter());  // at the second at which the refused one would have started
}

TEST_CASE_TEMPLATE("A429PutsAllStartsOffAndSaysNothingToTheBreaker", Home, EVERY_HOME) {
  for (const bool has_rate : {false, true}) {
    CAPTURE(has_rate);
    auto options = GateOptions("encar").breaker(BreakerOptions().consecutive(1));
    Bench<Home> limited(options, {Limit::rate(100, 1s)});
    Bench<Home> free(options);
    Bench<Home>& gate = has_rate ? limited : free;
    const std::uint64_t penalties = gate.core->stats().penalties;
    gate.try_enter().http_status(429, 5s);
    const GatePermit refused = gate.try_enter();
    CHECK(refused.cause() == Cause::kRateLimited);
    CHECK(refused.retry_after() == 5s);
    CHECK(gate.core->stats().breaker->state == BreakerState::kClosed);
    Wait waits(gate.acquire());
    CHECK(failure(gate.acquire(4s)).cause() == Cause::kRateLimited);
    gate.run_until(5s - 1ns);
    CHECK_FALSE(waits.has_turn());
    gate.run_until(5s);
    CHECK(waits.has_turn());
    CHECK(gate.core->stats().penalties == penalties + 1);
  }
}

TEST_CASE("ATimeoutCountsThoughTheClockOfTheBreakerIsBehind") {
  struct Behind final : Clock {
    explicit Behind(const Clock& of) noexcept : clock(of) {}
    TimePoint now() const noexcept override { return clock.now() - 4ms; }
    const Clock& clock;
  };
  SimLoop loop;
  const LoopClock clock(loop);
  const Behind coarse(clock);
  const auto core =
      GateCore::make(loop, {.clock = clock, .coarse = coarse},
                     GateOptions("encar").breaker(BreakerOptions().consecutive(1)).values(),
                     limiter_of({}, kStart, 0), GateCore::Shared{}, 7);
  core->try_enter().failure(Cause::kDeadline);
  CHECK(core->stats().breaker->state == BreakerState::kOpen);
}

TEST_CASE_TEMPLATE("A503ThatSaysWhenPutsStartsOffAndFails", Home, EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar").breaker(BreakerOptions().min_calls(2)));
  gate.try_enter().http_status(503, 5s);
  CHECK(gate.try_enter().retry_after() == 5s);
  CHECK(gate.core->stats().breaker->failures == 1);
}

TEST_CASE_TEMPLATE("APenaltyIsAtMostTheLongestAndMovesTheHeadThatSleepsAlready", Home, EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar").max_penalty(10s), {Limit::rate(1, 1s)});
  GatePermit inside = gate.try_enter();
  Wait head(gate.acquire());
  gate.run_until(500ms);
  inside.http_status(429, 1h);
  gate.run_until(10400ms);
  CHECK_FALSE(head.has_turn());
  gate.run_until(10500ms);
  CHECK(head.has_turn());
}

TEST_CASE_TEMPLATE("AShortPenaltyMovesNoStartThatIsLaterAndHoldsWhenThatIsGivenUp", Home,
                   EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar"), {Limit::rate(1, 10s)});
  GatePermit inside = gate.try_enter();
  gate.run_until(9s);
  Wait head(gate.acquire());  // at 10 s; the next at 20 s
  Wait second(gate.acquire());
  gate.settle();
  gate.core->penalize(gate.loop.now(), 500ms);
  gate.run_until(10s);
  REQUIRE(head.has_turn());
  gate.run_until(19s);
  gate.core->penalize(gate.loop.now(), 5s);
  gate.settle();
  second.operation.cancel();
  gate.run_until(24s - 1ns);
  CHECK_FALSE(gate.try_enter());
  gate.run_until(24s);
  CHECK(gate.try_enter());
}

TEST_CASE_TEMPLATE("TenThousandThatWaitEachCostOneResumeOrTwo", Home, Process, Host) {
  Bench<Home> gate(slots(1).queue(10'000));
  std::optional<GatePermit> inside(gate.try_enter());
  std::vector<Wait> waiting;
  for (int i = 0; i < 10'000; ++i) waiting.emplace_back(gate.acquire());
  gate.settle();
  const std::uint64_t before = gate.loop.resumes();
  for (auto& next : waiting) {
    inside.reset();
    gate.settle();
    if (!next.has_turn()) FAIL("not in order");
    inside.emplace(std::move(*next.permit));
  }
  CHECK(gate.loop.resumes() - before <= 20'000);
}

TEST_CASE_TEMPLATE("AnAdaptiveGateLetsInWhatTheServiceBears", Home, EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar").adaptive_concurrency(2, 4, 6));
  const auto enter_all = [&gate] {
    std::vector<GatePermit> inside;
    for (;;) {
      GatePermit permit = gate.try_enter();
      if (!permit) return inside;
      inside.push_back(std::move(permit));
    }
  };
  for (const std::size_t most : {4U, 5U, 6U, 6U}) {
    auto inside = enter_all();
    CHECK(inside.size() == most);
    for (auto& permit : inside) permit.success();
    gate.run_until(gate.loop.elapsed() + 1s);
    gate.try_enter().success();
  }
  for (auto& permit : enter_all()) permit.http_status(429);
  CHECK(enter_all().size() == 5);
  for (int i = 0; i < 10; ++i) {
    gate.run_until(gate.loop.elapsed() + 1s);
    gate.try_enter().failure(Cause::kAttemptTimeout);
  }
  CHECK(gate.core->stats().concurrency == 2);
  for (auto& permit : enter_all()) permit.cancel();
  CHECK(enter_all().size() == 2);
}

// A service that bears so many starts in each second, and always more who want one.
TEST_CASE_TEMPLATE("AnAdaptiveRateFindsWhatTheServiceBears", Home, EVERY_HOME) {
  constexpr int kBears = 10;
  Bench<Home> gate(GateOptions("encar").adaptive_rate().queue(5));
  int served = 0, refused = 0;
  for (int second = 0; second < 60; ++second) {
    for (int started = 0, tenth = 1; tenth <= 10; ++tenth) {
      gate.run_until(second * 1s + tenth * 100ms);
      for (GatePermit permit = gate.try_enter(); permit; permit = gate.try_enter()) {
        const bool is_borne = ++started <= kBears;
        permit.http_status(is_borne ? 200 : 429);
        if (second >= 10) ++(is_borne ? served : refused);
        if (started > 100) break;
      }
    }
  }
  CHECK(served >= 50 * kBears / 2);
  CHECK(refused <= served / 4);
  CHECK(gate.core->stats().rate > 0);
  gate.run_until(60s + policy::CubicRate::kForgotten);
  CHECK(gate.core->stats().rate == 0);
}

TEST_CASE_TEMPLATE("WhoWaitsIsPutOffByAPushbackToo", Home, EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar").adaptive_rate(), {Limit::rate(10, 1s)});
  GatePermit first = gate.try_enter();
  Wait next(gate.acquire());
  gate.settle();
  first.http_status(429);  // one start in half a second: 1.4 in a second from now on
  gate.run_until(714ms);
  CHECK_FALSE(next.has_turn());
  gate.run_until(715ms);
  CHECK(next.has_turn());
}

TEST_CASE_TEMPLATE("AnAnswerWithNothingLeftPutsOffAllStartsWhereThatCounts", Home, EVERY_HOME) {
  const Headers spent = Headers().add("RateLimit", R"("hour";r=0;t=5)");
  Bench<Home> deaf(GateOptions("encar"));
  deaf.try_enter().answered(200, spent);
  CHECK(deaf.try_enter());
  deaf.try_enter().answered(429, spent);
  CHECK(deaf.try_enter().retry_after() == 5s);
  Bench<Home> gate(GateOptions("encar").rate_limit_fields());
  gate.try_enter().answered(200, spent);
  CHECK(gate.try_enter().retry_after() == 5s);
  gate.run_until(5s);
  CHECK(gate.try_enter());
}

TEST_CASE_TEMPLATE("WhoWaitsHasTheSlotThatALargerLimitBrings", Home, EVERY_HOME) {
  Bench<Home> gate(GateOptions("encar").adaptive_concurrency(1, 1, 2));
  GatePermit inside = gate.try_enter();
  gate.run_until(1s);
  inside.success();
  inside = gate.try_enter();
  Wait one(gate.acquire()), two(gate.acquire());
  gate.run_until(2s);
  inside.success();
  gate.settle();
  CHECK(gate.core->stats().concurrency == 2);
  CHECK(one.has_turn());
  CHECK(two.has_turn());
}

// A flow of another service, which takes a slot of its client between the gate's slot and the start.
struct Visit {
  std::vector<std::string>* events;
  std::string name;
  std::optional<GatePermit> permit;
  Status refused;
};

Task<void> visit(std::shared_ptr<GateCore> gate, Duration between, Visit* visit) {
  const Deadline until;
  GateTurn turn = co_await gate->enter(GatePriority::kNormal, until);
  if (!turn.held()) {
    visit->refused = turn.status();
    co_return;
  }
  visit->events->push_back(visit->name + " has a turn");
  const TimePoint later = kStart + between;
  co_await sleep_until(later);
  auto starting = gate->start(std::move(turn));
  auto permit = co_await std::move(starting);
  if (permit.ok()) {
    visit->permit.emplace(std::move(*permit));
    visit->events->push_back(visit->name + " has started");
  } else {
    visit->refused = permit.status();
  }
}

TEST_CASE_TEMPLATE("OnlyTheHeadOfTheLineStandsBetweenItsSlotAndItsStart", Home, EVERY_HOME) {
  Bench<Home> gate(slots(5), {Limit::rate(1, 1s)});
  std::vector<std::string> events;
  Visit first{&events, "first", {}, {}}, second{&events, "second", {}, {}};
  Flow one(gate.loop, visit(gate.core, 3s, &first));
  Flow two(gate.loop, visit(gate.core, 0s, &second));
  gate.run_until(2s);
  CHECK(events == std::vector<std::string>{"first has a turn"});
  CHECK_FALSE(gate.try_enter());
  gate.loop.drive();
  CHECK(events == std::vector<std::string>{"first has a turn", "first has started",
                                           "second has a turn", "second has started"});
  CHECK(gate.loop.elapsed() == 4s);
}

TEST_CASE_TEMPLATE("ATurnThatIsDroppedIsTheNextOnes", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1));
  std::vector<std::string> events;
  Visit first{&events, "first", {}, {}}, second{&events, "second", {}, {}};
  Flow one(gate.loop, visit(gate.core, 3s, &first));
  Flow two(gate.loop, visit(gate.core, 0s, &second));
  gate.run_until(1s);
  one.scope().cancel(Cause::kCancelled);
  gate.settle();
  CHECK(one.over);
  CHECK(second.permit);
  CHECK(first.refused.cause() == Cause::kCancelled);
}

TEST_CASE_TEMPLATE("WhoTellsTheGateOfATimeIsRefusedAtItWithItsOwnScopeGoingOn", Home, EVERY_HOME) {
  Bench<Home> gate(slots(1));
  const GatePermit inside = gate.try_enter();
  Status refused;
  bool is_scope_ok = false;
  const auto flow = [](std::shared_ptr<GateCore> core, Status* status, bool* ok) -> Task<void> {
    Scope& scope = co_await this_scope();
    const Deadline until = Deadline::after(2s, kStart);
    GateTurn turn = co_await core->enter(GatePriority::kNormal, until);
    *status = turn.status();
    *ok = scope.ok();
  };
  Flow one(gate.loop, flow(gate.core, &refused, &is_scope_ok));
  gate.loop.drive();
  CHECK(gate.loop.elapsed() == 2s);
  CHECK(refused.cause() == Cause::kPoolTimeout);
  CHECK(is_scope_ok);
}

TEST_CASE_TEMPLATE("WhateverIsCancelledWhenNoSlotAndNoStartIsLost", Home, EVERY_HOME) {
  const auto seeds = static_cast<std::uint64_t>(test::repeat(200, 5000));
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Bench<Home> gate(slots(2).breaker({}), {Limit::rate(10, 1s)}, seed);
    Rng rng(seed);
    std::vector<Wait> all;
    for (int i = 0; i < 30; ++i) {
      all.emplace_back(gate.acquire(rng.between(0ns, 5s), static_cast<GatePriority>(i % 3)));
      if (rng.below(3) == 0) all[rng.below(all.size())].operation.cancel();
      if (rng.below(3) == 0) {
        Wait& some = all[rng.below(all.size())];
        if (some.has_turn()) some.permit->success();
      }
      gate.run_until(gate.loop.elapsed() + rng.between(0ns, 200ms));
      std::size_t inside = gate.core->stats().inside;
      if (inside > 2) FAIL("more than two inside");
    }
    for (auto& each : all) each.operation.cancel();
    gate.loop.drive();
    all.clear();
    gate.settle();
    REQUIRE(gate.loop.roots() == 0);
    REQUIRE(gate.core->stats().inside == 0);
    gate.run_until(gate.loop.elapsed() + 100ms);
    REQUIRE(gate.try_enter());
  }
}

TEST_CASE_TEMPLATE("AfterEachTwentyCallsThereIsOnePauseForAllWhoeverIsCancelled", Home,
                   EVERY_HOME) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Bench<Home> gate(
        slots(2),
        {Limit::pace(
            {.interval = 500ms, .every = 20, .least_pause = 1s, .most_pause = 3s, .seed = seed})},
        seed);
    Rng rng(seed);
    std::vector<Wait> all;
    for (int i = 0; i < 200; ++i) all.emplace_back(gate.acquire());
    std::vector<Duration> starts;
    while (!all.empty()) {
      if (rng.below(50) == 0) all[rng.below(all.size())].operation.cancel();
      gate.run_until(gate.loop.elapsed() + rng.between(0ns, 50ms));
      std::erase_if(all, [&starts](Wait& each) {
        if (each.has_turn()) {
          starts.push_back(each.permit->waited());
          each.permit->success();
        }
        return each.operation.done();
      });
    }
    REQUIRE(starts.size() > 60);
    REQUIRE(starts.size() < 200);
    for (std::size_t i = 1; i < starts.size(); ++i) {
      CAPTURE(i);
      const Duration gap = starts[i] - starts[i - 1];
      const bool is_pause = i % 20 == 0;
      REQUIRE(gap >= (is_pause ? 1500ms : 500ms));
      REQUIRE(gap <= (is_pause ? 3500ms : 500ms) + 1us);
    }
  }
}

// Two gates on the same words: two processes of a host.
TEST_CASE("ThoseThatWaitInTwoProcessesStartAsOneAndEachAtItsTime") {
  Bench<Host> gate(GateOptions("encar"), {Limit::rate(1, 1s)});
  const auto other = gate.make(GateOptions("encar"));
  std::vector<Wait> all;
  for (int i = 0; i < 10; ++i) {
    all.emplace_back(
        (i % 2 ? *other : *gate.core).acquire(gate.loop.now(), Deadline(), GatePriority::kNormal));
  }
  for (int second = 0; second < 10; ++second) {
    gate.run_until(second * 1s + 1ms);
    CHECK(std::count_if(all.begin(), all.end(), [](Wait& each) { return each.has_turn(); }) ==
          second + 1);
  }
}

TEST_CASE("APenaltyThatAnotherProcessHeardMovesTheHeadThatSleeps") {
  Bench<Host> gate(GateOptions("encar"), {Limit::rate(1, 1s)});
  const auto other = gate.make(GateOptions("encar"));
  REQUIRE(gate.try_enter());
  Wait sleeping(gate.acquire());
  gate.run_until(500ms);
  other->penalize(gate.loop.now(), 5s);
  gate.run_until(5499ms);
  CHECK_FALSE(sleeping.has_turn());
  gate.run_until(5501ms);
  CHECK(sleeping.has_turn());
}

TEST_CASE("WhoWaitsWhileAnotherProcessOpensTheBreakerIsToldWhenItsTurnComesAndUsesUpNone") {
  const GateOptions options =
      GateOptions("encar").breaker(BreakerOptions().consecutive(1).open_for(1min, 1min).probes(1));
  Bench<Host> gate(options, {Limit::rate(1, 1s, 2)});
  const auto other = gate.make(options);
  GatePermit theirs = other->try_enter();
  REQUIRE(theirs);
  REQUIRE(gate.try_enter());
  const Wait waiting(gate.acquire());
  gate.settle();
  theirs.failure(Cause::kConnect);
  gate.settle();
  CHECK_FALSE(waiting.operation.done());
  gate.run_until(1001ms);
  CHECK(failure(waiting.operation).cause() == Cause::kCircuitOpen);
  gate.core->force(BreakerMode::kForcedClosed);
  CHECK(other->try_enter());
  CHECK_FALSE(other->try_enter());
}

// Its slot was lost, as nobody else could have it any more.
TEST_CASE("AHeadWhoseLoopStoodBooksAnewAndOthersStartBehindIt") {
  Bench<Host> gate(GateOptions("encar"), {Limit::strict(1, 1s)});
  const auto other = gate.make(GateOptions("encar"));
  REQUIRE(gate.try_enter());
  Wait sleeping(gate.acquire());
  gate.settle();
  gate.loop.single_turn(1900ms);
  gate.settle();
  CHECK_FALSE(sleeping.has_turn());
  CHECK_FALSE(other->try_enter());
  gate.run_until(2s);
  CHECK(sleeping.has_turn());
  gate.run_until(2999ms);
  CHECK_FALSE(other->try_enter());
  gate.run_until(3s);
  CHECK(other->try_enter());
}

}  // namespace
}  // namespace tidegate::internal
