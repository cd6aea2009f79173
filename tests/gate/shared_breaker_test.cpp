// SPDX-License-Identifier: Apache-2.0
#include "gate/shared_breaker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/deep.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::BreakerRules;
using policy::CallCounts;
using policy::CallOutcome;
using State = SharedBreaker::State;
using Mode = SharedBreaker::Mode;
using Reason = SharedBreaker::Reason;
using enum CallOutcome;

// A breaker, the time, and calls that end when they are begun.
struct Bench {
  explicit Bench(const BreakerRules& rules = {}, std::uint64_t seed = 7)
      : breaker(words, rules, seed, {}) {}

  SharedBreaker::Entry enter() { return breaker.enter(now); }
  void leave(const SharedBreaker::Entry& entry, CallOutcome outcome, Duration took = 1ms) {
    breaker.leave(entry.permit, outcome, took, now);
  }
  bool call(CallOutcome outcome, Duration took = 1ms) {
    const SharedBreaker::Entry entry = enter();
    if (entry.entered) leave(entry, outcome, took);
    return entry.entered;
  }
  void calls(int count, CallOutcome outcome, Duration took = 1ms) {
    for (int i = 0; i < count; ++i) call(outcome, took);
  }
  void trip() {
    calls(20, kFailed);
    REQUIRE(breaker.state() == State::kOpen);
  }
  // Past the open time, with no probe under way yet.
  void wait_open() { now += breaker.retry_after(now); }
  Duration lasts() const { return breaker.opening(now).lasts; }
  std::uint64_t probing() const { return breaker.probing(now); }

  BreakerWords words;
  SharedBreaker breaker;
  TimePoint now{1h};
};

BreakerRules without_jitter() {
  BreakerRules rules;
  rules.jitter = 0;
  return rules;
}

TEST_CASE("HalfOfTwentyCallsOpenIt") {
  Bench bench;
  bench.calls(9, kFailed);
  bench.calls(10, kSucceeded);
  CHECK(bench.breaker.state() == State::kClosed);
  bench.call(kFailed);
  CHECK(bench.breaker.state() == State::kOpen);
  CHECK(bench.breaker.opening(bench.now).reason == Reason::kFailures);
  CHECK(bench.breaker.opening(bench.now).counts ==
        CallCounts{.calls = 20, .failures = 10, .slow = 0});
}

TEST_CASE("FewCallsDoNotOpenItHoweverManyOfThemFail") {
  Bench bench;
  bench.calls(19, kFailed);
  CHECK(bench.breaker.state() == State::kClosed);
}

TEST_CASE("FailuresOlderThanTheWindowDoNotCount") {
  Bench bench;
  bench.calls(19, kFailed);
  bench.now += 60s;
  bench.calls(19, kFailed);
  CHECK(bench.breaker.state() == State::kClosed);
  bench.now += 50s;
  bench.call(kFailed);
  CHECK(bench.breaker.state() == State::kOpen);
}

// What counts failures in a row only never sees this one.
TEST_CASE("TwoFailuresOfEveryThreeCallsOpenIt") {
  Bench bench;
  int entered = 0;
  for (int i = 0; i < 300; ++i) entered += bench.call(i % 3 == 2 ? kSucceeded : kFailed) ? 1 : 0;
  CHECK(entered == 20);
}

TEST_CASE("CallsThatAreSlowOpenItThoughTheySucceed") {
  BreakerRules rules;
  rules.slow_after = 4s;
  Bench bench(rules);
  bench.calls(4, kSucceeded, 1s);
  bench.calls(15, kSucceeded, 5s);
  CHECK(bench.breaker.state() == State::kClosed);
  bench.call(kSucceeded, 5s);
  CHECK(bench.breaker.state() == State::kOpen);
  CHECK(bench.breaker.opening(bench.now).reason == Reason::kSlow);
}

TEST_CASE("WhatTookExactlyTheThresholdIsNotSlow") {
  BreakerRules rules;
  rules.slow_after = 4s;
  Bench bench(rules);
  bench.calls(100, kSucceeded, 4s);
  CHECK(bench.breaker.state() == State::kClosed);
}

