// SPDX-License-Identifier: Apache-2.0
//
// FrequencySketch: about how often a hash was seen lately, in four bits. A count-min sketch of four
// rows (Cormode and Muthukrishnan, 2005) that is halved every so many additions, so that the past
// fades (TinyLFU: Einziger, Friedman and Manes, 2017). Eight to sixteen bytes for each entry. Not
// thread-safe. Cost: four cache lines; a halving touches all.
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
  // For so many entries; halved after so many additions.
  FrequencySketch(std::size_t capacity, std::size_t additions)
      : words_(std::bit_ceil(std::max<std::size_t>(8, capacity))), sample_(additions) {}

  void add(std::uint32_t hash) {
    bool grew = false;
    for (unsigned row = 0; row < kRows; ++row) {
      std::uint64_t& word = words_[place(hash, row)];
      const unsigned shift = nibble(hash, row);
      if (((word >> shift) & 15) == 15) continue;
      word += std::uint64_t{1} << shift;
      grew = true;
    }
    if (grew && ++additions_ >= sample_) halve();
  }

  std::size_t bytes() const noexcept { return words_.size() * sizeof(std::uint64_t); }

  unsigned estimate(std::uint32_t hash) const noexcept {
    unsigned least = 15;
    for (unsigned row = 0; row < kRows; ++row) {
      const std::uint64_t word = words_[place(hash, row)];
      least = std::min(least, static_cast<unsigned>((word >> nibble(hash, row)) & 15));
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
  void halve() {
    for (std::uint64_t& word : words_) word = (word >> 1) & 0x7777777777777777u;
    additions_ /= 2;
  }

  std::vector<std::uint64_t> words_;
  const std::size_t sample_;
  std::size_t additions_ = 0;
};

}  // namespace tidegate::internal
