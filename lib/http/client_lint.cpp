// SPDX-License-Identifier: Apache-2.0
#include "http/client_lint.hpp"

#include <optional>
#include <string>
#include <vector>

#include "gate/gate_lint.hpp"
#include "policy/lint.hpp"
#include "tidegate/log.hpp"

namespace tidegate::internal {

namespace {

std::vector<Finding> findings_in(const ClientOptions::Values& options) {
  const auto& set = options.nearness;
  const policy::LintClient client{.timeout = {options.timeout, set.timeout},
                                  .attempt_timeout = {options.attempt_timeout, set.attempt_timeout},
                                  .connect_timeout = {options.connect_timeout, set.connect_timeout},
                                  .pool_timeout = {options.pool_timeout, set.pool_timeout},
                                  .read_timeout = {options.read_timeout, set.read_timeout},
                                  .hedge_delay = {options.hedge_delay, set.hedge_delay},
                                  .hedges = options.hedge};
  if (!options.gate || !options.gate->options().breaker) {
    return policy::lint_client(client, nullptr);
  }
  const GateOptions::Values& gate = options.gate->options();
  policy::LintBreaker breaker = lint_breaker(gate.breaker->values());
  breaker.is_of_client = gate.name == options.name;
  return policy::lint_client(client, &breaker);
}

std::string named(const ClientOptions::Values& options) { return "client '" + options.name + "'"; }

}  // namespace

Status contradiction_in(const ClientOptions::Values& options) {
  for (const Finding& finding : findings_in(options)) {
    if (finding.refuses) return Status(Cause::kConfig, named(options) + ": " + finding.text);
  }
  return {};
}

void tell_of(const ClientOptions::Values& options) noexcept try {
  for (const Finding& finding : findings_in(options)) {
    if (!finding.refuses) warn_once(finding.rule, named(options), finding.text);
  }
} catch (...) {
  return;  // no memory
}

}  // namespace tidegate::internal
