// SPDX-License-Identifier: Apache-2.0
//
// The recording side of metrics: a piece asks the registry once for its counters, keeps the
// references, and counts with a few relaxed instructions.
//
//   Counter& shed = Registry::global().counter(
//       "executor.shed", {{"lane", "cars"}, {"cause", "queue_full"}}, "Queries refused at once");
//   shed.add();
//
// The path and the labels give the place in the tree of stats(): the label values stand after the
// first component of the path, and a second label goes one level further down:
//
//   executor.submitted {lane=cars}                    executor.cars.submitted
//   executor.shed      {lane=cars, cause=queue_full}  executor.cars.shed.queue_full
//
// Prometheus names: tidegate_executor_shed_total (counters), tidegate_executor_wait_seconds
// (histograms), tidegate_executor_running (gauges).
//
// The numbers of the global registry lie in a CellArena, which share_stats() puts into a file for
// other processes to read; see stats_share.hpp.
//
// Thread-safety: everything, from any thread; no lock anywhere, so that a fork at any moment leaves
// the child a registry that works. Cost: a count 1 ns for the first thread that counts there, 6 ns
// for any other, a duration 16 ns; asking the registry
// compares with the label sets of that metric, so it is done once and not per call.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

struct Snapshot;

// A number in two words. Most are counted by one thread alone: the first that adds owns a word, and
// adds to it without a locked instruction; all others share the other word. Threads that live at the
// same time have different pointers, and whoever has that of a thread that is gone comes after it.
class Sum {
 public:
  void add(std::uint64_t n) noexcept {
    const auto self = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
    std::uintptr_t owner = owner_.load(std::memory_order_relaxed);
    if (owner != self) [[unlikely]] {
      if (owner != 0 || !owner_.compare_exchange_strong(owner, self, std::memory_order_relaxed)) {
        add_shared(n);
        return;
      }
    }
    own_.store(own_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  // Both words as they were at one time: what one thread adds and another takes away is never seen
  // taken away alone.
  std::uint64_t value() const noexcept {
    std::uint64_t shared = shared_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint64_t own = own_.load(std::memory_order_acquire);
      const std::uint64_t again = shared_.load(std::memory_order_acquire);
      if (again == shared) return own + shared;
      shared = again;
    }
  }
  // The shared word, whoever it is: for what is set as well, and never added to as above.
  void add_shared(std::uint64_t n) noexcept { shared_.fetch_add(n, std::memory_order_relaxed); }
  void set(std::uint64_t n) noexcept { shared_.store(n, std::memory_order_relaxed); }

 private:
  std::atomic<std::uintptr_t> owner_{0};
  std::atomic<std::uint64_t> own_{0};
  std::atomic<std::uint64_t> shared_{0};
};

class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept { sum_.add(n); }
  std::uint64_t value() const noexcept { return sum_.value(); }

 private:
  Sum sum_;
};

class Gauge {
 public:
  void add(std::int64_t n) noexcept { sum_.add_shared(static_cast<std::uint64_t>(n)); }
  // The same, cheaper, of one that is never set.
  void count(std::int64_t n) noexcept { sum_.add(static_cast<std::uint64_t>(n)); }
  void set(std::int64_t n) noexcept { sum_.set(static_cast<std::uint64_t>(n)); }
  std::int64_t value() const noexcept { return static_cast<std::int64_t>(sum_.value()); }

 private:
  Sum sum_;
};

// Durations from 1 us to 1,000 s in 32 steps per decade, each at most an eighth wide; 2.3 KiB.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 9 * 32 + 2;  // nine decades, "up to 1 us", "longer"

  // Negative counts as zero.
  void record(Duration duration) noexcept;

  // A copy of the numbers, and what is read from them.
  struct Reading {
    std::array<std::uint64_t, kBuckets> buckets{};
    std::uint64_t count = 0;
    Duration sum{0};
    Duration max{0};

    // The duration below which `share` (0 to 1) of the records are; zero without a record.
    Duration quantile(double share) const noexcept;
    // How many were at most `bound`; exact where `bound` is a bucket's bound, as all of
    // kPrometheusBounds are.
    std::uint64_t at_most(Duration bound) const noexcept;
  };
  Reading read() const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<std::int64_t> sum_{0};
  std::atomic<std::int64_t> max_{0};
};

// The `le` bounds of the Prometheus rendering.
inline constexpr std::array<Duration, 14> kPrometheusBounds = {
    std::chrono::microseconds(100),  std::chrono::milliseconds(1),   std::chrono::milliseconds(5),
    std::chrono::milliseconds(10),   std::chrono::milliseconds(50),  std::chrono::milliseconds(100),
    std::chrono::milliseconds(250),  std::chrono::milliseconds(500), std::chrono::seconds(1),
    std::chrono::milliseconds(2500), std::chrono::seconds(5),        std::chrono::seconds(10),
    std::chrono::seconds(15),        std::chrono::seconds(30)};

// What the gauges of several processes are together: their sum, or, where each tells of the same
// thing, the highest of them.
enum class Across : std::uint8_t { kSum, kMost };

struct Label {
  std::string name;
  std::string value;
  bool operator==(const Label&) const = default;
};
using Labels = std::vector<Label>;

class CellArena;

class Registry {
 public:
  constexpr Registry() noexcept = default;
  // Its numbers lie in `cells` as long as there is room.
  constexpr explicit Registry(CellArena& cells) noexcept : cells_(&cells) {}
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The one of this process; never destroyed.
  static Registry& global() noexcept;

  // The metric of this path and these labels: always the same object, valid as long as the
  // registry. `help` is a sentence without a period; the first one given is kept. Throws
  // std::logic_error where the path is already a metric of another kind.
  Counter& counter(std::string_view path, Labels labels, std::string_view help);
  Gauge& gauge(std::string_view path, Labels labels, std::string_view help,
               Across across = Across::kSum);
  Histogram& histogram(std::string_view path, Labels labels, std::string_view help);

  std::shared_ptr<const Snapshot> snapshot() const;

  static constexpr std::size_t kMaxLabelSets = 1000;
  static constexpr std::size_t kMaxLabelValue = 128;

 private:
  enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };
  struct What;
  struct Series;
  struct Family;
  friend struct Snapshot;

  Family& family(const What& what);
  Series& series(const What& what, Labels labels);
  std::unique_ptr<Series> make_series(const Family& family, const Labels& labels) const;

  CellArena* const cells_ = nullptr;
  // Append-only: a node is reachable for ever once a compare-and-swap has put it at the head.
  std::atomic<Family*> families_{nullptr};
};

// The metrics of one thing, such as a lane: each has its label.
//
//   const MetricsOf of("lane", name);
//   Counter& submitted = of.counter("executor.submitted", "Calls submitted");
class MetricsOf {
 public:
  MetricsOf(std::string_view label, std::string_view value)
      : label_{std::string(label), std::string(value)} {}

  Counter& counter(std::string_view path, std::string_view help) const {
    return Registry::global().counter(path, {label_}, help);
  }
  // With a second label.
  Counter& counter(std::string_view path, Label second, std::string_view help) const {
    return Registry::global().counter(path, {label_, std::move(second)}, help);
  }
  Gauge& gauge(std::string_view path, std::string_view help, Across across = Across::kSum) const {
    return Registry::global().gauge(path, {label_}, help, across);
  }
  Histogram& histogram(std::string_view path, std::string_view help) const {
    return Registry::global().histogram(path, {label_}, help);
  }

 private:
  const Label label_;
};

}  // namespace tidegate::internal
