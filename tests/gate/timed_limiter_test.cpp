// SPDX-License-Identifier: Apache-2.0
// A limiter that is told what time it is.
#include <doctest/doctest.h>

#include "tidegate/limiter.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

LimiterOptions of(const char* name) { return LimiterOptions().name(name); }

TEST_CASE("ItDecidesByTheTimeThatItIsTold") {
  const TimedLimiter limiter(of("timed").rate(2, 1s, 2));
  const TimePoint start{};
  CHECK(limiter.try_acquire(start, 2));
  CHECK(limiter.try_acquire(start).retry_after() == 500ms);
  CHECK(limiter.wait(start) == 500ms);
  CHECK(limiter.wait(start, 2) == 1s);
  CHECK_FALSE(limiter.try_acquire(start + 499'999'999ns));
  CHECK(limiter.wait(start + 500ms) == 0s);
  CHECK(limiter.try_acquire(start + 500ms));
  CHECK_FALSE(limiter.try_acquire(start + 500ms));
}

TEST_CASE("LookingHowLongItWouldTakeTakesNothing") {
  const TimedLimiter limiter(of("looked_at").rate(1, 1h));
  for (int i = 0; i < 10; ++i) CHECK(limiter.wait(TimePoint(1h)) == 0s);
  CHECK(limiter.try_acquire(TimePoint(1h)));
}

TEST_CASE("TimeThatGoesBackGrantsNothingMore") {
  const TimedLimiter limiter(of("backwards").rate(1, 1s));
  CHECK(limiter.try_acquire(TimePoint(1h)));
  CHECK_FALSE(limiter.try_acquire(TimePoint(30min)));
  CHECK_FALSE(limiter.try_acquire(TimePoint(1h)));
  CHECK(limiter.try_acquire(TimePoint(1h + 1s)));
}

TEST_CASE("AWeightBeyondTheBurstAndWhatPromisesNothingAreNeverGranted") {
  const TimedLimiter limiter(of("heavy").rate(1, 1s, 3));
  for (const std::uint32_t weight : {0u, 4u}) {
    CHECK(limiter.try_acquire(TimePoint(1h), weight).retry_after() == Duration::max());
    CHECK(limiter.wait(TimePoint(1h), weight) == Duration::max());
  }
  const TimedLimiter none(of("none"));
  CHECK(none.status().cause() == Cause::kConfig);
  CHECK_FALSE(none.try_acquire(TimePoint(1h)));
}

TEST_CASE("ItCountsAsTheLimitersOfItsName") {
  const TimedLimiter limiter(of("counted_by_time").rate(1, 1s));
  CHECK(limiter.try_acquire(TimePoint(1h)));
  CHECK_FALSE(limiter.try_acquire(TimePoint(1h)));
  CHECK(limiter.stats().granted == 1);
  CHECK(limiter.stats().refused == 1);
}

}  // namespace
}  // namespace tidegate
