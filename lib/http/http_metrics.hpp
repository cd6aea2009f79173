// SPDX-License-Identifier: Apache-2.0
//
// What a client counts; docs/reference/metrics.md says what each means. Clients of one name in a
// process share it. Any thread.
#pragma once

#include <array>
#include <string>

#include "base/metrics.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class HttpMetrics {
 public:
  explicit HttpMetrics(const std::string& client);

  void ended(const Status& outcome, Duration total) noexcept;

 private:
  explicit HttpMetrics(const MetricsOf& of);
  static constexpr std::size_t kCauses = static_cast<std::size_t>(kLastCause) + 1;
  std::array<Counter*, kCauses> outcomes_{};  // by cause; kNone is a response

 public:
  Counter& requests;
  Counter& responses;
  Counter& failures;
  Counter& opened;
  Counter& reused;
  Counter& resent;
  Counter& retries;
  Counter& paced;
  Counter& out_of_budget;
  Counter& hedges;
  Counter& hedge_wins;
  Gauge& in_flight;
  Gauge& waiting;
  Histogram& queue_time;
  Histogram& time;
};

}  // namespace tidegate::internal
