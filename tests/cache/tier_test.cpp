// SPDX-License-Identifier: Apache-2.0
#include "cache/tier.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/shared_cache.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::SharedCache;
using test::SimCache;
using namespace std::chrono_literals;

TEST_CASE("What one process loaded, another one restores") {
  SharedCache sim(2);
  CHECK(sim.settle(0, "k").number() == 1);
  sim.pass(20s);
  const Asked restored = sim.settle(1, "k");
  CHECK(restored.number() == 1);
  CHECK(restored.answer()->source == Source::kCached);
  CHECK(std::chrono::round<std::chrono::milliseconds>(restored.answer()->age) == 21s);
  CHECK(sim.numbers == 1);
  CHECK(sim.at(1).loader->restored == 1);
}

TEST_CASE("A restored value lives for what is left of it, and is not written back") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.pass(49s);
  sim.settle(1, "k");
  const int commands = sim.redis.commands;
  sim.pass(8s);
  CHECK(sim.at(1).fresh("k") == 1);
  sim.pass(2s);
  CHECK(sim.at(1).fresh("k") == 0);
  CHECK(sim.redis.commands == commands);
  CHECK(sim.settle(1, "k").number() == 2);
}

TEST_CASE("After an invalidation and its message nobody has what was loaded before") {
  SharedCache sim(3);
  for (int i = 0; i < 3; ++i) sim.settle(i, "k");
  CHECK(sim.numbers == 1);
  sim.at(0).core->invalidate("k", 0, false);
  CHECK(sim.at(0).fresh("k") == 0);
  sim.pass(1s);
  for (int i = 0; i < 3; ++i) CHECK(sim.at(i).fresh("k") == 0);
  CHECK(sim.settle(1, "k").number() == 2);
  CHECK(sim.settle(0, "k").number() == 2);
  CHECK(sim.settle(2, "k").number() == 2);
}

}  // namespace
}  // namespace tidegate::internal
