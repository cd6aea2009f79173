// SPDX-License-Identifier: Apache-2.0
#include "gate/remote_metrics.hpp"

namespace tidegate::internal {

RemoteMetrics::RemoteMetrics(const std::string& limiter)
    : RemoteMetrics(MetricsOf("gate", limiter)) {}

RemoteMetrics::RemoteMetrics(const MetricsOf& of)
    : decisions(of.counter("gate.redis_decisions", "Starts that Redis has decided about")),
      failures(of.counter("gate.redis_failures", "Starts that Redis could not be asked about")),
      time(of.histogram("gate.redis_time", "From the question to Redis to its answer")) {}

}  // namespace tidegate::internal
