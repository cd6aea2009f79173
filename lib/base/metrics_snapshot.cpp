// SPDX-License-Identifier: Apache-2.0

#include "base/metrics_snapshot.hpp"

#include <algorithm>
#include <tuple>

namespace tidegate::internal {
namespace {

using Sample = Snapshot::Sample;
using Metric = Snapshot::Metric;

bool before(const Sample& sample, const Labels& labels) {
  return std::lexicographical_compare(sample.labels.begin(), sample.labels.end(), labels.begin(),
                                      labels.end(), [](const Label& x, const Label& y) {
                                        return std::tie(x.value, x.name) <
                                               std::tie(y.value, y.name);
                                      });
}

void add(Sample& to, const Sample& from, Across across) {
  if (auto* counter = std::get_if<std::uint64_t>(&to.value)) {
    *counter += std::get<std::uint64_t>(from.value);
  } else if (auto* gauge = std::get_if<std::int64_t>(&to.value)) {
    const std::int64_t other = std::get<std::int64_t>(from.value);
    if (across == Across::kMost) {
      *gauge = std::max(*gauge, other);
    } else {
      // Numbers of a file may be anything, and must not overflow.
      *gauge = static_cast<std::int64_t>(static_cast<std::uint64_t>(*gauge) +
                                         static_cast<std::uint64_t>(other));
    }
  } else {
    auto& mine = std::get<Histogram::Reading>(to.value);
    const auto& other = std::get<Histogram::Reading>(from.value);
    for (std::size_t i = 0; i < mine.buckets.size(); ++i) mine.buckets[i] += other.buckets[i];
    mine.count += other.count;
    mine.sum = Duration(static_cast<std::int64_t>(static_cast<std::uint64_t>(mine.sum.count()) +
                                                  static_cast<std::uint64_t>(other.sum.count())));
    mine.max = std::max(mine.max, other.max);
  }
}

void add_sample(Metric& to, Sample sample) {
  auto place = std::lower_bound(to.samples.begin(), to.samples.end(), sample.labels, before);
  bool there = place != to.samples.end() && place->labels == sample.labels;
  if (!there && to.samples.size() > Registry::kMaxLabelSets) {
    for (Label& label : sample.labels) label.value = "other";
    place = std::lower_bound(to.samples.begin(), to.samples.end(), sample.labels, before);
    there = place != to.samples.end() && place->labels == sample.labels;
  }
  if (there) return add(*place, sample, to.across);
  to.samples.insert(place, std::move(sample));
}

}  // namespace

void add(Snapshot& to, const Snapshot::Metric& metric) {
  const auto place = std::lower_bound(
      to.metrics.begin(), to.metrics.end(), metric.path,
      [](const Metric& each, const std::string& path) { return each.path < path; });
  if (place == to.metrics.end() || place->path != metric.path) {
    Metric fresh = metric;
    std::sort(fresh.samples.begin(), fresh.samples.end(),
              [](const Sample& a, const Sample& b) { return before(a, b.labels); });
    to.metrics.insert(place, std::move(fresh));
    return;
  }
  if (place->samples.front().value.index() != metric.samples.front().value.index()) return;
  for (const Sample& sample : metric.samples) add_sample(*place, sample);
}

void add(Snapshot& to, const Snapshot& from) {
  for (const Metric& metric : from.metrics) add(to, metric);
}

void drop_gauges(Snapshot& snapshot) {
  std::erase_if(snapshot.metrics, [](const Metric& metric) {
    return std::holds_alternative<std::int64_t>(metric.samples.front().value);
  });
}

}  // namespace tidegate::internal
