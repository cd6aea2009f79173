// SPDX-License-Identifier: Apache-2.0
// What a breaker counts. One set for each name in the process; docs/reference/metrics.md says what
// each means.
#pragma once

#include <string>

#include "base/metrics.hpp"
#include "policy/breaker.hpp"
#include "policy/call_outcome.hpp"

namespace tidegate::internal {

struct BreakerMetrics {
  explicit BreakerMetrics(const std::string& breaker);
  explicit BreakerMetrics(const MetricsOf& of);

  void ended(policy::CallOutcome outcome) noexcept {
    using policy::CallOutcome;
    (outcome == CallOutcome::kSucceeded ? succeeded
     : outcome == CallOutcome::kFailed  ? failed
                                        : uncounted)
        .add();
  }
  void changed(policy::Breaker::State state) noexcept;

  Counter& refused;
  Counter& succeeded;
  Counter& failed;
  Counter& uncounted;
  Counter& opened;
  Counter& half_opened;
  Counter& closed;
  Gauge& state;
};

}  // namespace tidegate::internal
