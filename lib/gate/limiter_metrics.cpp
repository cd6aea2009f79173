// SPDX-License-Identifier: Apache-2.0
#include "gate/limiter_metrics.hpp"

namespace tidegate::internal {

LimiterMetrics::LimiterMetrics(const std::string& limiter)
    : LimiterMetrics(MetricsOf("gate", limiter)) {}

LimiterMetrics::LimiterMetrics(const MetricsOf& of)
    : granted(of.counter("gate.granted", "Starts let through")),
      refused(of.counter("gate.refused", "Starts refused at once or at their deadline")),
      lost(of.counter("gate.lost", "Slots that nobody could have")),
      penalties(of.counter("gate.penalties", "Times that all starts were put off")),
      resets(of.counter("gate.resets", "Shared words that were broken and were set anew")),
      waiting(of.gauge("gate.waiting", "Starts that wait for their turn")),
      wait(of.histogram("gate.wait", "From the wish to start to its turn")) {}

LimiterStats stats_of(const LimiterMetrics& metrics) {
  return {.granted = metrics.granted.value(),
          .refused = metrics.refused.value(),
          .lost = metrics.lost.value(),
          .penalties = metrics.penalties.value(),
          .waiting = static_cast<std::size_t>(metrics.waiting.value())};
}

}  // namespace tidegate::internal
