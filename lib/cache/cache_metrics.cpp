// SPDX-License-Identifier: Apache-2.0
#include "cache/cache_metrics.hpp"

namespace tidegate::internal {

namespace {

struct Maker {
  const std::string& cache;

  Counter& counter(const char* path, const char* help) const {
    return Registry::global().counter(path, {{"cache", cache}}, help);
  }
  Counter& landed(const char* outcome) const {
    return Registry::global().counter("cache.landed", {{"cache", cache}, {"outcome", outcome}},
                                      "Loads that ended, by how");
  }
};

}  // namespace

CacheMetrics::CacheMetrics(const std::string& cache)
    : loads(Maker{cache}.counter("cache.loads", "Loads begun, one for all who want the key")),
      joined(Maker{cache}.counter("cache.joined", "Callers that waited for somebody else's load")),
      refreshes(Maker{cache}.counter("cache.refreshes", "Loads begun ahead of the end of a ttl")),
      late_loads(
          Maker{cache}.counter("cache.late_loads", "Values that came after their load timeout")),
      loaded(Maker{cache}.landed("loaded")),
      failed(Maker{cache}.landed("failed")),
      timed_out(Maker{cache}.landed("deadline")),
      flights(Registry::global().gauge("cache.flights", {{"cache", cache}}, "Loads under way")),
      load_time(Registry::global().histogram("cache.load_time", {{"cache", cache}},
                                             "From the begin of a load to its end")) {}

void CacheMetrics::landed(const Status& outcome) noexcept {
  if (outcome.ok()) return loaded.add();
  (outcome.cause() == Cause::kDeadline ? timed_out : failed).add();
}

}  // namespace tidegate::internal
