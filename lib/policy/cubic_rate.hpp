// SPDX-License-Identifier: Apache-2.0
//
// CubicRate: how often a service may be asked that says "too often" and no more, learned from when it
// says so: seven tenths of what was asked just then, and from there along a cubic curve, fast at
// first, slowly near the rate that was too much, after five seconds, and then beyond it. The curve is
// CUBIC's (RFC 9438), whose use for rates is botocore's, in its adaptive mode of retries; but in
// shares of the rate, so that one call in a second comes back as a thousand do.
//
//   CubicRate rate;
//   rate.started(now);                    // each call
//   rate.pushed_back(now);                // each answer that says "too often"
//   const Duration gap = rate.gap(now);   // between starts; zero: as often as one likes
//
// * At most one decrease in a second: fifty answers to what was sent before are one sign.
// * Never below one start in two seconds, nor above twice of what is really asked.
// * Five minutes after the last such answer it is forgotten.
//
// Pure: time is an argument. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class CubicRate {
 public:
  static constexpr Duration kWindow = std::chrono::seconds(1);
  static constexpr Duration kForgotten = std::chrono::minutes(5);
  static constexpr double kLeast = 0.5;  // starts in a second

  void started(TimePoint now) noexcept {
    measure(now);
    ++starts_;
  }

  void pushed_back(TimePoint now) noexcept {
    measure(now);
    const bool is_same_sign = is_adapting(now) && now - fallen_ < kWindow;
    if (is_same_sign) return;
    const double asked = std::max(measured_, static_cast<double>(starts_) / seconds(kMeasured));
    peak_ = std::max(kLeast, is_adapting(now) ? std::min(asked, rate(now)) : asked);
    fallen_ = now;
    has_fallen_ = true;
  }

  // Zero: none.
  Duration gap(TimePoint now) const noexcept {
    if (!is_adapting(now)) return {};
    return std::chrono::ceil<Duration>(std::chrono::duration<double>(1 / rate(now)));
  }

  // Starts in a second. REQUIRES: gap(now) > 0.
  double rate(TimePoint now) const noexcept {
    const double from_peak = seconds(now - fallen_) / seconds(kUntilPeak) - 1;
    const double curve = peak_ * (1 + (1 - kKept) * from_peak * from_peak * from_peak);
    return std::clamp(curve, kLeast, 2 * std::max(measured_, peak_));
  }

 private:
  static constexpr double kKept = 0.7;
  static constexpr Duration kUntilPeak = std::chrono::seconds(5);
  static constexpr double kNewer = 0.8;  // how much the latest measurement counts
  static constexpr Duration kMeasured = std::chrono::milliseconds(500);

  static double seconds(Duration time) noexcept {
    return std::chrono::duration<double>(time).count();
  }
  bool is_adapting(TimePoint now) const noexcept {
    return has_fallen_ && now - fallen_ < kForgotten;
  }
  void measure(TimePoint now) noexcept {
    const Duration passed = now - begun_;
    if (passed < kMeasured) return;
    const double latest = static_cast<double>(starts_) / seconds(passed);
    measured_ = kNewer * latest + (1 - kNewer) * measured_;
    starts_ = 0;
    begun_ = now;
  }

  double measured_ = 0;  // starts in a second
  std::uint64_t starts_ = 0;
  TimePoint begun_{};
  bool has_fallen_ = false;
  TimePoint fallen_{};
  double peak_ = 0;  // the rate that was too much
};

}  // namespace tidegate::policy
