// SPDX-License-Identifier: Apache-2.0
//
// Breaker: whether a service that fails is asked at all (Nygard, Release It!, "Circuit Breaker").
//
//   closed ──too many failed or were slow──▶ open ──the time is over──▶ half open
//      ▲                                      ▲                             │
//      │                                      └───────the probes failed─────┤
//      └──────────────────────────────────────────────the probes worked─────┘
//
//   const Breaker::Entry entry = breaker.enter(now);
//   if (!entry.entered) …                            // ask again after entry.retry_after
//   …
//   breaker.leave(entry.permit, CallOutcome::kFailed, took, now, rng);
//
// Half open, so many calls are let through as there are probes; their results decide, by the shares
// that count while it is closed. A probe has a lease: one that does not report gives its place to
// the next when the lease is over, and still counts if it reports at last.
//
// Each change begins a generation, and a permit belongs to the one in which it was given: what was
// begun before a change says nothing about what came after, and its result does not count.
//
// It opens for open_for × 2^n, n the times that it opened before since it was last closed, drawn by
// `jitter` longer or shorter, so that the processes that lost a service together do not come back
// together. Pure: time and randomness are arguments. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ports/rng.hpp"
#include "policy/call_outcome.hpp"
#include "policy/call_window.hpp"
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

  struct Permit {
    std::uint64_t generation = 0;  // 0: of none, its result does not count
    std::uint64_t lease = 0;       // 0: of none
  };
  struct Entry {
    bool entered = false;
    Permit permit;
    Duration retry_after{};  // for what did not enter
  };
  // Why it opened last, on which numbers, and for how long.
  struct Opening {
    Reason reason = Reason::kNone;
    CallCounts counts;
    Duration lasts{};
  };

  // REQUIRES: at least one probe, and times above zero.
  explicit Breaker(const BreakerRules& rules);

  Entry enter(TimePoint now) noexcept;
  void leave(const Permit& permit, CallOutcome outcome, Duration took, TimePoint now,
             internal::Rng& rng) noexcept;
  void force(Mode mode) noexcept;

  // An open one is so until somebody enters, even where its time is over.
  State state() const noexcept { return state_; }
  Mode mode() const noexcept { return mode_; }
  std::uint64_t generation() const noexcept { return generation_; }
  // REQUIRES: it is open by itself. When it lets the first probe in.
  TimePoint open_until() const noexcept { return open_until_; }
  // What a refusal would say now; zero where a call would enter.
  Duration retry_after(TimePoint now) const noexcept;
  const Opening& opening() const noexcept { return opening_; }
  CallCounts counts(TimePoint now) noexcept { return window_.counts(now); }
  // Probes that are under way, and hold a lease.
  std::size_t probing() const noexcept { return leases_.size(); }

 private:
  struct Lease {
    std::uint64_t id;
    TimePoint ends;
  };

  Entry enter_half_open(TimePoint now) noexcept;
  void call_ended(bool failed, bool slow, TimePoint now, internal::Rng& rng) noexcept;
  void probe_ended(bool failed, bool slow, TimePoint now, internal::Rng& rng) noexcept;
  Reason reason_to_open() const noexcept;
  void open(Reason reason, const CallCounts& counts, TimePoint now, internal::Rng& rng) noexcept;
  void become(State state) noexcept;
  void give_back(std::uint64_t lease) noexcept;

  const BreakerRules rules_;
  const std::uint64_t failed_probes_;  // so many open it again
  const std::uint64_t slow_probes_;
  Mode mode_ = Mode::kAutomatic;
  State state_ = State::kClosed;
  std::uint64_t generation_ = 1;

  CallWindow window_;
  CallCounts counts_;           // of the window, when the last call ended
  std::uint64_t in_a_row_ = 0;  // failures

  TimePoint open_until_{};
  std::uint32_t openings_ = 0;  // since it was last closed
  Opening opening_;

  std::vector<Lease> leases_;  // at most as many as probes, the earliest first
  std::uint64_t last_lease_ = 0;
  CallCounts probed_;
};

}  // namespace tidegate::policy
