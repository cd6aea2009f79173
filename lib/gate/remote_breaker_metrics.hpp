// SPDX-License-Identifier: Apache-2.0
// What a breaker counts whose openings are shared over the network, beside breaker_metrics.hpp. One set
// for each name in the process; docs/reference/metrics.md says what each means.
#pragma once

#include <string>

#include "base/metrics.hpp"

namespace tidegate::internal {

struct RemoteBreakerMetrics {
  explicit RemoteBreakerMetrics(const std::string& breaker);
  explicit RemoteBreakerMetrics(const MetricsOf& of);

  Counter& answers;
  Counter& failures;
  Counter& told;
};

}  // namespace tidegate::internal
