// SPDX-License-Identifier: Apache-2.0
//
// HedgeDelay: how long a first attempt may take before a second one is begun beside it: the 95th
// percentile of the last kWindow of them, so that one in twenty is hedged (Dean and Barroso, The Tail
// at Scale, 2013).
//
//   delay.add(took);                     // of a first attempt that came to its end, or lost
//   if (auto wait = delay.delay()) …     // empty: too few have come so far
//
// One that lost its race, or ran out of time, is not known to its end; left out it would be those that
// are slow that are missing. It is added with the time that it had taken: it stood above the delay of
// then, and so it stands in its order. (resilience4j takes the mean of the primaries that won, which
// falls the lower the more of them are hedged.)
//
// Pure. Not thread-safe. Cost: add() none; delay() a selection among kWindow, where something was added.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class HedgeDelay {
 public:
  static constexpr std::size_t kWindow = 256;
  static constexpr std::size_t kEnough = 50;
  // What is faster than this needs no help, and the measure is no finer.
  static constexpr Duration kFloor = std::chrono::milliseconds(10);

  void add(Duration took) noexcept {
    times_[next_] = took;
    next_ = (next_ + 1) % kWindow;
    count_ = std::min(count_ + 1, kWindow);
    known_.reset();
  }

  std::optional<Duration> delay() noexcept {
    if (count_ < kEnough) return std::nullopt;
    if (!known_) known_ = std::max(kFloor, percentile());
    return known_;
  }

 private:
  Duration percentile() const noexcept {
    std::array<Duration, kWindow> sorted = times_;
    const std::size_t rank = (count_ * 95 + 99) / 100 - 1;
    auto* const at = sorted.data() + rank;
    std::nth_element(sorted.data(), at, sorted.data() + count_);
    return *at;
  }

  std::array<Duration, kWindow> times_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::optional<Duration> known_;
};

}  // namespace tidegate::policy