TEST_CASE("FailuresInARowOpenItWhereTheyCountHoweverFewCalls") {
  BreakerRules rules;
  rules.consecutive = 5;
  Bench bench(rules);
  bench.calls(4, kFailed);
  bench.call(kSucceeded);
  bench.calls(4, kFailed);
  CHECK(bench.breaker.state() == State::kClosed);
  bench.call(kFailed);
  CHECK(bench.breaker.state() == State::kOpen);
  CHECK(bench.breaker.opening(bench.now).reason == Reason::kConsecutive);
}

TEST_CASE("WhereTheRateDoesNotCountOneFailedProbeOpensItAgain") {
  BreakerRules rules;
  rules.failure_rate = 2;
  rules.consecutive = 5;
  Bench bench(rules);
  bench.calls(5, kFailed);
  bench.wait_open();
  bench.call(kFailed);
  CHECK(bench.breaker.state() == State::kOpen);
}

TEST_CASE("CallsThatSayNothingNeverOpenIt") {
  BreakerRules rules;
  rules.consecutive = 3;
  Bench bench(rules);
  bench.calls(1000, kNothing, 1h);
  CHECK(bench.breaker.state() == State::kClosed);
  CHECK(bench.breaker.counts(bench.now) == CallCounts{});
}

TEST_CASE("ARefusalSaysWhenToComeBackAndThenItIsLetIn") {
  Bench bench;
  bench.trip();
  const SharedBreaker::Entry refused = bench.enter();
  CHECK_FALSE(refused.entered);
  CHECK(refused.retry_after == bench.lasts());
  bench.now += refused.retry_after - 1ns;
  CHECK_FALSE(bench.enter().entered);
  bench.now += 1ns;
  CHECK(bench.enter().entered);
  CHECK(bench.breaker.state() == State::kHalfOpen);
}

TEST_CASE("OfAHundredCallsHalfOpenLetsThreeIn [C11]") {
  Bench bench;
  bench.trip();
  bench.wait_open();
  int entered = 0;
  for (int i = 0; i < 100; ++i) entered += bench.enter().entered ? 1 : 0;
  CHECK(entered == 3);
  CHECK(bench.probing() == 3);
}

TEST_CASE("ThreeProbesThatWorkCloseItAndTwoThatFailOpenItAgain") {
  const struct {
    std::array<CallOutcome, 3> probes;
    State then;
  } kCases[] = {
      {{kSucceeded, kSucceeded, kSucceeded}, State::kClosed},
      {{kSucceeded, kFailed, kSucceeded}, State::kClosed},
      {{kFailed, kSucceeded, kFailed}, State::kOpen},
      {{kFailed, kFailed, kSucceeded}, State::kOpen},
  };
  for (const auto& row : kCases) {
    Bench bench;
    bench.trip();
    bench.wait_open();
    for (const CallOutcome probe : row.probes) bench.call(probe);
    CHECK(bench.breaker.state() == row.then);
  }
}

TEST_CASE("SlowProbesOpenItAgain") {
  BreakerRules rules;
  rules.slow_after = 4s;
  Bench bench(rules);
  bench.trip();
  bench.wait_open();
  bench.calls(3, kSucceeded, 5s);
  CHECK(bench.breaker.state() == State::kOpen);
  CHECK(bench.breaker.opening(bench.now).reason == Reason::kProbes);
}

TEST_CASE("ACallOfBeforeItOpenedDoesNotCloseItWhileAProbeIsUnderWay") {
  Bench bench;
  std::vector<SharedBreaker::Entry> early;
  for (int i = 0; i < 10; ++i) early.push_back(bench.enter());
  bench.trip();
  bench.wait_open();
  const SharedBreaker::Entry probe = bench.enter();
  for (const SharedBreaker::Entry& entry : early) bench.leave(entry, kSucceeded);
  CHECK(bench.breaker.state() == State::kHalfOpen);
  bench.leave(probe, kSucceeded);
  CHECK(bench.breaker.state() == State::kHalfOpen);
}

