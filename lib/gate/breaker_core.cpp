// SPDX-License-Identifier: Apache-2.0
#include "gate/breaker_core.hpp"

#include <utility>

#include "base/fork.hpp"
#include "base/log_record.hpp"
#include "gate/breaker_rules.hpp"

namespace tidegate::internal {

BreakerCore::BreakerCore(const BreakerOptions::Values& options, const Clock& clock,
                         std::uint64_t seed, BreakerWords* shared)
    : options_(options),
      enough_(options.slow_after),
      clock_(clock),
      lag_(clock.lag()),
      process_(fork_generation()),
      metrics_(options.name),
      breaker_(shared ? *shared : own_, rules_of(options), seed,
               [this](const SharedBreaker::Change& change) { tell(change); }) {
  metrics_.state.set(static_cast<std::int64_t>(breaker_.state()));
}

BreakerPermit BreakerCore::enter_slowly(const std::shared_ptr<BreakerCore>& self,
                                        TimePoint now) noexcept {
  const SharedBreaker::Entry entry = self->ask(now);
  if (!entry.entered) return BreakerPermit(entry.retry_after);
  return {self, entry.permit.word, entry.permit.lease, now};
}

// Whoever asks for no permit has seen nothing; then the others are asked all the same.
Duration BreakerCore::refusal_slowly() const noexcept {
  if (remote_ && breaker_.has_to_look()) remote_->looked();
  const Duration open = breaker_.retry_after(clock_.now());
  return open > Duration::zero() ? open + lag_ : open;
}

void BreakerCore::share(Loop& loop, std::shared_ptr<RemoteOpenings> openings,
                        const std::shared_ptr<void>& owner, std::uint64_t seed) {
  remote_ = std::make_shared<RemoteBreaker>(loop, options_.name, std::move(openings), seed);
  breaker_.watch([remote = remote_.get()] { remote->looked(); });
  remote_->attach(std::shared_ptr<SharedBreaker>(owner, &breaker_));
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
  const RemoteBreakerMetrics* const remote = remote_ ? &remote_->metrics() : nullptr;
  return {.state = static_cast<BreakerState>(breaker_.state()),
          .mode = static_cast<BreakerMode>(breaker_.mode()),
          .retry_after = breaker_.retry_after(now),
          .calls = counts.calls,
          .failures = counts.failures,
          .slow = counts.slow,
          .probing = breaker_.probing(now),
          .redis_answers = remote ? remote->answers.value() : 0,
          .redis_failures = remote ? remote->failures.value() : 0};
}

}  // namespace tidegate::internal
