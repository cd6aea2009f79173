// SPDX-License-Identifier: Apache-2.0
#include "gate/gate_lint.hpp"

#include <optional>

#include "gate/worker_count.hpp"
#include "tidegate/log.hpp"

namespace tidegate::internal {

namespace {

std::uint64_t opens_after(const BreakerOptions::Values& breaker) noexcept {
  return static_cast<std::uint64_t>(breaker.consecutive > 0 ? breaker.consecutive
                                                            : breaker.min_calls);
}

void tell(const std::string& name, const std::optional<Finding>& finding) {
  if (finding) warn_once(finding->rule, name, finding->text);
}

}  // namespace

std::vector<policy::LintLimit> lint_limits(const LimiterOptions::Values& options) {
  std::vector<policy::LintLimit> limits;
  limits.reserve(options.rates.size() + 1);
  for (const LimiterOptions::Rate& rate : options.rates) {
    limits.push_back({.permits = rate.permits, .per = rate.per, .burst = rate.burst});
  }
  if (options.pace.is_set) {
    limits.push_back({.permits = 1, .per = options.pace.interval, .burst = 1});
  }
  return limits;
}

policy::LintBreaker lint_breaker(const BreakerOptions::Values& options) {
  const bool knows_slow = options.slow_rate > 0 && options.slow_after > Duration::zero();
  return {.window = {options.window, options.window_nearness},
          .slow_after = {knows_slow ? options.slow_after : Duration::zero(),
                         options.slow_after_nearness},
          .knows_shares = options.consecutive == 0 && (options.failure_rate > 0 || knows_slow),
          .min_calls = static_cast<std::uint64_t>(options.min_calls)};
}

void tell_of(const GateOptions::Values& gate) noexcept try {
  const std::string name = "gate '" + gate.name + "'";
  const auto limits = lint_limits(gate.limits.values());
  std::optional<policy::LintBreaker> breaker;
  if (gate.breaker) breaker = lint_breaker(gate.breaker->values());
  tell(name, policy::lint_gate(limits, breaker ? &*breaker : nullptr));
  const bool shares_limits = gate.limits.values().share != Share::kProcess;
  const bool is_alone = gate.breaker && gate.breaker->values().share == Share::kProcess;
  tell(name, policy::lint_workers(workers_seen(),
                                  shares_limits ? std::vector<policy::LintLimit>() : limits,
                                  is_alone ? opens_after(gate.breaker->values()) : 0));
} catch (...) {
  return;  // no memory
}

void tell_of(const LimiterOptions::Values& limiter) noexcept try {
  if (limiter.share != Share::kProcess) return;
  tell("limiter '" + limiter.name + "'",
       policy::lint_workers(workers_seen(), lint_limits(limiter), 0));
} catch (...) {
  return;  // no memory
}

void tell_of(const BreakerOptions::Values& breaker) noexcept try {
  if (breaker.share != Share::kProcess) return;
  tell("breaker '" + breaker.name + "'",
       policy::lint_workers(workers_seen(), {}, opens_after(breaker)));
} catch (...) {
  return;  // no memory
}

}  // namespace tidegate::internal