TEST_CASE("ACallOfBeforeItOpenedDoesNotOpenItAgain") {
  Bench bench;
  std::vector<SharedBreaker::Entry> early;
  for (int i = 0; i < 50; ++i) early.push_back(bench.enter());
  bench.trip();
  bench.wait_open();
  bench.enter();
  for (int i = 0; i < 25; ++i) bench.leave(early[static_cast<std::size_t>(i)], kFailed);
  CHECK(bench.breaker.state() == State::kHalfOpen);
  bench.calls(2, kSucceeded);
  bench.now += 10s;
  bench.call(kSucceeded);
  REQUIRE(bench.breaker.state() == State::kClosed);
  for (std::size_t i = 25; i < 50; ++i) bench.leave(early[i], kFailed);
  CHECK(bench.breaker.state() == State::kClosed);
}

TEST_CASE("ProbesThatNeverReportGiveTheirPlaceToTheNext") {
  Bench bench;
  bench.trip();
  bench.wait_open();
  for (int i = 0; i < 3; ++i) CHECK(bench.enter().entered);
  const SharedBreaker::Entry refused = bench.enter();
  CHECK(refused.retry_after == 10s);
  bench.now += refused.retry_after;
  bench.calls(3, kSucceeded);
  CHECK(bench.breaker.state() == State::kClosed);
}

// Otherwise a service that takes longer than a lease would never be let in again.
TEST_CASE("AProbeThatReportsAfterItsLeaseCounts") {
  Bench bench;
  bench.trip();
  bench.wait_open();
  std::array<SharedBreaker::Entry, 3> probes;
  for (SharedBreaker::Entry& probe : probes) probe = bench.enter();
  bench.now += 11s;
  CHECK(bench.enter().entered);
  for (const SharedBreaker::Entry& probe : probes) bench.leave(probe, kSucceeded, 11s);
  CHECK(bench.breaker.state() == State::kClosed);
}

TEST_CASE("ACancelledProbeNeitherClosesItNorKeepsItsPlace") {
  Bench bench;
  bench.trip();
  bench.wait_open();
  for (int i = 0; i < 100; ++i) CHECK(bench.call(kNothing));
  CHECK(bench.breaker.state() == State::kHalfOpen);
  CHECK(bench.probing() == 0);
}

