// SPDX-License-Identifier: Apache-2.0
// What a limiter counts that is shared over the network, beside limiter_metrics.hpp; of one name in
// the process.
#pragma once

#include <string>

#include "base/metrics.hpp"

namespace tidegate::internal {

struct RemoteMetrics {
  explicit RemoteMetrics(const std::string& limiter) : RemoteMetrics(MetricsOf("gate", limiter)) {}
  explicit RemoteMetrics(const MetricsOf& of)
      : decisions(of.counter("gate.redis_decisions", "Starts that Redis has decided about")),
        failures(of.counter("gate.redis_failures", "Starts that Redis could not be asked about")),
        time(of.histogram("gate.redis_time", "From the question to Redis to its answer")) {}

  Counter& decisions;
  Counter& failures;
  Histogram& time;
};

}  // namespace tidegate::internal
