// SPDX-License-Identifier: Apache-2.0
// The time of a loop, for what asks a clock.
#pragma once

#include "base/ports/clock.hpp"
#include "base/ports/loop.hpp"

namespace tidegate::test {

class LoopClock final : public internal::Clock {
 public:
  explicit LoopClock(const internal::Loop& loop) noexcept : loop_(loop) {}
  TimePoint now() const noexcept override { return loop_.now(); }

 private:
  const internal::Loop& loop_;
};

}  // namespace tidegate::test
