// SPDX-License-Identifier: Apache-2.0
//
// BreakerWords: all that a breaker remembers, as words without a lock (policy/breaker_word.hpp has
// what lies in each). All zero it is closed and has counted nothing. In the memory of a process, or
// in a file that several have mapped; any of them may be gone between two instructions, and what it
// has left is right, or over after a while.
//
// Invariants
//   * `state` says which generation it is, and each change of state begins another, by one
//     compare-and-swap. All other words name the generation that they are of, and those of an
//     earlier one count as zero: a change has nothing to clear.
//   * `newest` is the twentieth of the window that is counted now. Buckets that it passes are
//     cleared before it passes them.
//   * Only the first places, as many as the rules have probes, are used.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "policy/breaker_word.hpp"

namespace tidegate::internal {

struct BreakerWords {
  using Word = std::atomic<std::uint64_t>;
  static constexpr std::uint32_t kBuckets = 20;

  // Read by every call, and seldom written.
  alignas(64) Word state{0};
  Word opening{0};  // why it opened last
  Word newest{0};   // generation | index of the bucket
  Word faulty{0};   // the same of the last bucket with a call that failed or was slow

  // Written by every call.
  alignas(64) std::array<Word, kBuckets> buckets{};
  Word in_a_row{0};  // generation | failures
  std::array<Word, policy::ProbeWord::kPlaces> probes{};
};

static_assert(BreakerWords::Word::is_always_lock_free);
static_assert(std::is_standard_layout_v<BreakerWords>);
static_assert(sizeof(BreakerWords) <= 1024);

}  // namespace tidegate::internal
