// SPDX-License-Identifier: Apache-2.0
//
// Rng: the randomness of jitter, of samples and of simulations. The same seed gives the same draws
// on every compiler and machine, so all distributions are our own and a failing simulation can be
// played again. Not for secrets.
//
// The generator is xoshiro256** with a SplitMix64 seed (Blackman and Vigna, 2018; 2015).
//
// Never two draws in one argument list: gcc and clang evaluate them in opposite order.
// Not thread-safe. Cost: about 1 ns a draw.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) noexcept {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15u;
      std::uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
      word = mixed ^ (mixed >> 31);
    }
  }

  std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Evenly from 0 to bound - 1; REQUIRES: bound > 0. By the high half of a product (Lemire, 2019),
  // whose bias of bound / 2^64 no use here can notice.
  std::uint64_t below(std::uint64_t bound) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  // True in `percent` of a hundred cases.
  bool chance(unsigned percent) noexcept { return below(100) < percent; }

  // Evenly from [0, 1), in steps of 2^-53.
  double fraction() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // Evenly from [low, high].
  Duration between(Duration low, Duration high) noexcept {
    return low + Duration(static_cast<std::int64_t>(
                     below(static_cast<std::uint64_t>((high - low).count()) + 1)));
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace tidegate::internal
