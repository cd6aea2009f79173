// SPDX-License-Identifier: Apache-2.0
//
// Breaker: whether a service that fails is asked at all (Nygard, Release It!, "Circuit Breaker").
//
//   closed ──too many failed or were slow──▶ open ──the time is over──▶ half open
//      ▲                                      ▲                             │
//      │                                      └───────the probes failed─────┤
//      └──────────────────────────────────────────────the probes worked─────┘
//
// Here are the decisions alone; what they are about is kept in words that many threads and
// processes change at once (gate/shared_breaker.hpp).
//
//   if (breaker.reason_to_open(counts, in_a_row) != Breaker::Reason::kNone)
//     open_for(breaker.open_time(openings, rng));
//
// Half open, so many calls are let through as there are probes; their results decide, by the shares
// that count while it is closed.
//
// It opens for open_for × 2^n, n the times that it opened before since it was last closed, drawn by
// `jitter` longer or shorter, so that the processes that lost a service together do not come back
// together. Pure: randomness is an argument. Thread-safety: any thread, for nothing changes.
#pragma once

#include <cstdint>

#include "base/ports/rng.hpp"
#include "policy/call_counts.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::policy {

struct BreakerRules {
  double failure_rate = 0.5;  // of the calls in the window; above 1: does not count
  double slow_rate = 0.8;
  Duration slow_after = Duration::max();  // what takes longer is slow
  std::uint64_t min_calls = 20;           // in the window, before either rate counts
  Duration window = std::chrono::seconds(60);
  std::uint64_t consecutive = 0;  // failures in a row, however few calls; 0: do not count
  std::uint32_t probes = 3;
  Duration probe_lease = std::chrono::seconds(10);
  Duration open_for = std::chrono::seconds(5);
  Duration max_open_for = std::chrono::seconds(300);
  double jitter = 0.2;
};

class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };
  // By itself; or by order: nothing enters; everything enters and is counted; everything enters.
  enum class Mode : std::uint8_t { kAutomatic, kForcedOpen, kForcedClosed, kDisabled };
  enum class Reason : std::uint8_t { kNone, kFailures, kSlow, kConsecutive, kProbes, kForced };
  enum class Verdict : std::uint8_t { kWait, kOpen, kClose };

  // Why it is open, on which numbers, and for how long.
  struct Opening {
    Reason reason = Reason::kNone;
    CallCounts counts;
    Duration lasts{};
  };

  // REQUIRES: at least one probe, and times above zero.
  explicit Breaker(const BreakerRules& rules) noexcept;

  const BreakerRules& rules() const noexcept { return rules_; }

  // Closed: whether what was counted opens it.
  Reason reason_to_open(const CallCounts& counts, std::uint64_t in_a_row) const noexcept;
  // Half open: what the probes that have reported come to.
  Verdict judge_probes(const CallCounts& probed) const noexcept;
  // How long it is open after `openings` that no close followed; whole milliseconds, at least one.
  Duration open_time(std::uint32_t openings, internal::Rng& rng) const noexcept;

 private:
  BreakerRules rules_;
  std::uint64_t failed_probes_;  // so many open it again
  std::uint64_t slow_probes_;
};

}  // namespace tidegate::policy
