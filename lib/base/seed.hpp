// SPDX-License-Identifier: Apache-2.0
//
// fresh_seed(): a number that no other process draws: for the Rng of what must not happen in step in
// all of them, and for names. Not for secrets. Never waits and never fails: before the system has
// gathered randomness, the clock and the process have to do.
#pragma once

#include <cstdint>

namespace tidegate::internal {

std::uint64_t fresh_seed() noexcept;

}  // namespace tidegate::internal
