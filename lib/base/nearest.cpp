// SPDX-License-Identifier: Apache-2.0

#include "base/nearest.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace tidegate::internal {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the usual table: two back (for swaps), one back, this one.
  std::vector<std::size_t> two_back;
  std::vector<std::size_t> back(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) back[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = back[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, back[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], two_back[j - 2] + 1);
      }
    }
    two_back = std::exchange(back, row);
  }
  return back[b.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kLongest = 160;
  if (word.empty() || word.size() > kLongest) return {};
  std::string_view best;
  std::size_t least = 2 + std::min<std::size_t>(word.size() / 5, 3);  // one more than near enough
  for (std::string_view candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  if (!best.empty()) return best;
  for (std::string_view candidate : known) {
    if (candidate.ends_with(word) && candidate.size() > word.size() &&
        candidate[candidate.size() - word.size() - 1] == '.') {
      return candidate;
    }
  }
  return {};
}

}  // namespace tidegate::internal
