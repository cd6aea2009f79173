// SPDX-License-Identifier: Apache-2.0
// What a keyed limiter counts, of all its keys together: there is no label for a key.
#pragma once

#include <string>

#include "gate/limiter_metrics.hpp"
#include "tidegate/keyed_limiter.hpp"

namespace tidegate::internal {

struct KeyedMetrics : LimiterMetrics {
  explicit KeyedMetrics(const std::string& limiter);
  explicit KeyedMetrics(const MetricsOf& of);

  Gauge& keys;
  Counter& forgotten;
  Counter& crowded;
};

KeyedLimiterStats stats_of(const KeyedMetrics& metrics);

}  // namespace tidegate::internal
