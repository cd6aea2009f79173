// SPDX-License-Identifier: Apache-2.0
#include "base/ports/rng.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;

// From a second implementation of xoshiro256** and SplitMix64 in another language, which gives the
// published outputs for the state {1, 2, 3, 4} and for the SplitMix64 seed 1234567.
TEST_CASE("A seed gives the draws of xoshiro256** seeded by SplitMix64") {
  struct Row {
    std::uint64_t seed;
    std::array<std::uint64_t, 6> first;
    std::uint64_t thousandth;
  };
  constexpr Row kRows[] = {
      {0,
       {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c,
        0xbba5ad4a1f842e59, 0xffef8375d9ebcaca},
       0x7aac8c483a2edd2f},
      {1,
       {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7,
        0xb27a48e29a233673, 0x24c123126ffda722},
       0xb8517c33c344d153},
      {1'234'567,
       {0x30a3a1c363600467, 0x19405f0f579929ca, 0x115beaac046ddbd9, 0xeb17caf48f27d7f6,
        0xa0c94fe1cce9d136, 0x70e3326578802da2},
       0x3be7f2876df677c2},
      {UINT64_MAX,
       {0x8f5520d52a7ead08, 0xc476a018caa1802d, 0x81de31c0d260469e, 0xbf658d7e065f3c2f,
        0x913593fda1bca32a, 0xbb535e93941ba525},
       0xc3c93ea5cde434cc},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.seed);
    Rng rng(row.seed);
    for (const std::uint64_t expected : row.first) CHECK(rng.next() == expected);
    for (std::size_t skip = row.first.size() + 1; skip < 1000; ++skip) rng.next();
    CHECK(rng.next() == row.thousandth);
  }
}

TEST_CASE("below() covers its range evenly and never reaches the bound") {
  Rng rng(7);
  for (const std::uint64_t bound : {1u, 2u, 3u, 7u, 100u}) {
    CAPTURE(bound);
    std::array<int, 100> counts{};
    constexpr int kDraws = 100'000;
    for (int i = 0; i < kDraws; ++i) {
      const std::uint64_t drawn = rng.below(bound);
      REQUIRE(drawn < bound);
      ++counts[drawn];
    }
    const int fair = kDraws / static_cast<int>(bound);
    const auto [least, most] = std::minmax_element(counts.begin(), counts.begin() + bound);
    CHECK(*least > fair * 8 / 10);
    CHECK(*most < fair * 12 / 10 + 1);
  }
  std::uint64_t highest = 0;
  for (int i = 0; i < 1000; ++i) highest = std::max(highest, rng.below(UINT64_MAX));
  CHECK(highest > UINT64_MAX / 100 * 98);
}

TEST_CASE("chance() of 0 and of 100 percent is certain, of 30 about 30") {
  Rng rng(8);
  int never = 0;
  int always = 0;
  int sometimes = 0;
  for (int i = 0; i < 10'000; ++i) {
    never += rng.chance(0) ? 1 : 0;
    always += rng.chance(100) ? 1 : 0;
    sometimes += rng.chance(30) ? 1 : 0;
  }
  CHECK(never == 0);
  CHECK(always == 10'000);
  CHECK(sometimes > 2'700);
  CHECK(sometimes < 3'300);
}

TEST_CASE("fraction() lies in [0, 1) and is exact in every build") {
  Rng rng(9);
  Rng twin(9);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double drawn = rng.fraction();
    REQUIRE(drawn >= 0);
    REQUIRE(drawn < 1);
    REQUIRE(drawn * 0x1p53 == static_cast<double>(twin.next() >> 11));
    sum += drawn;
  }
  CHECK(sum > 4'800);
  CHECK(sum < 5'200);
}

TEST_CASE("between() includes both ends, and one that is empty gives its end") {
  Rng rng(10);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1'000; ++i) {
    const Duration drawn = rng.between(3ns, 6ns);
    REQUIRE(drawn >= 3ns);
    REQUIRE(drawn <= 6ns);
    low = low || drawn == 3ns;
    high = high || drawn == 6ns;
  }
  CHECK(low);
  CHECK(high);
  CHECK(rng.between(5s, 5s) == 5s);
  const Duration widest = rng.between(Duration::zero(), Duration::max());
  CHECK(widest >= Duration::zero());
}

}  // namespace
}  // namespace tidegate::internal
