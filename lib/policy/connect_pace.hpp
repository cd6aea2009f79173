// SPDX-License-Identifier: Apache-2.0
//
// ConnectPace: when the next connection may be opened, so that they come evenly spaced. A server
// that has come back is not met by everybody's handshakes at once, and those that are ours do not
// hold up what goes over connections that are there (userver's connect throttle).
//
//   const TimePoint turn = pace.next(now);       // taken with it
//
// Pure: time is an argument. Not thread-safe.
#pragma once

#include <algorithm>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class ConnectPace {
 public:
  // 0: no bound.
  explicit ConnectPace(std::size_t per_second) noexcept
      : gap_(per_second == 0
                 ? Duration::zero()
                 : Duration(std::chrono::seconds(1)) / static_cast<Duration::rep>(per_second)) {}

  bool bounds() const noexcept { return gap_ > Duration::zero(); }

  TimePoint next(TimePoint now) noexcept {
    const TimePoint turn = std::max(now, next_);
    next_ = turn + gap_;
    return turn;
  }

 private:
  const Duration gap_;
  TimePoint next_{};
};

}  // namespace tidegate::policy
