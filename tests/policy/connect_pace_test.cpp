// SPDX-License-Identifier: Apache-2.0
#include "policy/connect_pace.hpp"

#include <doctest/doctest.h>

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart = TimePoint(1h);

TEST_CASE("ConnectionsComeEvenlySpacedHoweverManyAskAtOnce") {
  ConnectPace pace(10);
  CHECK(pace.bounds());
  for (int i = 0; i < 5; ++i) CHECK(pace.next(kStart) == kStart + i * 100ms);
  CHECK(pace.next(kStart + 150ms) == kStart + 500ms);
}

TEST_CASE("AQuietTimeSavesNoTurnsUp") {
  ConnectPace pace(10);
  CHECK(pace.next(kStart) == kStart);
  CHECK(pace.next(kStart + 1h) == kStart + 1h);
  CHECK(pace.next(kStart + 1h) == kStart + 1h + 100ms);
}

TEST_CASE("ZeroIsNoBound") {
  ConnectPace pace(0);
  CHECK_FALSE(pace.bounds());
  CHECK(pace.next(kStart) == kStart);
  CHECK(pace.next(kStart) == kStart);
}

}  // namespace
}  // namespace tidegate::policy
