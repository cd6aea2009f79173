// SPDX-License-Identifier: Apache-2.0
// What a lane counts. One set for each lane name in the process; docs/reference/metrics.md says
// what each means.
#pragma once

#include <string>

#include "base/metrics.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

struct LaneMetrics {
  explicit LaneMetrics(const std::string& lane);
  explicit LaneMetrics(const MetricsOf& of);

  // A call ended with `outcome` (OK: fresh); `degraded` if a fallback stood in.
  void settled(const Status& outcome) noexcept;

  Counter& submitted;
  Counter& fresh;
  Counter& failed;
  Counter& timed_out;
  Counter& cancelled;
  Counter& closed;
  Counter& shed_queue_full;
  Counter& shed_admission;
  Counter& shed_saturated;
  Counter& shed_gate;
  Counter& late_results;
  Gauge& queued;
  Gauge& running;
  Gauge& at_gate;
  Gauge& zombies;
  Gauge& threads;
  Histogram& queue_wait;
  Histogram& run_time;
  Histogram& overrun;
  Histogram& lateness;
};

}  // namespace tidegate::internal
