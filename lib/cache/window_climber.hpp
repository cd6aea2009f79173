// SPDX-License-Identifier: Apache-2.0
//
// WindowClimber: which share of a cache its window should have. A loop or stable popularity wants it
// small, keys that are wanted again soon and then never want it large, and what is right changes.
// So it tries: after each sample of requests the share takes a step, on in the same direction where
// the hit ratio rose and back where it fell ("Adaptive Software Cache Management", Einziger, Eytan,
// Friedman and Manes, 2018). Steps become smaller unless the last one clearly helped; a jump of the
// hit ratio shows that the requests are others now, and steps are large again: a wide window comes
// down in a few samples. Where the hit ratio has collapsed, a small window begins anew: it has few
// hits whatever is asked, so that nothing would tell it where to go. Two things it need not try: a
// window that gives most of the hits does not shrink, and a bound is where to turn. Without any hits
// the window may go altogether.
//
// Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

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

  // True if the share is another now.
  bool observe(const Counts& now) noexcept {
    const std::uint64_t requests = now.requests - before_.requests;
    if (requests < sample_) return false;
    const std::uint64_t hits = now.hits - before_.hits;
    const std::uint64_t window_hits = now.window_hits - before_.window_hits;
    const bool by_window = 2 * window_hits > hits;
    const double least = window_hits == 0 ? 0 : kLeast;
    const double ratio = static_cast<double>(hits) / static_cast<double>(requests);
    const double change = ratio - ratio_;
    const bool collapsed = change <= -kJump && ratio < ratio_ / 2;
    before_ = now;
    ratio_ = ratio;
    const double last = std::abs(step_);
    const double size = std::abs(change) >= kJump ? std::max(kFirstStep, kRestart * share_)
                        : change >= kRise         ? last
                                                  : last * kDecay;
    bool up = (step_ > 0) == (change >= 0);
    if (by_window || share_ <= least) up = true;
    if (share_ >= kMost) up = false;
    step_ = up ? size : -size;
    share_ = std::clamp(share_ + step_, least, kMost);
    if (collapsed && share_ < kFirst) {
      share_ = kFirst;
      step_ = -kFirstStep;
    }
    return true;
  }

 private:
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

  const std::uint64_t sample_;
  Counts before_{};
  double share_ = kFirst;
  double step_ = -kFirstStep;
  double ratio_ = 0;
};

}  // namespace tidegate::internal
