// SPDX-License-Identifier: Apache-2.0
//
// BreakerCore: a breaker in one process: the rules (policy/breaker.hpp) under a brief lock, and
// before them a door that is read without it.
//
// Invariants
//   * door_ tells of one generation what enter() would say, as long as time does not matter; it is
//     written under the lock. Who reads an old one gets a permit that no longer counts, or is
//     refused once more.
//   * open_until_ is written before the door that sends to it.
//   * The rules are those of the process that made it: a child of a fork leaves it alone, for the lock
//     may be held by a thread that it does not have.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/brief_mutex.hpp"
#include "base/ports/clock.hpp"
#include "base/ports/rng.hpp"
#include "gate/breaker_metrics.hpp"
#include "policy/breaker.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate::internal {

class BreakerCore {
 public:
  BreakerCore(const BreakerOptions::Values& options, const Clock& clock, std::uint64_t seed);

  static BreakerPermit enter(const std::shared_ptr<BreakerCore>& self) noexcept;
  // How long it is open for yet, as far as that can be seen without asking for a permit: zero where
  // enter() may give one.
  Duration refusal() const noexcept;
  void leave(const BreakerPermit& permit, Cause cause) noexcept;
  void leave_with_http_status(const BreakerPermit& permit, int status) noexcept;
  void force(policy::Breaker::Mode mode) noexcept;

  BreakerStats stats() noexcept;

 private:
  enum Door : std::uint64_t { kClosed, kOpen, kAsk, kDisabled };
  static constexpr unsigned kDoorBits = 2;
  static constexpr std::uint64_t kDoorMask = 3;

  struct Seen {
    policy::Breaker::State state;
    std::uint64_t generation;
  };

  policy::Breaker::Entry ask(TimePoint now) noexcept;
  void leave(const BreakerPermit& permit, policy::CallOutcome outcome, TimePoint now) noexcept;
  Seen seen() const noexcept { return {breaker_.state(), breaker_.generation()}; }
  void set_door() noexcept;
  // REQUIRES: the lock is not held.
  void tell(Seen before, Seen after, const policy::Breaker::Opening& opening) noexcept;

  const BreakerOptions::Values options_;
  const Duration enough_;  // the time that a deadline must leave a service
  const Clock& clock_;
  const std::uint64_t process_;  // the fork generation
  BreakerMetrics metrics_;

  std::atomic<std::uint64_t> door_{0};  // generation << kDoorBits | Door
  std::atomic<std::int64_t> open_until_{0};

  BriefMutex mutex_;
  policy::Breaker breaker_;  // guarded by mutex_
  Rng rng_;                  // guarded by mutex_
};

}  // namespace tidegate::internal
