// SPDX-License-Identifier: Apache-2.0
#include "policy/breaker.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "base/ports/rng.hpp"

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;
using Reason = Breaker::Reason;
using Verdict = Breaker::Verdict;

TEST_CASE("ItOpensForAShareOfEnoughCallsOrForFailuresInARow") {
  BreakerRules rules;
  rules.slow_after = 4s;
  rules.consecutive = 5;
  const Breaker breaker(rules);
  const struct {
    CallCounts counts;
    std::uint64_t in_a_row;
    Reason reason;
  } kCases[] = {
      {{.calls = 20, .failures = 9, .slow = 15}, 4, Reason::kNone},
      {{.calls = 20, .failures = 10, .slow = 0}, 0, Reason::kFailures},
      {{.calls = 20, .failures = 0, .slow = 16}, 0, Reason::kSlow},
      {{.calls = 19, .failures = 19, .slow = 19}, 4, Reason::kNone},
      {{.calls = 5, .failures = 5, .slow = 0}, 5, Reason::kConsecutive},
      {{.calls = 21, .failures = 10, .slow = 0}, 0, Reason::kNone},
      {{}, 0, Reason::kNone},
  };
  for (const auto& row : kCases) {
    CHECK(breaker.reason_to_open(row.counts, row.in_a_row) == row.reason);
  }
}

TEST_CASE("WhatDoesNotCountNeverOpensIt") {
  BreakerRules rules;
  rules.failure_rate = 2;
  rules.slow_rate = 2;
  const Breaker breaker(rules);
  CHECK(breaker.reason_to_open({.calls = 100, .failures = 100, .slow = 100}, 100) == Reason::kNone);
}

TEST_CASE("ProbesAreJudgedByTheSharesThatCountWhileItIsClosed") {
  BreakerRules rules;
  rules.slow_after = 4s;
  const Breaker breaker(rules);
  const struct {
    CallCounts probed;
    Verdict verdict;
  } kCases[] = {
      {{.calls = 0, .failures = 0, .slow = 0}, Verdict::kWait},
      {{.calls = 2, .failures = 1, .slow = 2}, Verdict::kWait},
      {{.calls = 2, .failures = 2, .slow = 0}, Verdict::kOpen},
      {{.calls = 3, .failures = 0, .slow = 3}, Verdict::kOpen},
      {{.calls = 3, .failures = 1, .slow = 2}, Verdict::kClose},
      {{.calls = 4, .failures = 0, .slow = 0}, Verdict::kClose},
  };
  for (const auto& row : kCases) CHECK(breaker.judge_probes(row.probed) == row.verdict);
}

TEST_CASE("AnOpenTimeIsWholeMillisecondsAndNeverNone") {
  BreakerRules rules;
  rules.open_for = 1ms;
  rules.max_open_for = 24h;
  const Breaker breaker(rules);
  internal::Rng rng(3);
  for (std::uint32_t openings = 0; openings < 40; ++openings) {
    const Duration time = breaker.open_time(openings, rng);
    CHECK(time >= 1ms);
    CHECK(time <= rules.max_open_for);
    CHECK(time % 1ms == 0ns);
  }
}

}  // namespace
}  // namespace tidegate::policy
