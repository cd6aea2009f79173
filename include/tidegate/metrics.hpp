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
// is counted under the label value "other".
//
// Numbers are those of this process, and a forked child starts with its parent's. Processes that
// share a directory are otherwise: a child starts at zero, and each of them can speak for all.
//
//   tidegate::share_stats("/run/cars");                      // in each worker, or before the fork
//   tidegate::stats(tidegate::StatsOf::kAllWorkers).prometheus();   // in any of them
//
// Thread-safety: any thread, also while others count. Cost: stats() copies every number, some
// microseconds per hundred metrics; counting is never stopped, so two numbers of one snapshot may
// be a few events apart.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidegate/status.hpp"

namespace tidegate {

namespace internal {
struct Snapshot;
class Counter;
class Gauge;
}  // namespace internal

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

enum class StatsOf { kThisProcess, kAllWorkers };

// The numbers as they are now.
//
// Of all workers: counters and durations are the sum over the processes that share the directory,
// those that have ended included, however they ended; they do not go down when one is killed.
// Gauges are the sum over those that live (of `breaker.state` and what Redis says of itself: the
// highest). `workers.alive` says how many that are. Files that are broken or somebody else's are
// left out and counted in `workers.unreadable`. Without share_stats() it is this process alone.
// Cost: a read of each file, 1 ms for four processes of forty durations; no lock is waited for.
Stats stats(StatsOf whose = StatsOf::kThisProcess);

// A number of the program's own, beside those of the library: in the same tree, on the same pages,
// and over all workers in the same way.
//
//   tidegate::OwnCounter answers("server.requests", {{"status", "200"}}, "Requests answered");
//   answers.add();          // tidegate_server_requests_total{status="200"} 1
//
// Two of one path and one set of labels are one number. The path is words of small letters, digits
// and underscores with dots between them; where it is not, or is a number of another kind already,
// the constructor throws std::logic_error. Thread-safety: any thread. Cost: add() 2 ns; the
// constructor looks the metric up, so one is made and kept.
using OwnLabels = std::vector<std::pair<std::string, std::string>>;

class OwnCounter {
 public:
  OwnCounter(std::string_view path, const OwnLabels& labels, std::string_view help);
  void add(std::uint64_t n = 1) noexcept;

 private:
  internal::Counter* counter_;
};

class OwnGauge {
 public:
  OwnGauge(std::string_view path, const OwnLabels& labels, std::string_view help);
  void add(std::int64_t n) noexcept;
  void set(std::int64_t n) noexcept;

 private:
  internal::Gauge* gauge_;
};

// The ids of the living processes that share the directory, this one first; this one alone without.
std::vector<std::int64_t> workers();

// From now on what this process counts lies in a file in `directory`, for all processes that share
// it; so do those that it forks from here on, each in a file of its own. What it has counted before
// is taken along. The directory is made if it is not there, with mode 0700; it has to belong to
// this user and to be closed to others. /dev/shm is a good place for it: nothing is written to a
// disk, and counting costs the same as before.
//
// Once for each process, before it starts its work: what other threads count in the microseconds of
// this call may be lost. Again with the same directory does nothing. What later finds no room there
// is counted in this process alone, as is everything in a child that cannot make its file. The
// process must not close the descriptor that this opens: its lock is how others know that it lives.
//
// Fails with Cause::kConfig where the directory cannot be used, or another one is in use, and with
// Cause::kLocalResource where the file cannot be made; nothing has changed then.
Status share_stats(std::string_view directory);

}  // namespace tidegate
