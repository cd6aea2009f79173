// SPDX-License-Identifier: Apache-2.0
// What a gate counts: what a limiter does, and what is a gate's alone. One set for each name in the
// process; docs/reference/metrics.md says what each means.
#pragma once

#include <string>

#include "gate/limiter_metrics.hpp"

namespace tidegate::internal {

struct GateMetrics : LimiterMetrics {
  explicit GateMetrics(const std::string& gate);
  explicit GateMetrics(const MetricsOf& of);

  Counter& circuit_open;
  Gauge& inside;
};

}  // namespace tidegate::internal
