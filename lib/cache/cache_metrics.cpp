// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_metrics.hpp"

namespace tidegate::internal {

namespace {

Counter& landed_as(const MetricsOf& of, const char* outcome) {
  return of.counter("cache.landed", {"outcome", outcome}, "Loads that ended, by how");
}

}  // namespace

CacheMetrics::CacheMetrics(const std::string& cache) : CacheMetrics(MetricsOf("cache", cache)) {}

CacheMetrics::CacheMetrics(const MetricsOf& of)
    : loads(of.counter("cache.loads", "Loads begun, one for all who want the key")),
      joined(of.counter("cache.joined", "Callers that waited for somebody else's load")),
      refreshes(of.counter("cache.refreshes", "Loads begun ahead of the end of a ttl")),
      scheduled(of.counter("cache.scheduled", "Runs of scheduled refreshes")),
      late_loads(of.counter("cache.late_loads", "Values that came after their load timeout")),
      loaded(landed_as(of, "loaded")),
      failed(landed_as(of, "failed")),
      timed_out(landed_as(of, "deadline")),
      flights(of.gauge("cache.flights", "Loads under way")),
      load_time(of.histogram("cache.load_time", "From the begin of a load to its end")) {}

void CacheMetrics::landed(const Status& outcome) noexcept {
  if (outcome.ok()) return loaded.add();
  (outcome.cause() == Cause::kDeadline ? timed_out : failed).add();
}

}  // namespace tidegate::internal
