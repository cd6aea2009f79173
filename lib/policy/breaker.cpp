// SPDX-License-Identifier: Apache-2.0
#include "policy/breaker.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tidegate::policy {

namespace {

// How many of `all` are a share of at least `rate`, where there are any.
std::uint64_t least(double rate, std::uint64_t all) noexcept {
  return std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(rate * static_cast<double>(all) - 1e-9)));
}

bool reaches(std::uint64_t some, std::uint64_t all, double rate) noexcept {
  return rate <= 1 && some >= least(rate, all);
}

}  // namespace

Breaker::Breaker(const BreakerRules& rules)
    : rules_(rules),
      // Where the rate of failures does not count, one in a row does.
      failed_probes_(rules.failure_rate <= 1 ? least(rules.failure_rate, rules.probes) : 1),
      slow_probes_(rules.slow_rate <= 1 ? least(rules.slow_rate, rules.probes)
                                        : std::numeric_limits<std::uint64_t>::max()),
      window_(rules.window) {
  leases_.reserve(rules.probes);
}

Breaker::Entry Breaker::enter(TimePoint now) noexcept {
  switch (mode_) {
    case Mode::kDisabled: return {.entered = true, .permit = {}, .retry_after = {}};
    case Mode::kForcedOpen: return {.entered = false, .permit = {}, .retry_after = rules_.open_for};
    case Mode::kForcedClosed:
    case Mode::kAutomatic: break;
  }
  if (state_ == State::kClosed) {
    return {.entered = true, .permit = {.generation = generation_}, .retry_after = {}};
  }
  if (state_ == State::kOpen) {
    if (now < open_until_) {
      return {.entered = false, .permit = {}, .retry_after = open_until_ - now};
    }
    become(State::kHalfOpen);
  }
  return enter_half_open(now);
}

Breaker::Entry Breaker::enter_half_open(TimePoint now) noexcept {
  std::erase_if(leases_, [now](const Lease& lease) { return lease.ends <= now; });
  if (probed_.calls + leases_.size() >= rules_.probes) {
    return {.entered = false, .permit = {}, .retry_after = leases_.front().ends - now};
  }
  // Sorted by their ends even where the clock goes back.
  const TimePoint ends = leases_.empty() ? now + rules_.probe_lease
                                         : std::max(now + rules_.probe_lease, leases_.back().ends);
  leases_.push_back({++last_lease_, ends});
  return {.entered = true,
          .permit = {.generation = generation_, .lease = last_lease_},
          .retry_after = {}};
}

Duration Breaker::retry_after(TimePoint now) const noexcept {
  if (mode_ == Mode::kForcedOpen) return rules_.open_for;
  if (state_ == State::kOpen) return std::max(Duration::zero(), open_until_ - now);
  if (probed_.calls + leases_.size() < rules_.probes) return Duration::zero();
  return std::max(Duration::zero(), leases_.front().ends - now);
}

void Breaker::leave(const Permit& permit, CallOutcome outcome, Duration took, TimePoint now,
                    internal::Rng& rng) noexcept {
  if (permit.generation != generation_) return;
  give_back(permit.lease);
  if (outcome == CallOutcome::kNothing) return;
  const bool failed = outcome == CallOutcome::kFailed;
  const bool slow = took > rules_.slow_after;
  if (state_ == State::kHalfOpen) {
    probe_ended(failed, slow, now, rng);
  } else {
    call_ended(failed, slow, now, rng);
  }
}

void Breaker::call_ended(bool failed, bool slow, TimePoint now, internal::Rng& rng) noexcept {
  window_.add(failed, slow, now);
  counts_ = window_.counts(now);
  in_a_row_ = failed ? in_a_row_ + 1 : 0;
  if (mode_ != Mode::kAutomatic) return;
  const Reason reason = reason_to_open();
  if (reason != Reason::kNone) open(reason, counts_, now, rng);
}

Breaker::Reason Breaker::reason_to_open() const noexcept {
  if (rules_.consecutive > 0 && in_a_row_ >= rules_.consecutive) return Reason::kConsecutive;
  if (counts_.calls < rules_.min_calls) return Reason::kNone;
  if (reaches(counts_.failures, counts_.calls, rules_.failure_rate)) return Reason::kFailures;
  if (reaches(counts_.slow, counts_.calls, rules_.slow_rate)) return Reason::kSlow;
  return Reason::kNone;
}

void Breaker::probe_ended(bool failed, bool slow, TimePoint now, internal::Rng& rng) noexcept {
  probed_.add(failed, slow);
  if (probed_.failures >= failed_probes_ || probed_.slow >= slow_probes_) {
    open(Reason::kProbes, probed_, now, rng);
  } else if (probed_.calls >= rules_.probes) {
    openings_ = 0;
    become(State::kClosed);
  }
}

void Breaker::open(Reason reason, const CallCounts& counts, TimePoint now,
                   internal::Rng& rng) noexcept {
  Duration time = std::min(rules_.open_for, rules_.max_open_for);
  for (std::uint32_t n = 0; n < openings_ && time < rules_.max_open_for; ++n) {
    time = time > rules_.max_open_for / 2 ? rules_.max_open_for : time * 2;
  }
  const Duration spread(
      static_cast<std::int64_t>(rules_.jitter * static_cast<double>(time.count())));
  const Duration lasts = rng.between(time - spread, std::min(time + spread, rules_.max_open_for));
  opening_ = {.reason = reason, .counts = counts, .lasts = lasts};
  open_until_ = now + lasts;
  ++openings_;
  become(State::kOpen);
}

void Breaker::force(Mode mode) noexcept {
  if (mode == mode_) return;
  mode_ = mode;
  openings_ = 0;
  if (mode == Mode::kForcedOpen) opening_ = {.reason = Reason::kForced, .counts = {}, .lasts = {}};
  become(mode == Mode::kForcedOpen ? State::kOpen : State::kClosed);
}

void Breaker::become(State state) noexcept {
  state_ = state;
  ++generation_;
  window_.clear();
  counts_ = {};
  in_a_row_ = 0;
  leases_.clear();
  probed_ = {};
}

void Breaker::give_back(std::uint64_t lease) noexcept {
  if (lease == 0) return;
  std::erase_if(leases_, [lease](const Lease& each) { return each.id == lease; });
}

}  // namespace tidegate::policy
