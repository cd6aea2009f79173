// SPDX-License-Identifier: Apache-2.0
//
// CallCounts: how many calls there were, and how many of them failed or were slow.
#pragma once

#include <cstdint>

namespace tidegate::policy {

struct CallCounts {
  std::uint64_t calls = 0;
  std::uint64_t failures = 0;
  std::uint64_t slow = 0;

  void add(bool failed, bool was_slow) noexcept {
    ++calls;
    failures += failed ? 1 : 0;
    slow += was_slow ? 1 : 0;
  }
  bool operator==(const CallCounts&) const = default;
};

}  // namespace tidegate::policy
