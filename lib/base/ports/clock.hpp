// SPDX-License-Identifier: Apache-2.0
//
// Clock: the time for code that runs on the caller's thread, where there is no loop to ask. A
// simulation has its own. coarse_clock() lags behind by up to one tick of the kernel (1 to 4 ms) and
// costs a fifth of a precise one: right for what lives for seconds.
#pragma once

#include <chrono>

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const noexcept = 0;
  // How far it may be behind.
  virtual Duration lag() const noexcept { return {}; }
};

const Clock& coarse_clock() noexcept;

// The date, for what a server says in dates.
inline std::chrono::sys_seconds wall_time() noexcept {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace tidegate::internal
