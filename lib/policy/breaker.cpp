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

Breaker::Breaker(const BreakerRules& rules) noexcept
    : rules_(rules),
      // Where the rate of failures does not count, one in a row does.
      failed_probes_(rules.failure_rate <= 1 ? least(rules.failure_rate, rules.probes) : 1),
      slow_probes_(rules.slow_rate <= 1 ? least(rules.slow_rate, rules.probes)
                                        : std::numeric_limits<std::uint64_t>::max()) {}

Breaker::Reason Breaker::reason_to_open(const CallCounts& counts,
                                        std::uint64_t in_a_row) const noexcept {
  if (rules_.consecutive > 0 && in_a_row >= rules_.consecutive) return Reason::kConsecutive;
  if (counts.calls < rules_.min_calls) return Reason::kNone;
  if (reaches(counts.failures, counts.calls, rules_.failure_rate)) return Reason::kFailures;
  if (reaches(counts.slow, counts.calls, rules_.slow_rate)) return Reason::kSlow;
  return Reason::kNone;
}

Breaker::Verdict Breaker::judge_probes(const CallCounts& probed) const noexcept {
  if (probed.failures >= failed_probes_ || probed.slow >= slow_probes_) return Verdict::kOpen;
  return probed.calls >= rules_.probes ? Verdict::kClose : Verdict::kWait;
}

Duration Breaker::open_time(std::uint32_t openings, internal::Rng& rng) const noexcept {
  Duration time = std::min(rules_.open_for, rules_.max_open_for);
  for (std::uint32_t n = 0; n < openings && time < rules_.max_open_for; ++n) {
    time = time > rules_.max_open_for / 2 ? rules_.max_open_for : time * 2;
  }
  const Duration spread(
      static_cast<std::int64_t>(rules_.jitter * static_cast<double>(time.count())));
  const Duration drawn = rng.between(time - spread, std::min(time + spread, rules_.max_open_for));
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(drawn);
  return std::max<Duration>(whole, std::chrono::milliseconds(1));
}

}  // namespace tidegate::policy
