// SPDX-License-Identifier: Apache-2.0
//
// Aimd: how many calls may be under way at once, learned from how they end: one more for each window
// in which they went well and were wanted, a tenth less where the service says that it is too much
// (additive increase, multiplicative decrease; Chiu and Jain, 1989).
//
//   Aimd aimd({.least = 1, .first = 20, .most = 100});
//   aimd.ended(Load::kFine, inside, now);       // and aimd.limit() may be another
//
// * At most one decrease in a window: fifty calls that one hiccup makes late are one sign.
// * No increase while less than half of the limit is in use: what is not tried says nothing.
// * A call that was cancelled says nothing.
// Latency is no sign here: calls of a query engine take 0.2 to 15 s for reasons of their own.
//
// Pure: time is an argument. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::policy {

// What the end of a call says about the service's load.
enum class Load : std::uint8_t { kFine, kTooMuch, kNothing };

inline Load load_of(Cause cause) noexcept {
  switch (cause) {
    case Cause::kNone: return Load::kFine;
    case Cause::kDeadline:
    case Cause::kConnect:
    case Cause::kConnectTimeout:
    case Cause::kAttemptTimeout:
    case Cause::kReadTimeout:
    case Cause::kEngineBusy: return Load::kTooMuch;
    default: return Load::kNothing;
  }
}

inline Load load_of_http_status(int status) noexcept {
  if (status == 429 || status == 503) return Load::kTooMuch;
  return status < 500 ? Load::kFine : Load::kNothing;
}

class Aimd {
 public:
  static constexpr Duration kWindow = std::chrono::seconds(1);

  // REQUIRES: 1 <= least <= first <= most.
  struct Bounds {
    std::uint32_t least;
    std::uint32_t first;
    std::uint32_t most;
  };
  explicit Aimd(const Bounds& bounds) noexcept : bounds_(bounds), limit_(bounds.first) {}

  std::uint32_t limit() const noexcept { return limit_; }

  // A call has ended; `inside` were under way, with it.
  void ended(Load load, std::size_t inside, TimePoint now) noexcept {
    if (load == Load::kNothing) return;
    if (now - begun_ >= kWindow) begin(now);
    busiest_ = std::max(busiest_, inside);
    if (load == Load::kFine) {
      went_well_ = true;
    } else if (!was_cut_) {
      limit_ = std::max(bounds_.least, limit_ - std::max<std::uint32_t>(1, limit_ / 10));
      was_cut_ = true;
      begun_ = now;
    }
  }

 private:
  void begin(TimePoint now) noexcept {
    if (went_well_ && !was_cut_ && 2 * busiest_ >= limit_) {
      limit_ = std::min(bounds_.most, limit_ + 1);
    }
    went_well_ = was_cut_ = false;
    busiest_ = 0;
    begun_ = now;
  }

  const Bounds bounds_;
  std::uint32_t limit_;
  std::size_t busiest_ = 0;
  bool went_well_ = false;
  bool was_cut_ = false;
  TimePoint begun_{};
};

}  // namespace tidegate::policy
