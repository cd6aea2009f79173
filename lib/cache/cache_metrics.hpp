// SPDX-License-Identifier: Apache-2.0
// What a cache counts beside its store. One set for each cache name in the process;
// docs/reference/metrics.md says what each means.
#pragma once

#include <string>

#include "base/metrics.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

struct CacheMetrics {
  explicit CacheMetrics(const std::string& cache);
  explicit CacheMetrics(const MetricsOf& of);

  // A flight ended with `outcome`.
  void landed(const Status& outcome) noexcept;

  Counter& loads;
  Counter& joined;
  Counter& refreshes;
  Counter& scheduled;
  Counter& late_loads;
  Counter& loaded;
  Counter& failed;
  Counter& timed_out;
  Gauge& flights;
  Histogram& load_time;
};

}  // namespace tidegate::internal
