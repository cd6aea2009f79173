// SPDX-License-Identifier: Apache-2.0
//
// Deadline: the point in time by which an answer is wanted. One deadline goes through everything
// that tidegate does for a caller: a timeout (a duration) becomes a deadline once, at the edge, and
// is only ever shortened on its way down.
//
//   auto page = tidegate::Deadline::after(18s);
//   auto query = page.earlier(tidegate::Deadline::after(15s));   // bounded by both
//   if (query.passed()) …
//
// A plain value of eight bytes on the monotonic clock: steps of the wall clock do not move it. Any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

class Deadline {
 public:
  // Never passes.
  constexpr Deadline() noexcept : at_(TimePoint::max()) {}
  static constexpr Deadline never() noexcept { return Deadline(); }
  static constexpr Deadline at(TimePoint when) noexcept { return Deadline(when); }

  // `timeout` from now. Zero or less is already passed; what does not fit the clock never passes.
  static Deadline after(Duration timeout) noexcept { return after(timeout, now()); }
  static Deadline after(Duration timeout, TimePoint from) noexcept;

  // The clock that deadlines are on.
  static TimePoint now() noexcept {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }

  constexpr bool is_never() const noexcept { return at_ == TimePoint::max(); }
  constexpr TimePoint time() const noexcept { return at_; }

  bool passed() const noexcept { return passed(now()); }
  constexpr bool passed(TimePoint now) const noexcept { return at_ <= now; }

  // What is left, never below zero; Duration::max() for never.
  Duration left() const noexcept { return left(now()); }
  Duration left(TimePoint now) const noexcept;

  constexpr Deadline earlier(Deadline other) const noexcept {
    return at_ <= other.at_ ? *this : other;
  }

  constexpr Deadline later(Deadline other) const noexcept {
    return at_ >= other.at_ ? *this : other;
  }

  constexpr auto operator<=>(const Deadline&) const noexcept = default;

 private:
  explicit constexpr Deadline(TimePoint when) noexcept : at_(when) {}
  TimePoint at_;
};

// Reads a duration as configuration writes it: a number and one of the units ns, us, ms, s, m, h, d
// ("15s", "250ms", "1.5s"). A bare number, a negative one and what does not fit 292 years are
// refused with a sentence that names them.
Result<Duration> parse_duration(std::string_view text);

// The shortest such text for people: "15 s", "0.25 s", "3 ms", "40 us".
std::string format_duration(Duration duration);

}  // namespace tidegate
