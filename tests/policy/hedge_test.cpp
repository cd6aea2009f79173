// SPDX-License-Identifier: Apache-2.0
#include "policy/hedge.hpp"

#include <doctest/doctest.h>

#include "base/ports/rng.hpp"

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

TEST_CASE("NothingIsSlowBeforeFiftyAttemptsHaveCome") {
  HedgeDelay delay;
  for (int i = 0; i < 49; ++i) delay.add(100ms);
  CHECK_FALSE(delay.delay());
  delay.add(100ms);
  CHECK(delay.delay() == 100ms);
}

TEST_CASE("SlowIsWhatTakesLongerThanNinetyFiveOfAHundredDid") {
  HedgeDelay delay;
  for (int i = 1; i <= 100; ++i) delay.add(i * 1s);
  CHECK(delay.delay() == 95s);
  for (int i = 1; i <= 100; ++i) delay.add(i * 1s);
  CHECK(delay.delay() == 95s);
}

TEST_CASE("WhatIsFasterThanTheFloorIsNeverSlow") {
  HedgeDelay delay;
  for (int i = 0; i < 100; ++i) delay.add(1ms);
  CHECK(delay.delay() == HedgeDelay::kFloor);
}

TEST_CASE("OldAttemptsAreForgotten") {
  HedgeDelay delay;
  for (int i = 0; i < 256; ++i) delay.add(10s);
  for (int i = 0; i < 256; ++i) delay.add(20ms);
  CHECK(delay.delay() == 20ms);
}

// Without them the delay would fall, each time that it falls more would lose, and in the end half of
// all were hedged.
TEST_CASE("ThoseThatLoseKeepTheDelayWhereItIs") {
  internal::Rng rng(1);
  HedgeDelay delay;
  int slow = 0;
  for (int i = 0; i < 5000; ++i) {
    const Duration takes = rng.between(Duration(50ms), Duration(100ms));
    const auto due = delay.delay();
    const bool loses = due && takes > *due;
    delay.add(loses ? std::min<Duration>(takes, *due + 1ms) : takes);
    slow += loses ? 1 : 0;
  }
  CHECK(slow > 5000 / 50);
  CHECK(slow < 5000 / 12);
}

}  // namespace
}  // namespace tidegate::policy
