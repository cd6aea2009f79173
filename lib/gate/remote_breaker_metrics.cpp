// SPDX-License-Identifier: Apache-2.0
#include "gate/remote_breaker_metrics.hpp"

namespace tidegate::internal {

RemoteBreakerMetrics::RemoteBreakerMetrics(const std::string& breaker)
    : RemoteBreakerMetrics(MetricsOf("breaker", breaker)) {}

RemoteBreakerMetrics::RemoteBreakerMetrics(const MetricsOf& of)
    : answers(of.counter("breaker.redis_answers", "Questions that Redis has answered")),
      failures(of.counter("breaker.redis_failures", "Questions that Redis has not answered")),
      told(of.counter("breaker.redis_changes", "Changes that other processes have brought about")) {
}

}  // namespace tidegate::internal
