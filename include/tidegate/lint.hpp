// SPDX-License-Identifier: Apache-2.0
//
// lint(): what is wrong with settings that are each right by themselves.
//
//   for (const tidegate::Finding& finding : tidegate::lint(config, tidegate::expected_workers())) {
//     std::cerr << (finding.refuses ? "refused: " : "warning: ") << finding.to_string() << '\n';
//   }
//
// A client, a gate, a limiter and a breaker look at the same rules when they are made, also where
// their options come from code. What contradicts itself is refused there, with the cause config and
// before anything is opened; what is doubtful is a warning in the log, once in a process for each
// name. Both have the figures and the names of the keys.
//
// Where one time can never say anything, because another one ends the call before:
//   * Both were set in the same place (Config::nearness()): refused. Neither can be what was meant.
//   * The other one was set nearer, or it was set and this one is a default: nothing is said. It
//     bounds this one, as it was meant to.
//   * This one was set nearer: a warning.
//
// What cannot be known from settings is not here: a weight beyond the burst is refused where it is
// asked for, and attempts around attempts are told of by who makes the outer ones (Python's
// `tidegate.retry`).
//
// Pure, and a value; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidegate/config.hpp"

namespace tidegate {

struct LintRule {
  std::string_view name;     // "attempt_timeout"
  std::string_view outcome;  // "refused", "warning", or "refused, warning" by where they were set
  std::string_view keys;     // that it is about, with commas between them
  std::string_view help;     // one sentence
};

// All of them, in the order in which lint() looks at them. The texts live for ever.
std::span<const LintRule> lint_rules() noexcept;

struct Finding {
  std::string_view rule;  // its name
  bool refuses = false;   // what is made of these settings is refused; else it warns
  std::string service;    // whose settings; empty: everybody's
  std::string text;       // one line

  // With the service before it.
  std::string to_string() const;
};

// Of the settings of everybody, and then of each service what is its own. `workers`: so many
// processes of the program work side by side.
std::vector<Finding> lint(const Config& config, std::size_t workers = 1);

}  // namespace tidegate
