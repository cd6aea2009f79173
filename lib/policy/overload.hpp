// SPDX-License-Identifier: Apache-2.0
//
// Overload: whether a queue stands, by CoDel's test (Nichols and Jacobson, "Controlling Queue
// Delay", ACM Queue 2012): the least delay seen has stayed above a target for a whole interval. A
// burst that drains is no overload. While a lane is overloaded it serves the newest first (adaptive
// LIFO: Maurer, "Fail at Scale", ACM Queue 2015), because the oldest is the one whose caller is
// about to give up.
//
// Pure: no clock, no lock. Not thread-safe; its owner locks.
#pragma once

#include <optional>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class Overload {
 public:
  // Queries take seconds: the targets are those of CoDel scaled to them.
  static constexpr Duration kTarget = std::chrono::milliseconds(200);
  static constexpr Duration kInterval = std::chrono::seconds(2);

  // A call leaves the queue at `now` after it waited for `delay`.
  void dequeued(Duration delay, TimePoint now) noexcept {
    if (delay <= kTarget) {
      above_since_.reset();
    } else if (!above_since_) {
      above_since_ = now;
    }
  }

  // The queue is empty.
  void drained() noexcept { above_since_.reset(); }

  bool overloaded(TimePoint now) const noexcept {
    return above_since_ && now - *above_since_ >= kInterval;
  }

 private:
  std::optional<TimePoint> above_since_;
};

}  // namespace tidegate::policy
