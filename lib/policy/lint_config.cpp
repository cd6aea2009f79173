// SPDX-License-Identifier: Apache-2.0
// The figures of settings, and what the rules find in them.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "policy/lint.hpp"

namespace tidegate {

namespace {

using policy::LintBreaker;
using policy::LintClient;
using policy::LintLimit;
using policy::SetTime;

template <class Source>
SetTime time_of(const Source& source, std::string_view key) {
  return {source.duration(key), source.nearness(key)};
}

template <class Source>
LintClient client_of(const Source& source) {
  return {.timeout = time_of(source, "http.timeout"),
          .attempt_timeout = time_of(source, "http.attempt_timeout"),
          .connect_timeout = time_of(source, "http.connect_timeout"),
          .pool_timeout = time_of(source, "http.pool_timeout"),
          .read_timeout = time_of(source, "http.read_timeout"),
          .hedge_delay = time_of(source, "http.hedge_delay"),
          .hedges = source.boolean("http.hedge")};
}

template <class Source>
LintBreaker breaker_of(const Source& source) {
  SetTime slow_after = time_of(source, "breaker.slow_after");
  if (source.number("breaker.slow_rate") == 0) slow_after.time = Duration::zero();
  const bool knows_slow = slow_after.time > Duration::zero();
  return {.window = time_of(source, "breaker.window"),
          .slow_after = slow_after,
          .knows_shares = source.integer("breaker.consecutive") == 0 &&
                          (source.number("breaker.failure_rate") > 0 || knows_slow),
          .min_calls = static_cast<std::uint64_t>(source.integer("breaker.min_calls")),
          .is_of_client = true};
}

template <class Source>
std::vector<LintLimit> limits_of(const Source& source) {
  std::vector<LintLimit> limits;
  if (const auto permits = source.integer("gate.rate"); permits > 0) {
    limits.push_back({.permits = static_cast<std::uint64_t>(permits),
                      .per = source.duration("gate.rate_per"),
                      .burst = static_cast<std::uint64_t>(source.integer("gate.burst"))});
  }
  if (const Duration pace = source.duration("gate.pace"); pace > Duration::zero()) {
    limits.push_back({.permits = 1, .per = pace, .burst = 1});
  }
  return limits;
}

template <class Source>
std::vector<Finding> findings_in(const Source& source, std::size_t count) {
  const bool has_breaker = source.boolean("gate.breaker");
  const LintBreaker breaker = breaker_of(source);
  const std::vector<LintLimit> limits = limits_of(source);
  auto findings = policy::lint_client(client_of(source), has_breaker ? &breaker : nullptr);
  const auto add = [&](std::optional<Finding> found) {
    if (found) findings.push_back(*std::move(found));
  };
  add(policy::lint_gate(limits, has_breaker ? &breaker : nullptr));
  const std::string share = source.text("gate.share");
  if (share != "process") return findings;  // and its breaker
  const auto consecutive = static_cast<std::uint64_t>(source.integer("breaker.consecutive"));
  const bool is_alone = has_breaker && source.text("breaker.share") == "process";
  const std::uint64_t opens_after = consecutive > 0 ? consecutive : breaker.min_calls;
  add(policy::lint_workers({count, "side by side"}, limits, is_alone ? opens_after : 0));
  return findings;
}

}  // namespace

std::vector<Finding> lint(const Config& config, std::size_t workers) {
  std::vector<Finding> all = findings_in(config, workers);
  const std::size_t of_everybody = all.size();
  for (const std::string& name : config.services()) {
    for (Finding& found : findings_in(Service::from(config, name), workers)) {
      const auto is_said = [&](const Finding& said) { return said.text == found.text; };
      const auto end = all.begin() + static_cast<std::ptrdiff_t>(of_everybody);
      if (std::any_of(all.begin(), end, is_said)) continue;
      found.service = name;
      all.push_back(std::move(found));
    }
  }
  return all;
}

}  // namespace tidegate
