// SPDX-License-Identifier: Apache-2.0
// What the benchmarks measure by.
#pragma once

#include <algorithm>
#include <ctime>
#include <vector>

namespace tidegate::bench {

// What this thread has spent.
inline double cpu_ns() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

inline double median(std::vector<double> of) {
  std::ranges::sort(of);
  return of[of.size() / 2];
}

}  // namespace tidegate::bench
