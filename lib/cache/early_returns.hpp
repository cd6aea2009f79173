// SPDX-License-Identifier: Apache-2.0
//
// EarlyReturns: whether what the window let go is wanted again so soon that a wider window would
// still have had it. A window that is good for nothing has no hits, and neither has one that is too
// narrow for what it is good for; its own hits do not tell the two apart.
//
// A few keys are watched, chosen by their hash, so that at most some thirty of them are gone at a
// time (a sample in space, as SHARDS: Waldspurger, Park, Garthwaite and Ahmad, 2015). A window of
// more than half a cache is none.
//
// Not thread-safe. Some 550 bytes; no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

namespace tidegate::internal {

class EarlyReturns {
 public:
  // Since take() was called last.
  struct Seen {
    std::uint64_t gone = 0;
    double early = 0;  // the part of them that came back early; none where few were seen
    double share = 0;  // of the cache, that as a window would have had them
  };

  explicit EarlyReturns(std::size_t entries) noexcept
      : one_of_(static_cast<std::uint32_t>(entries / kGoneAtOnce + 1)) {}

  // It had to go from a window of so many.
  void went(std::uint32_t hash, std::uint32_t window) noexcept {
    ++gone_;
    if (hash / kPlaces % one_of_ != 0) return;
    const std::size_t at = hash % kPlaces;
    ++watched_;
    hashes_[at] = hash;
    entered_[at] = clock_ - window;
    is_gone_.set(at);
  }

  // A key is wanted that is not here: it enters the window of a cache that holds so many.
  void wanted(std::uint32_t hash, std::size_t entries) noexcept {
    ++clock_;
    const std::size_t at = hash % kPlaces;
    if (!is_gone_.test(at) || hashes_[at] != hash) return;
    is_gone_.reset(at);
    const std::uint32_t window = clock_ - entered_[at];
    if (window > entries / 2) return;
    ++early_;
    share_ = std::max(share_, static_cast<double>(window) / static_cast<double>(entries));
  }

  Seen take() noexcept {
    const bool tells = early_ >= kEnough;
    const Seen seen{
        .gone = gone_,
        .early = tells ? static_cast<double>(early_) / static_cast<double>(watched_) : 0,
        .share = share_};
    gone_ = watched_ = early_ = 0;
    share_ = 0;
    return seen;
  }

 private:
  static constexpr std::uint32_t kPlaces = 64;
  static constexpr std::size_t kGoneAtOnce = 32;
  static constexpr std::uint64_t kEnough = 8;

  const std::uint32_t one_of_;
  std::uint32_t clock_ = 0;  // keys that have entered the window; it may go round
  std::uint64_t gone_ = 0, watched_ = 0, early_ = 0;
  double share_ = 0;
  std::array<std::uint32_t, kPlaces> hashes_{};
  std::array<std::uint32_t, kPlaces> entered_{};
  std::bitset<kPlaces> is_gone_;
};

}  // namespace tidegate::internal
