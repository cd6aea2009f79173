// SPDX-License-Identifier: Apache-2.0
#include "gate/breaker_metrics.hpp"

namespace tidegate::internal {

namespace {

using policy::Breaker;

Counter& ended_as(const MetricsOf& of, const char* outcome) {
  return of.counter("breaker.calls", {"outcome", outcome}, "Calls that entered and have ended");
}
Counter& became(const MetricsOf& of, const char* state) {
  return of.counter("breaker.changes", {"state", state}, "Changes of state, by the new one");
}

}  // namespace

BreakerMetrics::BreakerMetrics(const std::string& breaker)
    : BreakerMetrics(MetricsOf("breaker", breaker)) {}

BreakerMetrics::BreakerMetrics(const MetricsOf& of)
    : refused(of.counter("breaker.refused", "Calls refused at once")),
      succeeded(ended_as(of, "success")),
      failed(ended_as(of, "failure")),
      uncounted(ended_as(of, "uncounted")),
      opened(became(of, "open")),
      half_opened(became(of, "half_open")),
      closed(became(of, "closed")),
      state(of.gauge("breaker.state", "The state: 0 closed, 1 open, 2 half open", Across::kMost)) {}

void BreakerMetrics::changed(Breaker::State to) noexcept {
  state.set(static_cast<std::int64_t>(to));
  switch (to) {
    case Breaker::State::kClosed: return closed.add();
    case Breaker::State::kOpen: return opened.add();
    case Breaker::State::kHalfOpen: return half_opened.add();
  }
}

}  // namespace tidegate::internal
