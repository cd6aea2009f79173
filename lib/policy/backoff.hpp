// SPDX-License-Identifier: Apache-2.0
//
// Backoff: how long to wait before trying again: evenly from zero to first × 2^n, at most longest.
// This is "full jitter" (Brooker, Exponential Backoff And Jitter, 2015): callers that failed together
// do not come back together, and the load falls with every round.
//
// Pure; any thread. Cost: a few nanoseconds.
#pragma once

#include <algorithm>

#include "base/ports/rng.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class Backoff {
 public:
  constexpr Backoff(Duration first, Duration longest) noexcept : first_(first), longest_(longest) {}

  // The longest pause before the n-th retry, counted from 0.
  Duration bound(int retry) const noexcept {
    Duration bound = std::min(first_, longest_);
    for (int i = 0; i < retry && bound < longest_ && bound > Duration::zero(); ++i) {
      bound = bound > longest_ / 2 ? longest_ : bound * 2;
    }
    return bound;
  }
  Duration draw(int retry, internal::Rng& rng) const noexcept {
    return rng.between(Duration::zero(), bound(retry));
  }

 private:
  Duration first_;
  Duration longest_;
};

}  // namespace tidegate::policy
