// SPDX-License-Identifier: Apache-2.0
// What a limiter counts that is shared over the network, beside limiter_metrics.hpp. One set for each
// limiter name in the process; docs/reference/metrics.md says what each means.
#pragma once

#include <string>

#include "base/metrics.hpp"

namespace tidegate::internal {

struct RemoteMetrics {
  explicit RemoteMetrics(const std::string& limiter);
  explicit RemoteMetrics(const MetricsOf& of);

  Counter& decisions;
  Counter& failures;
  Histogram& time;
};

}  // namespace tidegate::internal
