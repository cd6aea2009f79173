// SPDX-License-Identifier: Apache-2.0
//
// A breaker's options as its rules, and its changes as words.
#pragma once

#include <string>

#include "policy/breaker.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate::internal {

policy::BreakerRules rules_of(const BreakerOptions::Values& options) noexcept;

// "open for 5.2 s: 10 of 20 calls failed"
std::string why_of(policy::Breaker::State state, const policy::Breaker::Opening& opening);

}  // namespace tidegate::internal
