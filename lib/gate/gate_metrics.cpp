// SPDX-License-Identifier: Apache-2.0
#include "gate/gate_metrics.hpp"

namespace tidegate::internal {

GateMetrics::GateMetrics(const std::string& gate) : GateMetrics(MetricsOf("gate", gate)) {}

GateMetrics::GateMetrics(const MetricsOf& of)
    : LimiterMetrics(of),
      circuit_open(of.counter("gate.circuit_open", "Starts refused because the breaker is open")),
      inside(of.gauge("gate.inside", "Calls that have started and not ended")) {}

}  // namespace tidegate::internal
