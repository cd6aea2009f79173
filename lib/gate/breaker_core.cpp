// SPDX-License-Identifier: Apache-2.0
#include "gate/breaker_core.hpp"

#include "base/fork.hpp"
#include "base/log_record.hpp"
#include "gate/breaker_rules.hpp"

namespace tidegate::internal {

using policy::CallOutcome;

BreakerCore::BreakerCore(const BreakerOptions::Values& options, const Clock& clock,
                         std::uint64_t seed, BreakerWords* shared)
    : options_(options),
      enough_(options.slow_after),
      clock_(clock),
      process_(fork_generation()),
      metrics_(options.name),
      breaker_(shared ? *shared : own_, rules_of(options), seed,
               [this](const SharedBreaker::Change& change) { tell(change); }) {
  metrics_.state.set(static_cast<std::int64_t>(breaker_.state()));
}

BreakerPermit BreakerCore::refused(Duration retry_after) noexcept {
  BreakerPermit permit;
  permit.retry_after_ = retry_after;
  return permit;
}

BreakerPermit BreakerCore::enter(const std::shared_ptr<BreakerCore>& self) noexcept {
  BreakerPermit permit;
  const TimePoint now = self->clock_.now();
  const SharedBreaker::Entry entry = self->ask(now);
  if (!entry.entered) {
    permit.retry_after_ = entry.retry_after;
    return permit;
  }
  permit.core_ = self;
  permit.word_ = entry.permit.word;
  permit.lease_ = entry.permit.lease;
  permit.entered_ = now;
  return permit;
}

Duration BreakerCore::refusal() const noexcept {
  if (breaker_.state() != policy::Breaker::State::kOpen) return {};
  return breaker_.retry_after(clock_.now());
}

void BreakerCore::leave(const SharedBreaker::Permit& permit, TimePoint entered,
                        Cause cause) noexcept {
  const TimePoint now = clock_.now();
  const Duration took = now - entered;
  leave(permit, policy::outcome_of(cause, took, enough_), took, now);
}

void BreakerCore::leave_with_http_status(const SharedBreaker::Permit& permit, TimePoint entered,
                                         int status) noexcept {
  const TimePoint now = clock_.now();
  leave(permit, policy::outcome_of_http_status(status), now - entered, now);
}

void BreakerCore::leave(const SharedBreaker::Permit& permit, CallOutcome outcome, Duration took,
                        TimePoint now) noexcept {
  if (process_ != fork_generation()) return;
  metrics_.ended(outcome);
  breaker_.leave(permit, outcome, took, now);
}

void BreakerCore::force(policy::Breaker::Mode mode) noexcept { breaker_.force(mode, clock_.now()); }

void BreakerCore::tell(const SharedBreaker::Change& change) noexcept try {
  metrics_.changed(change.to);
  const std::string why = why_of(change.to, change.opening);
  const bool is_open = change.to == policy::Breaker::State::kOpen;
  log(is_open ? LogLevel::kWarning : LogLevel::kInfo, "breaker",
      "breaker '" + options_.name + "' is " + why);
  if (!options_.on_change) return;
  options_.on_change({.breaker = options_.name,
                      .from = static_cast<BreakerState>(change.from),
                      .to = static_cast<BreakerState>(change.to),
                      .why = why});
} catch (...) {
  return;  // a listener's; or no memory for a sentence
}

BreakerStats BreakerCore::stats() noexcept {
  const TimePoint now = clock_.now();
  const policy::CallCounts counts = breaker_.counts(now);
  return {.state = static_cast<BreakerState>(breaker_.state()),
          .mode = static_cast<BreakerMode>(breaker_.mode()),
          .retry_after = breaker_.retry_after(now),
          .calls = counts.calls,
          .failures = counts.failures,
          .slow = counts.slow,
          .probing = breaker_.probing(now)};
}

}  // namespace tidegate::internal
