// SPDX-License-Identifier: Apache-2.0
#include "policy/retry_budget.hpp"

#include <doctest/doctest.h>

#include "base/ports/rng.hpp"

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

TEST_CASE("ABudgetBeginsFullAndGivesNoMoreThanItHas") {
  RetryBudget budget(0.2, 0, 3);
  for (int i = 0; i < 3; ++i) CHECK(budget.take(kStart));
  CHECK_FALSE(budget.take(kStart));
  CHECK_FALSE(budget.take(kStart + 1h));
}

TEST_CASE("FiveCallsBringOneAttempt") {
  RetryBudget budget(0.2, 0, 1);
  CHECK(budget.take(kStart));
  for (int i = 0; i < 4; ++i) budget.call();
  CHECK_FALSE(budget.take(kStart));
  budget.call();
  CHECK(budget.take(kStart));
}

TEST_CASE("ASecondBringsItsShareAndAClockThatStandsOrGoesBackNone") {
  RetryBudget budget(0, 2, 10);
  for (int i = 0; i < 10; ++i) CHECK(budget.take(kStart));
  CHECK_FALSE(budget.take(kStart));
  CHECK_FALSE(budget.take(kStart - 1h));
  CHECK(budget.take(kStart + 500ms));
  CHECK_FALSE(budget.take(kStart + 500ms));
}

TEST_CASE("WhatWasMadeWithoutAskingIsChargedAndLeavesNoDebt") {
  RetryBudget budget(1, 0, 2);
  for (int i = 0; i < 5; ++i) budget.charge(kStart);
  CHECK(budget.left(kStart) == 0);
  budget.call();
  CHECK(budget.take(kStart));
}

TEST_CASE("ExtraAttemptsStayWithinTheBudgetOverEveryWindow [C8]") {
  internal::Rng rng(3);
  RetryBudget budget(0.2, 3, 100);
  TimePoint now = kStart;
  int calls = 0, extra = 0;
  for (int i = 0; i < 100'000; ++i) {
    now += rng.between(0ms, 10ms);
    budget.call();
    ++calls;
    for (int retry = 0; retry < 3; ++retry) extra += budget.take(now) ? 1 : 0;
    const double seconds = std::chrono::duration<double>(now - kStart).count();
    REQUIRE(extra <= 0.2 * calls + 3 * seconds + 100 + 1);
  }
  CHECK(extra > 0.2 * calls);
}

}  // namespace
}  // namespace tidegate::policy