TEST_CASE("ItStaysOpenTwiceAsLongEachTimeAndFiveMinutesAtMost") {
  Bench bench(without_jitter());
  bench.trip();
  for (const Duration lasts : {5s, 10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    CHECK(bench.lasts() == lasts);
    bench.wait_open();
    bench.calls(2, kFailed);
    REQUIRE(bench.breaker.state() == State::kOpen);
  }
}

TEST_CASE("OnceClosedItBeginsWithTheShortestTimeAgain") {
  Bench bench(without_jitter());
  bench.trip();
  bench.wait_open();
  bench.calls(2, kFailed);
  bench.wait_open();
  bench.calls(3, kSucceeded);
  REQUIRE(bench.breaker.state() == State::kClosed);
  bench.trip();
  CHECK(bench.lasts() == 5s);
}

TEST_CASE("OpenTimesAreDrawnAFifthLongerOrShorter") {
  Duration shortest = Duration::max(), longest{};
  Rng rng(11);
  for (int i = 0; i < 1000; ++i) {
    Bench bench({}, rng.next());
    bench.trip();
    shortest = std::min(shortest, bench.lasts());
    longest = std::max(longest, bench.lasts());
  }
  CHECK(shortest >= 4s);
  CHECK(shortest < 4100ms);
  CHECK(longest > 5900ms);
  CHECK(longest <= 6s);
}

TEST_CASE("AClockThatGoesBackForgetsNothingAndOpensNothingEarly") {
  Bench bench;
  bench.calls(10, kFailed);
  bench.now -= 30s;
  bench.calls(10, kFailed);
  REQUIRE(bench.breaker.state() == State::kOpen);
  const TimePoint until = bench.now + bench.breaker.retry_after(bench.now);
  bench.now -= 5min;
  CHECK_FALSE(bench.enter().entered);
  bench.now = until;
  CHECK(bench.enter().entered);
}

TEST_CASE("WhatIsForcedStaysSo") {
  Bench bench;
  SUBCASE("open, though all would work") {
    bench.breaker.force(Mode::kForcedOpen, bench.now);
    for (int i = 0; i < 10; ++i) {
      const SharedBreaker::Entry entry = bench.enter();
      CHECK_FALSE(entry.entered);
      CHECK(entry.retry_after == 5s);
      bench.now += 1h;
    }
    CHECK(bench.breaker.state() == State::kOpen);
  }
  SUBCASE("closed, though all fails, which is counted") {
    bench.breaker.force(Mode::kForcedClosed, bench.now);
    bench.calls(100, kFailed);
    CHECK(bench.breaker.state() == State::kClosed);
    CHECK(bench.breaker.counts(bench.now).failures == 100);
  }
  SUBCASE("disabled, and counts nothing") {
    bench.trip();
    bench.breaker.force(Mode::kDisabled, bench.now);
    for (int i = 0; i < 100; ++i) CHECK(bench.call(kFailed));
    CHECK(bench.breaker.counts(bench.now) == CallCounts{});
  }
}

TEST_CASE("OrdersBeginAGeneration") {
  Bench bench;
  std::vector<SharedBreaker::Entry> early;
  for (int i = 0; i < 20; ++i) early.push_back(bench.enter());
  bench.breaker.force(Mode::kForcedClosed, bench.now);
  bench.calls(100, kFailed);
  bench.breaker.force(Mode::kAutomatic, bench.now);
  for (const SharedBreaker::Entry& entry : early) bench.leave(entry, kFailed);
  CHECK(bench.breaker.state() == State::kClosed);
  CHECK(bench.breaker.counts(bench.now) == CallCounts{});
}

// The life of a breaker under callers that come, fail, dawdle and vanish as they like.
TEST_CASE("WhateverComesItsStatesFollowTheirRulesAndProbesStayBounded") {
  const int seeds = test::repeat(200, 5000);
  for (int seed = 0; seed < seeds; ++seed) {
    BreakerRules rules;
    rules.slow_after = 2s;
    rules.consecutive = seed % 3 == 0 ? 6 : 0;
    rules.probes = 1 + static_cast<std::uint32_t>(seed % 4);
    Bench bench(rules);
    SharedBreaker& breaker = bench.breaker;
    Rng rng(static_cast<std::uint64_t>(seed));
    std::vector<SharedBreaker::Entry> running;
    unsigned failing = 10;
    for (int step = 0; step < 2000; ++step) {
      if (rng.chance(1)) failing = static_cast<unsigned>(rng.below(101));
      bench.now += rng.between(0ms, 400ms);
      const State before = breaker.state();
      const policy::Generation generation = breaker.generation();
      const Duration left = breaker.retry_after(bench.now);
      if (running.empty() || rng.chance(50)) {
        const SharedBreaker::Entry entry = bench.enter();
        const bool is_over = before == State::kOpen && breaker.state() == State::kHalfOpen;
        REQUIRE((breaker.state() == before || (is_over && left == 0ns)));
        REQUIRE((entry.entered || entry.retry_after > 0ns));
        if (entry.entered && !rng.chance(5)) running.push_back(entry);
      } else {
        const auto index = static_cast<std::size_t>(rng.below(running.size()));
        const SharedBreaker::Entry entry = running[index];
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(index));
        const CallOutcome outcome = rng.chance(5)         ? kNothing
                                    : rng.chance(failing) ? kFailed
                                                          : kSucceeded;
        bench.leave(entry, outcome, rng.between(0ms, 3s));
        if (policy::BreakerWord::generation_of(entry.permit.word) != generation) {
          REQUIRE(breaker.state() == before);
          REQUIRE(breaker.generation() == generation);
        }
        REQUIRE((before != State::kOpen || breaker.state() == State::kOpen));
        REQUIRE((before != State::kClosed || breaker.state() != State::kHalfOpen));
      }
      REQUIRE((breaker.state() == before) == (breaker.generation() == generation));
      REQUIRE(bench.probing() <= rules.probes);
      REQUIRE(bench.lasts() <= rules.max_open_for);
    }
    // Whatever was lost on the way, a service that works is let in again.
    bool was_refused = false;
    for (int call = 0; call < 100 && breaker.state() != State::kClosed; ++call) {
      const SharedBreaker::Entry entry = bench.enter();
      REQUIRE((entry.entered || !was_refused));
      was_refused = !entry.entered;
      if (entry.entered) bench.leave(entry, kSucceeded);
      bench.now += entry.retry_after;
    }
    REQUIRE(breaker.state() == State::kClosed);
  }
}

}  // namespace
}  // namespace tidegate::internal
