// SPDX-License-Identifier: Apache-2.0
//
// What a registry held at one moment: the step between counting and rendering. Plain data, sorted
// by path and label values, so that two renderings of equal numbers are equal text. Snapshots of
// several processes add up to one.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/metrics.hpp"

namespace tidegate::internal {

struct Snapshot {
  struct Sample {
    Labels labels;
    std::variant<std::uint64_t, std::int64_t, Histogram::Reading> value;  // counter, gauge, …
  };
  struct Metric {
    std::string path;
    std::string help;
    Across across = Across::kSum;
    std::vector<Sample> samples;  // at least one, all of one kind
  };
  std::vector<Metric> metrics;
};

// Puts the numbers of `metric` to those that are there already. A metric that is of another kind
// there is left out; beyond Registry::kMaxLabelSets label sets they are counted as "other".
void add(Snapshot& to, const Snapshot::Metric& metric);
void add(Snapshot& to, const Snapshot& from);

// Without what only a living process has.
void drop_gauges(Snapshot& snapshot);

}  // namespace tidegate::internal
