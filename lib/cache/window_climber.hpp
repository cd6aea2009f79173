// SPDX-License-Identifier: Apache-2.0
//
// WindowClimber: which share of a cache its window should have. A loop or stable popularity wants it
// small, keys that are wanted again soon and then never want it large, and what is right changes.
// So it tries: after each sample of requests the share takes a step, on in the same direction where
// the hit ratio rose and back where it fell ("Adaptive Software Cache Management", Einziger, Eytan,
// Friedman and Manes, 2018). Steps become smaller unless the last one clearly helped; a jump of the
// hit ratio shows that the requests are others now, and steps are large again: a wide window comes
// down in a few samples. Where the hit ratio has collapsed, a small window begins anew: it has few
// hits whatever is asked. A bound is where to turn.
//
// Where the window's own hits tell, it need not try. A window that gives most of the hits does not
// shrink; one without any goes, since a hit ratio that rises and falls beside it, as that of a
// sample that ends within a loop, says nothing of it. Either is widened at once where what it let go
// comes back early (early_returns.hpp), and that clearly gives more hits than the rest would lose.
//
// Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cache/early_returns.hpp"

namespace tidegate::internal {

class WindowClimber {
 public:
  // What happened since the cache was made.
  struct Counts {
    std::uint64_t requests;
    std::uint64_t hits;
    std::uint64_t window_hits;
  };

  explicit WindowClimber(std::uint64_t entries) noexcept
      : sample_(kSample * std::max(entries, kLeastEntries)) {}

  double share() const noexcept { return share_; }

  // Whether a sample is complete.
  bool is_due(std::uint64_t requests) const noexcept {
    return requests - before_.requests >= sample_;
  }

  // REQUIRES: is_due(). Then the share may be another.
  void observe(const Counts& now, const EarlyReturns::Seen& seen) noexcept {
    const auto hits = static_cast<double>(now.hits - before_.hits);
    const auto window_hits = static_cast<double>(now.window_hits - before_.window_hits);
    const double ratio = hits / static_cast<double>(now.requests - before_.requests);
    const double change = ratio - ratio_;
    before_ = now;
    ratio_ = ratio;
    const bool in_vain = window_hits == 0 && seen.gone > 0;
    const bool by_window = 2 * window_hits > hits;
    if (in_vain || by_window) {
      const double others_lose =
          std::max(0.0, hits - window_hits) / (1 - share_) * (seen.share - (in_vain ? 0 : share_));
      const double it_gains = static_cast<double>(seen.gone) * seen.early;
      const bool is_wanted = seen.share > share_ && it_gains > kClearly * others_lose;
      if (is_wanted || in_vain) {
        share_ = is_wanted ? std::clamp(seen.share, kLeast, kMost) : 0;
        step_ = -kFirstStep;
        return;
      }
    }
    climb(change, window_hits == 0 ? 0 : kLeast, by_window);
    const bool collapsed = change <= -kJump && ratio < (ratio - change) / 2;
    if (collapsed && share_ < kFirst) {
      share_ = kFirst;
      step_ = -kFirstStep;
    }
  }

 private:
  void climb(double change, double least, bool may_not_shrink) noexcept {
    const double last = std::abs(step_);
    const double size = std::abs(change) >= kJump ? std::max(kFirstStep, kRestart * share_)
                        : change >= kRise         ? last
                                                  : last * kDecay;
    bool up = (step_ > 0) == (change >= 0);
    if (share_ <= least) up = true;
    if (share_ >= kMost) up = false;
    step_ = up ? size : -size;
    if (up || !may_not_shrink) share_ = std::clamp(share_ + step_, least, kMost);
  }

  // By the simulator, tests/bench/cache_sim.cpp.
  static constexpr std::uint64_t kSample = 10;  // requests for each entry
  static constexpr std::uint64_t kLeastEntries = 64;
  static constexpr double kFirst = 0.1;
  static constexpr double kFirstStep = 0.03;
  static constexpr double kDecay = 0.85;
  static constexpr double kRise = 0.01;
  static constexpr double kJump = 0.05;
  static constexpr double kRestart = 0.25;  // of the share, at least
  static constexpr double kLeast = 0.01;
  static constexpr double kMost = 0.8;
  static constexpr double kClearly = 2;

  const std::uint64_t sample_;
  Counts before_{};
  double share_ = kFirst;
  double step_ = -kFirstStep;
  double ratio_ = 0;
};

}  // namespace tidegate::internal
