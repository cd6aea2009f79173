// SPDX-License-Identifier: Apache-2.0
#include "gate/keyed_metrics.hpp"

namespace tidegate::internal {

KeyedMetrics::KeyedMetrics(const std::string& limiter) : KeyedMetrics(MetricsOf("gate", limiter)) {}

KeyedMetrics::KeyedMetrics(const MetricsOf& of)
    : LimiterMetrics(of),
      keys(of.gauge("gate.keys", "Keys that a keyed limiter keeps")),
      forgotten(of.counter("gate.forgotten", "Idle keys that a keyed limiter forgot")),
      crowded(
          of.counter("gate.crowded", "Starts asked for by keys that had to count with others")) {}

KeyedLimiterStats stats_of(const KeyedMetrics& metrics) {
  return {.granted = metrics.granted.value(),
          .refused = metrics.refused.value(),
          .lost = metrics.lost.value(),
          .penalties = metrics.penalties.value(),
          .waiting = static_cast<std::size_t>(metrics.waiting.value()),
          .keys = static_cast<std::size_t>(metrics.keys.value()),
          .forgotten = metrics.forgotten.value(),
          .crowded = metrics.crowded.value()};
}

}  // namespace tidegate::internal
