// SPDX-License-Identifier: Apache-2.0
//
// FrequencySketch: about how often a hash was seen lately, in four bits. A count-min sketch of four
// rows (Cormode and Muthukrishnan, 2005) that is halved every so many additions, so that the past
// fades (TinyLFU: Einziger, Friedman and Manes, 2017). Eight to sixteen bytes for each entry. Not
// thread-safe. Cost: four cache lines, and two more while a halving is under way: each addition
// halves a few words, and what is not halved yet is read as if it were. So a halving counts at once,
// and no addition has to go over a whole sketch.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tidegate::internal {

class FrequencySketch {
 public:
  // Words that one addition halves, at most.
  static constexpr std::size_t kHalvedAtOnce = 16;

  // For so many entries; halved after so many additions.
  FrequencySketch(std::size_t capacity, std::size_t additions,
                  std::size_t halved_at_once = kHalvedAtOnce)
      : words_(std::bit_ceil(std::max<std::size_t>(8, capacity))),
        sample_(additions),
        halved_at_once_(halved_at_once) {}

  void add(std::uint32_t hash) noexcept {
    bool grew = false;
    for (unsigned row = 0; row < kRows; ++row) {
      const std::size_t at = place(hash, row);
      const unsigned shift = nibble(hash, row);
      const std::uint64_t step = at < halved_ ? 1 : 2;
      if (((words_[at] >> shift) & 15) + step > 15) continue;
      words_[at] += step << shift;
      grew = true;
    }
    additions_ += grew;
    if (unhalved() == 0 && additions_ >= sample_) {
      additions_ /= 2;
      halved_ = 0;
      is_whole_ = false;
    }
    if (unhalved() > 0) halve_some();
  }

  std::size_t bytes() const noexcept { return words_.size() * sizeof(std::uint64_t); }
  // Nothing was halved yet: each use counts in full, and few keys are taken for others.
  bool is_whole() const noexcept { return is_whole_; }
  // Words that the halving under way has still to come by.
  std::size_t unhalved() const noexcept { return words_.size() - halved_; }

  unsigned estimate(std::uint32_t hash) const noexcept {
    unsigned least = 15;
    for (unsigned row = 0; row < kRows; ++row) {
      const std::size_t at = place(hash, row);
      const auto count = static_cast<unsigned>((words_[at] >> nibble(hash, row)) & 15);
      least = std::min(least, at < halved_ ? count : count / 2);
    }
    return least;
  }

 private:
  static constexpr unsigned kRows = 4;
  static constexpr std::array<std::uint64_t, kRows> kFactors = {
      0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u, 0xd6e8feb86659fd93u};

  static std::uint64_t mixed(std::uint32_t hash, unsigned row) noexcept {
    const std::uint64_t product = (std::uint64_t{hash} + row + 1) * kFactors[row];
    return product ^ (product >> 32);
  }
  std::size_t place(std::uint32_t hash, unsigned row) const noexcept {
    return static_cast<std::size_t>(mixed(hash, row)) & (words_.size() - 1);
  }
  // Each row has four of a word's sixteen counters.
  static unsigned nibble(std::uint32_t hash, unsigned row) noexcept {
    return 4 * (4 * row + static_cast<unsigned>(mixed(hash, row) >> 56) % 4);
  }
  void halve_some() noexcept {
    const std::size_t end = halved_ + std::min(halved_at_once_, unhalved());
    for (; halved_ < end; ++halved_) words_[halved_] = (words_[halved_] >> 1) & 0x7777777777777777u;
  }

  std::vector<std::uint64_t> words_;
  std::size_t halved_ = words_.size();
  const std::size_t sample_;
  const std::size_t halved_at_once_;
  std::size_t additions_ = 0;
  bool is_whole_ = true;
};

}  // namespace tidegate::internal
