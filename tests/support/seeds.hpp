// SPDX-License-Identifier: Apache-2.0
//
// each_seed(): how a simulation is repeated, and played again where it failed.
//
//   test::each_seed(200, 20'000, [](std::uint64_t seed) {
//     SimLoop loop(seed);
//     … REQUIRE(…);                       // the first seed that fails ends it
//   });
//
// Seeds count from 1, as many as test::repeat() says. TIDEGATE_SEEDS=1000000 runs that many,
// TIDEGATE_SEED=17 that one alone. A failing assertion, a crash and a sanitizer's report print the
// command that plays the seed again.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "support/deep.hpp"

namespace tidegate::test {

struct SeedRange {
  std::uint64_t first;
  std::uint64_t last;
};
SeedRange seeds(int quick, int deep);

// While it lives, whatever ends the program prints how to play `seed` again.
class Replay {
 public:
  explicit Replay(std::uint64_t seed) noexcept;
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay();

  std::string command() const;

 private:
  const std::uint64_t seed_;
};

template <class Body>
void each_seed(int quick, int deep, Body body) {
  const SeedRange range = seeds(quick, deep);
  for (std::uint64_t seed = range.first; seed <= range.last; ++seed) {
    const Replay replay(seed);
    INFO("play it again: ", replay.command());
    body(seed);
  }
}

}  // namespace tidegate::test
