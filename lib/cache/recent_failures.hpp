// SPDX-License-Identifier: Apache-2.0
//
// RecentFailures: which keys could not be loaded a moment ago, and why. While a failure is recent, a
// stale value is served at once instead of making every caller wait for the next failure. Bounded:
// past kMost keys the oldest is forgotten. On the loop's thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class RecentFailures {
 public:
  static constexpr std::size_t kMost = 10'000;

  // REQUIRES: an origin of `status` that keeps nothing else alive, or none.
  void add(const std::string& key, const Status& status, TimePoint now);
  void forget(std::string_view key);
  // Why the key failed less than `within` ago; null if it did not.
  const Status* find(std::string_view key, TimePoint now, Duration within) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Failure {
    Status status;
    TimePoint at;
  };
  struct Age {
    std::string key;
    TimePoint at;
  };

  // Every failure has an entry in ages_ with its time; entries of others are skipped.
  std::unordered_map<std::string, Failure, Hash, std::equal_to<>> failures_;
  std::deque<Age> ages_;
};

}  // namespace tidegate::internal
