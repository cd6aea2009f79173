// SPDX-License-Identifier: Apache-2.0
//
// The rules of tidegate/lint.hpp, over figures: who makes a client or a gate has them from options,
// lint() from settings.
//
//   for (Finding& finding : lint_client({.timeout = {1s, kSetInCode}, …}, nullptr)) …
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tidegate/lint.hpp"

namespace tidegate::policy {

// A time, and where it was set: Config::nearness(). 0: it is a default.
struct SetTime {
  Duration time{};
  int nearness = 0;
};

struct LintClient {
  SetTime timeout;
  SetTime attempt_timeout;
  SetTime connect_timeout;
  SetTime pool_timeout;
  SetTime read_timeout;
  SetTime hedge_delay;  // zero: as it learns
  bool hedges = false;
};

struct LintBreaker {
  SetTime window;
  SetTime slow_after;        // zero: none is slow
  bool knows_shares = true;  // a share of failed or slow calls opens it
  std::uint64_t min_calls = 0;
  bool is_of_client = false;  // its settings are for the very client that it is looked at with
};

// So many starts in a time, `burst` of them at once; a pace is one in its interval.
struct LintLimit {
  std::uint64_t permits = 0;
  Duration per{};
  std::uint64_t burst = 1;
};

struct LintWorkers {
  std::size_t count = 1;
  std::string_view said_by;  // "WEB_CONCURRENCY"
};

// `breaker`: of its gate; null: none.
std::vector<Finding> lint_client(const LintClient& client, const LintBreaker* breaker);
// `breaker`: null where none is opened by a share, or it has none.
std::optional<Finding> lint_gate(std::span<const LintLimit> limits, const LintBreaker* breaker);
// Of what counts in one process alone. `opens_after`: calls that its breaker has to see; 0: it has none.
std::optional<Finding> lint_workers(const LintWorkers& workers, std::span<const LintLimit> limits,
                                    std::uint64_t opens_after);

}  // namespace tidegate::policy
