// SPDX-License-Identifier: Apache-2.0
//
// What the resolver of a process counts.
#pragma once

#include "base/metrics.hpp"

namespace tidegate::internal {

struct DnsMetrics {
  DnsMetrics();

  Counter& lookups;
  Counter& failures;
  Counter& hits;
  Counter& stale;
  Gauge& in_flight;
  Gauge& zombies;
  Histogram& time;
};

}  // namespace tidegate::internal
