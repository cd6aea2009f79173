// SPDX-License-Identifier: Apache-2.0
//
// The same seed is the same run, in every build: gcc and clang, optimised or not, sanitized or not.
#include <doctest/doctest.h>

#include <cstdint>
#include <set>

#include "support/scenario.hpp"
#include "support/seeds.hpp"

namespace tidegate::test {
namespace {

struct Run {
  std::uint64_t hash;
  std::uint64_t resumes;
  Duration took;
  int answered;
  int failed;
  int hedged;
  bool operator==(const Run&) const = default;
};

Run run(std::uint64_t seed) {
  SimLoop loop(seed);
  Scenario scenario(loop, 6);
  loop.drive();
  REQUIRE(scenario.over());
  REQUIRE(loop.timers() == 0);
  return Run{.hash = loop.trace_hash(),
             .resumes = loop.resumes(),
             .took = loop.elapsed(),
             .answered = scenario.answered(),
             .failed = scenario.failed(),
             .hedged = scenario.hedged()};
}

// A change here is a change in what flows do: in the order of wake-ups, in a time, in an outcome or
// in a draw. Where that is meant, take the new value over.
TEST_CASE("A recorded seed gives the recorded trace") {
  struct Row {
    std::uint64_t seed;
    std::uint64_t hash;
  };
  constexpr Row kRows[] = {
      {0, 0xa3b35288fd1602b6}, {1, 0x7e3f834d35fbe9f8},          {2, 0xa3edffa2b93fcbdd},
      {3, 0xe1308c4972d45b62}, {20'261'125, 0x01f293968ec49143},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.seed);
    CHECK(run(row.seed).hash == row.hash);
  }
}

TEST_CASE("The same seed gives the same run, another seed another one") {
  std::set<std::uint64_t> hashes;
  std::size_t runs = 0;
  Run sum{};
  each_seed(200, 20'000, [&](std::uint64_t seed) {
    const Run first = run(seed);
    const Run second = run(seed);
    REQUIRE(first == second);
    REQUIRE(internal::live_frames() == 0);
    hashes.insert(first.hash);
    ++runs;
    sum.answered += first.answered;
    sum.failed += first.failed;
    sum.hedged += first.hedged;
  });
  CHECK(hashes.size() == runs);
  if (runs < 10) return;  // a few alone need not show everything
  CHECK(sum.answered > 0);
  CHECK(sum.failed > 0);
  CHECK(sum.hedged > 0);
}

TEST_CASE("A word more in the trace is another hash") {
  SimLoop one;
  SimLoop two;
  two.trace(0);
  CHECK(one.trace_hash() != two.trace_hash());
}

}  // namespace
}  // namespace tidegate::test
