// SPDX-License-Identifier: Apache-2.0
#include "policy/cubic_rate.hpp"

#include <doctest/doctest.h>

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

// Starts `per_second` a second, evenly, for so long.
TimePoint ask(CubicRate& rate, int per_second, TimePoint from, Duration time) {
  const Duration gap = Duration(1s) / per_second;
  TimePoint now = from;
  for (; now < from + time; now += gap) rate.started(now);
  return now;
}

TEST_CASE("NothingIsHeldBackBeforeTheServiceSaysSo") {
  CubicRate rate;
  const TimePoint now = ask(rate, 100, kStart, 3s);
  CHECK(rate.gap(now) == Duration::zero());
}

TEST_CASE("ItFallsToSevenTenthsOfWhatWasAskedOnceInASecond") {
  CubicRate rate;
  TimePoint now = ask(rate, 100, kStart, 5s);
  for (int i = 0; i < 50; ++i) rate.pushed_back(now + i * 1ms);
  CHECK(rate.rate(now + 50ms) == doctest::Approx(70).epsilon(0.02));
  CHECK(static_cast<double>(rate.gap(now).count()) == doctest::Approx(1e9 / 70).epsilon(0.02));
  rate.pushed_back(now + 999ms);
  CHECK(rate.rate(now + 1s) > 70);
  rate.pushed_back(now + 1s);
  CHECK(rate.rate(now + 1s) < 70);
}

TEST_CASE("ItComesBackFastThenSlowlyAndThenGoesBeyond") {
  CubicRate rate;
  TimePoint now = ask(rate, 100, kStart, 5s);
  rate.pushed_back(now);
  const auto after = [&](Duration time) { return rate.rate(now + time); };
  CHECK(after(2500ms) == doctest::Approx(100 - 30 / 8.0).epsilon(0.01));
  CHECK(after(5s) == doctest::Approx(100).epsilon(0.01));
  CHECK(after(7500ms) == doctest::Approx(100 + 30 / 8.0).epsilon(0.01));
  CHECK(after(100s) == doctest::Approx(200).epsilon(0.01));  // twice what was asked
}

TEST_CASE("ItNeverStandsStill") {
  CubicRate rate;
  rate.started(kStart);
  for (int i = 0; i < 100; ++i) rate.pushed_back(kStart + i * 2s);
  CHECK(rate.rate(kStart + 198s) == CubicRate::kLeast);
  CHECK(rate.gap(kStart + 198s) == 2s);
}

TEST_CASE("AServiceThatSaysNothingMoreIsBelievedAfterAWhile") {
  CubicRate rate;
  const TimePoint now = ask(rate, 10, kStart, 5s);
  rate.pushed_back(now);
  CHECK(rate.gap(now + CubicRate::kForgotten - 1ns) > Duration::zero());
  CHECK(rate.gap(now + CubicRate::kForgotten) == Duration::zero());
}

// A service that bears `bears` in each second, and a caller who always wants more.
TEST_CASE("ItFindsWhatAServiceBears") {
  for (const int bears : {1, 5, 20, 200}) {
    CAPTURE(bears);
    CubicRate rate;
    int served = 0, refused = 0;
    TimePoint now = kStart;
    for (int second = 0; second < 120; ++second) {
      const TimePoint end = kStart + (second + 1) * 1s;
      for (int taken = 0; now < end; now += std::max<Duration>(1ms, rate.gap(now))) {
        rate.started(now);
        const bool is_borne = ++taken <= bears;
        if (!is_borne) rate.pushed_back(now);
        if (second >= 20) ++(is_borne ? served : refused);
      }
    }
    CHECK(served >= 70 * bears);
    CHECK(4 * refused <= served);
  }
}

}  // namespace
}  // namespace tidegate::policy
