// SPDX-License-Identifier: Apache-2.0
//
// Stats: what tidegate counts, as one tree. The same numbers come in two renderings:
//
//   tidegate::Stats now = tidegate::stats();
//   now.json();              // {"executor": {"cars": {"submitted": 12, …}}, …}
//   now.value("executor.cars.submitted");   // 12
//   now.prometheus();        // tidegate_executor_submitted_total{lane="cars"} 12
//
// docs/reference/metrics.md lists every metric. A duration is a small tree of its own: count,
// sum_s, p50_s, p95_s, p99_s and max_s, in seconds; the percentiles are right to an eighth.
//
// Label values are cut at 128 bytes. A metric has at most 1,000 label sets; what comes after them
// is counted under the label value "other". Numbers are those of this process: a forked child
// starts with its parent's.
//
// Thread-safety: any thread, also while others count. Cost: stats() copies every number, some
// microseconds per hundred metrics; counting is never stopped, so two numbers of one snapshot may
// be a few events apart.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tidegate {

namespace internal {
struct Snapshot;
}

// An immutable snapshot. Copying copies a pointer.
class Stats {
 public:
  // The tree as one JSON object, without white space. Never fails on what it holds.
  std::string json() const;

  // Prometheus text exposition, format 0.0.4, for a /metrics page.
  std::string prometheus() const;

  // One number of the tree by its path, "executor.cars.submitted"; nothing where there is none. A
  // label value that itself has dots is found as it is written.
  std::optional<double> value(std::string_view dotted_path) const;

  // Made by stats().
  explicit Stats(std::shared_ptr<const internal::Snapshot> snapshot) noexcept
      : snapshot_(std::move(snapshot)) {}

 private:
  std::shared_ptr<const internal::Snapshot> snapshot_;
};

// The numbers as they are now.
Stats stats();

}  // namespace tidegate
