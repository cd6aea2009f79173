// SPDX-License-Identifier: Apache-2.0
//
// What a registry held at one moment: the step between counting and rendering. Plain data, sorted
// by path and label values, so that two renderings of equal numbers are equal text.
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
    std::vector<Sample> samples;  // at least one, all of one kind
  };
  std::vector<Metric> metrics;
};

}  // namespace tidegate::internal
