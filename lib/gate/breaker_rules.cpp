// SPDX-License-Identifier: Apache-2.0
#include "gate/breaker_rules.hpp"

namespace tidegate::internal {

namespace {

using policy::Breaker;

static_assert(static_cast<int>(BreakerState::kClosed) ==
                  static_cast<int>(Breaker::State::kClosed) &&
              static_cast<int>(BreakerState::kOpen) == static_cast<int>(Breaker::State::kOpen) &&
              static_cast<int>(BreakerState::kHalfOpen) ==
                  static_cast<int>(Breaker::State::kHalfOpen));
static_assert(
    static_cast<int>(BreakerMode::kAutomatic) == static_cast<int>(Breaker::Mode::kAutomatic) &&
    static_cast<int>(BreakerMode::kForcedOpen) == static_cast<int>(Breaker::Mode::kForcedOpen) &&
    static_cast<int>(BreakerMode::kForcedClosed) ==
        static_cast<int>(Breaker::Mode::kForcedClosed) &&
    static_cast<int>(BreakerMode::kDisabled) == static_cast<int>(Breaker::Mode::kDisabled));

// In rules a rate that no share reaches.
double rate_of(double share) noexcept { return share > 0 ? share : 2; }

std::string of(std::uint64_t some, std::uint64_t all, const char* what) {
  return std::to_string(some) + " of " + std::to_string(all) + " " + what;
}

std::string reason_of(const Breaker::Opening& opening) {
  const policy::CallCounts& counts = opening.counts;
  switch (opening.reason) {
    case Breaker::Reason::kFailures: return of(counts.failures, counts.calls, "calls failed");
    case Breaker::Reason::kSlow: return of(counts.slow, counts.calls, "calls were slow");
    case Breaker::Reason::kConsecutive: return "too many calls in a row failed";
    case Breaker::Reason::kProbes:
      return of(counts.failures, counts.calls, "probes failed, ") + std::to_string(counts.slow) +
             " were slow";
    case Breaker::Reason::kForced:
    case Breaker::Reason::kNone: break;
  }
  return {};
}

}  // namespace

policy::BreakerRules rules_of(const BreakerOptions::Values& options) noexcept {
  const bool has_slow = options.slow_after > Duration::zero();
  return {.failure_rate = rate_of(options.failure_rate),
          .slow_rate = rate_of(options.slow_rate),
          .slow_after = has_slow ? options.slow_after : Duration::max(),
          .min_calls = static_cast<std::uint64_t>(options.min_calls),
          .window = options.window,
          .consecutive = static_cast<std::uint64_t>(options.consecutive),
          .probes = static_cast<std::uint32_t>(options.probes),
          .probe_lease = options.probe_timeout,
          .open_for = options.open_for,
          .max_open_for = options.max_open_for};
}

std::string why_of(Breaker::State state, const Breaker::Opening& opening) {
  switch (state) {
    case Breaker::State::kClosed: return "closed";
    case Breaker::State::kHalfOpen: return "half open";
    case Breaker::State::kOpen: break;
  }
  if (opening.reason == Breaker::Reason::kForced) return "open by order";
  return "open for " + format_duration(opening.lasts) + ": " + reason_of(opening);
}

}  // namespace tidegate::internal
