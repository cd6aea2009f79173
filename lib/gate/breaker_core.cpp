// SPDX-License-Identifier: Apache-2.0
#include "gate/breaker_core.hpp"

#include <algorithm>
#include <limits>
#include <mutex>

#include "base/fork.hpp"
#include "base/log_record.hpp"
#include "gate/breaker_rules.hpp"

namespace tidegate::internal {

namespace {

using policy::Breaker;
using policy::CallOutcome;

constexpr TimePoint kForced = TimePoint::max();  // open until somebody says otherwise

}  // namespace

BreakerCore::BreakerCore(const BreakerOptions::Values& options, const Clock& clock,
                         std::uint64_t seed)
    : options_(options),
      enough_(options.slow_after),
      clock_(clock),
      process_(fork_generation()),
      metrics_(options.name),
      breaker_(rules_of(options)),
      rng_(seed) {
  set_door();
  metrics_.state.set(static_cast<std::int64_t>(breaker_.state()));
}

BreakerPermit BreakerCore::enter(const std::shared_ptr<BreakerCore>& self) noexcept {
  BreakerPermit permit;
  const TimePoint now = self->clock_.now();
  const std::uint64_t door = self->door_.load(std::memory_order_acquire);
  switch (door & kDoorMask) {
    case kClosed:
    case kDisabled:
      permit.core_ = self;
      permit.generation_ = door >> kDoorBits;
      permit.entered_ = now;
      return permit;
    case kOpen: {
      const TimePoint until(Duration(self->open_until_.load(std::memory_order_relaxed)));
      if (now < until) {
        self->metrics_.refused.add();
        permit.retry_after_ = until == kForced ? self->options_.open_for : until - now;
        return permit;
      }
      break;
    }
    default: break;
  }
  const Breaker::Entry entry = self->ask(now);
  if (!entry.entered) {
    self->metrics_.refused.add();
    permit.retry_after_ = entry.retry_after;
    return permit;
  }
  permit.core_ = self;
  permit.generation_ = entry.permit.generation;
  permit.lease_ = entry.permit.lease;
  permit.entered_ = now;
  return permit;
}

Duration BreakerCore::refusal() const noexcept {
  if ((door_.load(std::memory_order_acquire) & kDoorMask) != kOpen) return {};
  const TimePoint until(Duration(open_until_.load(std::memory_order_relaxed)));
  if (until == kForced) return options_.open_for;
  return std::max(Duration::zero(), until - clock_.now());
}

Breaker::Entry BreakerCore::ask(TimePoint now) noexcept {
  Breaker::Entry entry;
  Seen before{}, after{};
  Breaker::Opening opening;
  {
    const std::lock_guard lock(mutex_);
    before = seen();
    entry = breaker_.enter(now);
    after = seen();
    opening = breaker_.opening();
    if (before.generation != after.generation) set_door();
  }
  tell(before, after, opening);
  return entry;
}

void BreakerCore::leave(const BreakerPermit& permit, Cause cause) noexcept {
  const TimePoint now = clock_.now();
  leave(permit, policy::outcome_of(cause, now - permit.entered_, enough_), now);
}

void BreakerCore::leave_with_http_status(const BreakerPermit& permit, int status) noexcept {
  leave(permit, policy::outcome_of_http_status(status), clock_.now());
}

void BreakerCore::leave(const BreakerPermit& permit, CallOutcome outcome, TimePoint now) noexcept {
  if (process_ != fork_generation()) return;
  metrics_.ended(outcome);
  Seen before{}, after{};
  Breaker::Opening opening;
  {
    const std::lock_guard lock(mutex_);
    before = seen();
    breaker_.leave({.generation = permit.generation_, .lease = permit.lease_}, outcome,
                   now - permit.entered_, now, rng_);
    after = seen();
    opening = breaker_.opening();
    if (before.generation != after.generation) set_door();
  }
  tell(before, after, opening);
}

void BreakerCore::force(Breaker::Mode mode) noexcept {
  Seen before{}, after{};
  Breaker::Opening opening;
  {
    const std::lock_guard lock(mutex_);
    before = seen();
    breaker_.force(mode);
    after = seen();
    opening = breaker_.opening();
    set_door();
  }
  tell(before, after, opening);
}

void BreakerCore::set_door() noexcept {
  const bool is_forced = breaker_.mode() != Breaker::Mode::kAutomatic;
  Door door = kAsk;
  std::uint64_t generation = breaker_.generation();
  if (breaker_.mode() == Breaker::Mode::kDisabled) {
    door = kDisabled;
    generation = 0;
  } else if (breaker_.state() == Breaker::State::kClosed) {
    door = kClosed;
  } else if (breaker_.state() == Breaker::State::kOpen) {
    door = kOpen;
    const TimePoint until = is_forced ? kForced : breaker_.open_until();
    open_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
  }
  door_.store(generation << kDoorBits | door, std::memory_order_release);
}

void BreakerCore::tell(Seen before, Seen after, const Breaker::Opening& opening) noexcept try {
  if (before.state == after.state) return;
  metrics_.changed(after.state);
  const std::string why = why_of(after.state, opening);
  const bool is_open = after.state == Breaker::State::kOpen;
  log(is_open ? LogLevel::kWarning : LogLevel::kInfo, "breaker",
      "breaker '" + options_.name + "' is " + why);
  if (!options_.on_change) return;
  options_.on_change({.breaker = options_.name,
                      .from = static_cast<BreakerState>(before.state),
                      .to = static_cast<BreakerState>(after.state),
                      .why = why});
} catch (...) {
  return;  // a listener's; or no memory for a sentence
}

BreakerStats BreakerCore::stats() noexcept {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(mutex_);
  const policy::CallCounts counts = breaker_.counts(now);
  return {.state = static_cast<BreakerState>(breaker_.state()),
          .mode = static_cast<BreakerMode>(breaker_.mode()),
          .retry_after = breaker_.retry_after(now),
          .calls = counts.calls,
          .failures = counts.failures,
          .slow = counts.slow,
          .probing = breaker_.probing()};
}

}  // namespace tidegate::internal
