// SPDX-License-Identifier: Apache-2.0
#include "base/ports/clock.hpp"

#include <time.h>

namespace tidegate::internal {

namespace {

class CoarseClock final : public Clock {
 public:
  TimePoint now() const noexcept override {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return TimePoint(std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec));
  }
  Duration lag() const noexcept override {
    timespec tick{};
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    return Duration(tick.tv_nsec);
  }
};

}  // namespace

const Clock& coarse_clock() noexcept {
  static const CoarseClock* const clock = new CoarseClock;
  return *clock;
}

}  // namespace tidegate::internal
