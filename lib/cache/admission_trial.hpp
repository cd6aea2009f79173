// SPDX-License-Identifier: Apache-2.0
//
// AdmissionTrial: who stays where a newcomer was seen just once more than the entry that it would
// take the place of, by a sketch that was halved before. Where popularity stands still that is noise:
// the sketch takes a new key for others more easily than an old one. Where it moves on, that is how
// it begins.
//
// So it is tried. A few of these cases are decided by lot, and the one that had to go is remembered
// by its hash; the key that is wanted again is the one that should have stayed. Newcomers win the
// other cases too while they come back clearly more often, five for three.
//
// Not thread-safe. Half a byte for each entry of a cache of 512, less for more; no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/ports/rng.hpp"

namespace tidegate::internal {

class AdmissionTrial {
 public:
  bool newcomer_stays(std::uint32_t newcomer, std::uint32_t old, Rng& rng) noexcept {
    const bool is_settled = std::abs(score_) >= kSettled;
    const bool by_lot = rng.below(1024) < (is_settled ? kRarely : kOften);
    if (!by_lot) return score_ > 0;
    const bool stays = rng.below(2) == 0;
    const std::uint32_t gone = stays ? old : newcomer;
    gone_[gone % kRemembered] = gone;
    is_there_.set(gone % kRemembered);
    was_new_.set(gone % kRemembered, !stays);
    return stays;
  }

  // A key is wanted that is not here.
  void wanted(std::uint32_t hash) noexcept {
    const std::size_t at = hash % kRemembered;
    if (!is_there_.test(at) || gone_[at] != hash) return;
    is_there_.reset(at);
    score_ = std::clamp(score_ + (was_new_.test(at) ? kForNew : -kForOld), -kMost, kMost);
  }

 private:
  // By the simulator, tests/bench/cache_sim.cpp.
  static constexpr std::size_t kRemembered = 64;
  static constexpr int kForNew = 3, kForOld = 5;
  static constexpr int kMost = 120, kSettled = 90;
  static constexpr std::uint64_t kOften = 31, kRarely = 5;  // of 1024

  int score_ = -kMost;
  std::array<std::uint32_t, kRemembered> gone_{};
  std::bitset<kRemembered> is_there_;
  std::bitset<kRemembered> was_new_;
};

}  // namespace tidegate::internal
