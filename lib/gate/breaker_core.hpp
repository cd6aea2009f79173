// SPDX-License-Identifier: Apache-2.0
//
// BreakerCore: a breaker in one process: the words of its state (gate/shared_breaker.hpp) with a
// clock, and what is told of it.
//
// Invariant: it is of the process that made it. A permit of before a fork does nothing in the child,
// whose core is another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/ports/clock.hpp"
#include "gate/breaker_metrics.hpp"
#include "gate/breaker_words.hpp"
#include "gate/shared_breaker.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate::internal {

class BreakerCore {
 public:
  // Words of its own, or those that it shares; they outlive it.
  BreakerCore(const BreakerOptions::Values& options, const Clock& clock, std::uint64_t seed,
              BreakerWords* shared = nullptr);

  static BreakerPermit refused(Duration retry_after) noexcept;
  static BreakerPermit enter(const std::shared_ptr<BreakerCore>& self) noexcept;
  // The same of a part of something else, which keeps the permit and the time.
  SharedBreaker::Entry ask(TimePoint now) noexcept {
    const SharedBreaker::Entry entry = breaker_.enter(now);
    if (!entry.entered) metrics_.refused.add();
    return entry;
  }
  std::optional<SharedBreaker::Permit> ask_closed() const noexcept {
    return breaker_.enter_closed();
  }
  // How long it is open for yet, as far as that can be seen without asking for a permit: zero where
  // enter() may give one.
  Duration refusal() const noexcept;
  void leave(const SharedBreaker::Permit& permit, TimePoint entered, Cause cause) noexcept;
  void leave_with_http_status(const SharedBreaker::Permit& permit, TimePoint entered,
                              int status) noexcept;
  void leave(const BreakerPermit& permit, Cause cause) noexcept {
    leave({.word = permit.word_, .lease = permit.lease_}, permit.entered_, cause);
  }
  void leave_with_http_status(const BreakerPermit& permit, int status) noexcept {
    leave_with_http_status({.word = permit.word_, .lease = permit.lease_}, permit.entered_, status);
  }
  void force(policy::Breaker::Mode mode) noexcept;

  BreakerStats stats() noexcept;

 private:
  void leave(const SharedBreaker::Permit& permit, policy::CallOutcome outcome, Duration took,
             TimePoint now) noexcept;
  void tell(const SharedBreaker::Change& change) noexcept;

  const BreakerOptions::Values options_;
  const Duration enough_;  // the time that a deadline must leave a service
  const Clock& clock_;
  const std::uint64_t process_;  // the fork generation
  BreakerMetrics metrics_;
  BreakerWords own_;
  SharedBreaker breaker_;
};

}  // namespace tidegate::internal
