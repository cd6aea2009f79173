// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>

#include "base/metrics.hpp"

namespace tidegate::internal {
namespace {

constexpr std::size_t kBounds = Histogram::kBuckets - 1;  // the last bucket has none

constexpr std::array<std::int64_t, kBounds> make_bounds() {
  std::array<std::int64_t, kBounds> bounds{};
  std::size_t i = 0;
  std::int64_t decade = 1'000;
  bounds[i++] = decade;
  while (i < kBounds) {
    for (int percent = 110; percent <= 200; percent += 10) bounds[i++] = decade / 100 * percent;
    for (int percent = 225; percent <= 500; percent += 25) bounds[i++] = decade / 100 * percent;
    for (int percent = 550; percent <= 1000; percent += 50) bounds[i++] = decade / 100 * percent;
    decade *= 10;
  }
  return bounds;
}

constexpr std::array<std::int64_t, kBounds> kUpper = make_bounds();
static_assert(kUpper.back() == 1'000'000'000'000);

constexpr bool prometheus_bounds_are_bounds() {
  for (Duration bound : kPrometheusBounds) {
    if (std::find(kUpper.begin(), kUpper.end(), bound.count()) == kUpper.end()) return false;
  }
  return true;
}
static_assert(prometheus_bounds_are_bounds());

// Keeps the sum from overflowing before 9,000 such records.
constexpr std::int64_t kLongest = 1'000'000'000'000'000;

}  // namespace

void Histogram::record(Duration duration) noexcept {
  const std::int64_t ns = std::clamp<std::int64_t>(duration.count(), 0, kLongest);
  const auto bucket = std::lower_bound(kUpper.begin(), kUpper.end(), ns) - kUpper.begin();
  buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(ns, std::memory_order_relaxed);
  std::int64_t max = max_.load(std::memory_order_relaxed);
  while (ns > max && !max_.compare_exchange_weak(max, ns, std::memory_order_relaxed)) {
  }
}

Histogram::Reading Histogram::read() const noexcept {
  Reading reading;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    reading.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    reading.count += reading.buckets[i];
  }
  reading.sum = Duration(sum_.load(std::memory_order_relaxed));
  reading.max = Duration(max_.load(std::memory_order_relaxed));
  return reading;
}

Duration Histogram::Reading::quantile(double share) const noexcept {
  if (count == 0) return Duration::zero();
  const double rank = std::max(1.0, std::ceil(share * static_cast<double>(count)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBounds; ++i) {
    seen += buckets[i];
    if (static_cast<double>(seen) >= rank) return std::min(Duration(kUpper[i]), max);
  }
  return max;
}

std::uint64_t Histogram::Reading::at_most(Duration bound) const noexcept {
  std::uint64_t sum_of_counts = 0;
  for (std::size_t i = 0; i < kBounds && kUpper[i] <= bound.count(); ++i) {
    sum_of_counts += buckets[i];
  }
  return sum_of_counts;
}

}  // namespace tidegate::internal
