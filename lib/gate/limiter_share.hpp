// SPDX-License-Identifier: Apache-2.0
//
// What limiters of one name on a host have in common: their words in the state file, the epoch of
// those, and the seed of their pace.
//
// Thread-safety: any thread.
#pragma once

#include <cstdint>

#include "gate/limiter_word.hpp"
#include "tidegate/limiter.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

struct SharedLimiter {
  LimiterWords* words;  // for as long as the process lives
  TimePoint epoch;
  std::uint64_t seed;
};

// Refuses with kConfig what has no name of its own, a state directory that is not to be trusted, and
// limits that differ from those of others under the name.
Result<SharedLimiter> share_limiter(const LimiterOptions::Values& options);

}  // namespace tidegate::internal
