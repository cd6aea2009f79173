// SPDX-License-Identifier: Apache-2.0
//
// CallWindow: how many of the calls of the last while failed, and how many were slow. A ring of
// counters, each for a twentieth of the window: it forgets a twentieth at a time, so that what it
// knows is between 0.95 of a window and a whole one. A clock that stands or goes back makes it
// forget nothing. Pure: time is an argument. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

struct CallCounts {
  std::uint64_t calls = 0;
  std::uint64_t failures = 0;
  std::uint64_t slow = 0;

  void add(bool failed, bool was_slow) noexcept {
    ++calls;
    failures += failed ? 1 : 0;
    slow += was_slow ? 1 : 0;
  }
  void subtract(const CallCounts& other) noexcept {
    calls -= other.calls;
    failures -= other.failures;
    slow -= other.slow;
  }
  bool operator==(const CallCounts&) const = default;
};

class CallWindow {
 public:
  static constexpr std::size_t kBuckets = 20;

  explicit CallWindow(Duration window) noexcept
      : width_(std::max(Duration(1), window / static_cast<std::int64_t>(kBuckets))) {}

  void add(bool failed, bool slow, TimePoint now) noexcept {
    advance(now);
    buckets_[static_cast<std::size_t>(newest_ % kBuckets)].add(failed, slow);
    sum_.add(failed, slow);
  }

  const CallCounts& counts(TimePoint now) noexcept {
    advance(now);
    return sum_;
  }

  void clear() noexcept {
    buckets_ = {};
    sum_ = {};
  }

 private:
  void advance(TimePoint now) noexcept {
    const auto index =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.time_since_epoch() / width_));
    if (index <= newest_) return;
    if (index - newest_ >= kBuckets) {
      clear();
      newest_ = index;
      return;
    }
    while (newest_ < index) {
      CallCounts& oldest = buckets_[static_cast<std::size_t>(++newest_ % kBuckets)];
      sum_.subtract(oldest);
      oldest = {};
    }
  }

  const Duration width_;
  std::array<CallCounts, kBuckets> buckets_{};
  CallCounts sum_;
  std::uint64_t newest_ = 0;  // the bucket of the latest time that was told
};

}  // namespace tidegate::policy
