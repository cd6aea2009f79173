// SPDX-License-Identifier: Apache-2.0
//
// What the rules of tidegate/lint.hpp want to know of gates, limiters and breakers, from their
// options; and what is told in the log when one is made.
//
// The options have been checked. Any thread.
#pragma once

#include <string>
#include <vector>

#include "policy/lint.hpp"
#include "tidegate/gate.hpp"

namespace tidegate::internal {

std::vector<policy::LintLimit> lint_limits(const LimiterOptions::Values& options);
policy::LintBreaker lint_breaker(const BreakerOptions::Values& options);

// Warnings, once for each name.
void tell_of(const GateOptions::Values& gate) noexcept;
void tell_of(const LimiterOptions::Values& limiter) noexcept;
void tell_of(const BreakerOptions::Values& breaker) noexcept;

}  // namespace tidegate::internal
