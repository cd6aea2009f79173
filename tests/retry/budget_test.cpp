// SPDX-License-Identifier: Apache-2.0
// A budget that several callers share.
#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "tidegate/retry.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

bool is_tried_again(Retries& retries) {
  return retries.failed(1, "OSError", 2ms, std::nullopt, kStart, Deadline::never()).again;
}

TEST_CASE("CopiesShareOneBucketAndOthersHaveTheirOwn") {
  const RetryBudget one(0, 0, 1);
  const RetryBudget same = one;
  const RetryBudget other(0, 0, 1);
  CHECK(one == same);
  CHECK(one != other);
  CHECK(same.try_take(kStart));
  CHECK_FALSE(one.try_take(kStart));
  CHECK(other.try_take(kStart));
}

TEST_CASE("RetriesOfOneBudgetGetNoMoreTogetherThanItHas") {
  const RetryBudget shared(0, 0, 3);
  Retries one(RetryPolicy().budget(shared));
  Retries two(RetryPolicy().budget(shared));
  CHECK(two.budget() == shared);
  CHECK(is_tried_again(one));
  CHECK(is_tried_again(two));
  CHECK(shared.try_take(kStart));
  CHECK_FALSE(is_tried_again(one));
  CHECK_FALSE(is_tried_again(two));
}

TEST_CASE("CallsOfOneBringAttemptsToTheOther") {
  const RetryBudget shared(0.5, 0, 1);
  Retries one(RetryPolicy().budget(shared));
  Retries two(RetryPolicy().budget(shared));
  CHECK(is_tried_again(one));
  CHECK_FALSE(is_tried_again(two));
  one.call();
  one.call();
  CHECK(is_tried_again(two));
}

TEST_CASE("RetriesWithoutASharedBudgetHaveEachTheirOwn") {
  Retries one(RetryPolicy().budget(0, 0, 1));
  Retries two(RetryPolicy().budget(0, 0, 1));
  CHECK(is_tried_again(one));
  CHECK_FALSE(is_tried_again(one));
  CHECK(is_tried_again(two));
}

TEST_CASE("PoliciesAreEqualWhereTheyShareABudget") {
  const RetryBudget shared;
  CHECK(RetryPolicy().budget(shared).values() == RetryPolicy().budget(shared).values());
  CHECK(RetryPolicy().budget(shared).values() != RetryPolicy().values());
}

TEST_CASE("WhatIsOutOfRangeIsBroughtIntoIt") {
  const RetryBudget none(-1, -1, -1);
  none.call();
  CHECK_FALSE(none.try_take(kStart));
  CHECK(none.left(kStart) == 0);
  const RetryBudget much(1e9, 1e9, 1e9);
  CHECK(much.left(kStart) == 1e6);
}

TEST_CASE("ThreadsTakeNoMoreThanItHolds") {
  const RetryBudget shared(0, 0, 1000);
  std::atomic<int> taken{0};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) taken += shared.try_take(kStart) ? 1 : 0;
    });
  }
  threads.clear();
  CHECK(taken == 1000);
}

}  // namespace
}  // namespace tidegate
