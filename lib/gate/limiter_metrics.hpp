// SPDX-License-Identifier: Apache-2.0
// What a limiter counts. One set for each limiter name in the process; docs/reference/metrics.md
// says what each means.
#pragma once

#include <string>

#include "base/metrics.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::internal {

struct LimiterMetrics {
  explicit LimiterMetrics(const std::string& limiter);
  explicit LimiterMetrics(const MetricsOf& of);

  Counter& granted;
  Counter& refused;
  Counter& lost;
  Counter& penalties;
  Counter& resets;
  Gauge& waiting;
  Histogram& wait;
};

LimiterStats stats_of(const LimiterMetrics& metrics);

}  // namespace tidegate::internal
