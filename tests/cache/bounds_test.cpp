// SPDX-License-Identifier: Apache-2.0
// What one hold of a shard's lock does, at most, however large the cache is and however many loads
// are under way. Counted in steps, not in time.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/ports/rng.hpp"
#include "base/siphash.hpp"
#include "cache/entry_index.hpp"
#include "cache/fence_table.hpp"
#include "cache/sketch.hpp"

namespace tidegate::internal {
namespace {

std::uint32_t spread(std::uint32_t number) { return number * 0x9e3779b9u; }

TEST_CASE("A sketch is halved a few words with each addition, whatever its size") {
  constexpr std::size_t kWords = 1 << 12;
  FrequencySketch sketch(kWords, 4 * kWords);
  std::size_t halvings = 0;
  std::size_t before = 0;
  for (std::uint32_t i = 0; i < 40 * kWords; ++i) {
    sketch.add(spread(i));
    const std::size_t left = sketch.unhalved();
    const bool begins = left > before;
    halvings += begins;
    CHECK((!begins || before == 0));
    CHECK((begins ? kWords : before) - left <= FrequencySketch::kHalvedAtOnce);
    before = left;
  }
  CHECK(halvings > 10);
}

TEST_CASE("A halving counts for every key at once") {
  constexpr std::size_t kWords = 1 << 12;
  constexpr std::uint32_t kKeys = 500;
  FrequencySketch sketch(kWords, 8 * kKeys);
  std::vector<unsigned> before(kKeys);
  for (std::uint32_t i = 0; sketch.unhalved() == 0; i = (i + 1) % kKeys) {
    std::ranges::generate(before,
                          [&, key = 0u]() mutable { return sketch.estimate(spread(key++)); });
    sketch.add(spread(i));
    ++before[i];
  }
  REQUIRE(sketch.unhalved() > kWords / 2);
  for (std::uint32_t key = 0; key < kKeys; ++key) {
    CHECK(sketch.estimate(spread(key)) == before[key] / 2);
  }
}

TEST_CASE("What is seen while a sketch is being halved counts in full") {
  constexpr std::size_t kWords = 1 << 12;
  FrequencySketch sketch(kWords, 1'000);
  for (std::uint32_t i = 0; i < 1'000; ++i) sketch.add(spread(i));
  REQUIRE(sketch.unhalved() > kWords / 2);
  for (std::uint32_t key = 2'000; sketch.unhalved() > 0; ++key) {
    for (unsigned seen = sketch.estimate(spread(key)); seen < 6; ++seen) {
      CHECK(sketch.estimate(spread(key)) == seen);
      sketch.add(spread(key));
    }
    CHECK(sketch.estimate(spread(key)) == 6);
  }
}

TEST_CASE("An index that grows clears a few places with each key") {
  constexpr std::size_t kKeys = 60'000;
  Slab slab;
  EntryIndex index;
  std::size_t grown = 0;
  for (std::uint32_t i = 0; i < kKeys; ++i) {
    const std::size_t bytes = index.bytes();
    const std::size_t before = index.uncleared();
    index.reserve_one(slab);
    const std::size_t after = index.uncleared();
    if (i > 1'000 && before >= after) CHECK(before - after <= EntryIndex::kClearedAtOnce);
    grown += index.bytes() > bytes;
    const EntryId id = slab.take(std::to_string(i));
    slab[id].hash = spread(i);
    index.insert(id, spread(i));
  }
  CHECK(grown >= 12);
  for (std::uint32_t i = 0; i < kKeys; ++i) {
    const EntryId id = index.find(slab, std::to_string(i), spread(i));
    REQUIRE(id != kNoEntry);
    CHECK(slab[id].key() == std::to_string(i));
    index.remove(slab, id);
    slab.give_back(id);
  }
}

TEST_CASE("An index that is large enough for all makes no other") {
  constexpr std::size_t kMost = 4'096 / 8 * 7 - 1;
  Slab slab;
  EntryIndex index(kMost);
  for (std::uint32_t i = 0; i < kMost; ++i) {
    index.reserve_one(slab);
    const EntryId id = slab.take(std::to_string(i));
    slab[id].hash = spread(i);
    index.insert(id, spread(i));
  }
  index.reserve_one(slab);  // for a key that comes before another one goes
  CHECK(index.bytes() == 4'096 * sizeof(std::uint32_t));
}

// Fences by keys of their own, as those of so many loads under way.
struct Fences {
  explicit Fences(std::size_t count) : fences(count) {
    for (std::size_t i = 0; i < count; ++i) table.add(fences[i], key(i), hash(i));
  }
  ~Fences() {
    for (Fence& fence : fences) table.remove(fence);
    CHECK(table.size() == 0);
  }
  static std::string key(std::size_t number) { return "listing:" + std::to_string(number); }
  static std::uint64_t hash(std::size_t number) { return siphash({1, 2}, key(number)); }

  FenceTable table;
  std::deque<Fence> fences;
};

TEST_CASE("An invalidation looks at a few loads, however many are under way") {
  constexpr std::size_t kMostSteps = 16;
  for (const std::size_t count : {1u, 2u, 3u, 1'000u, 1'024u, 50'000u}) {
    Fences under_way(count);
    for (std::size_t i = 0; i < 2 * count; ++i) {
      CHECK(under_way.table.steps(Fences::hash(i)) <= kMostSteps);
    }
    const std::size_t one = count / 2;
    under_way.table.lower(Fences::key(one), Fences::hash(one));
    CHECK(under_way.table.size() == count - 1);
    for (std::size_t i = 0; i < count; ++i) CHECK(under_way.fences[i].stands() == (i != one));
  }
}

TEST_CASE("Only the loads of the very key are told, also where two keys have one hash") {
  FenceTable table;
  Fence first, again, other;
  table.add(first, "k", 7);
  table.add(other, "o", 7);
  table.add(again, "k", 7);
  table.lower("k", 7);
  CHECK_FALSE(first.stands());
  CHECK_FALSE(again.stands());
  CHECK(other.stands());
  for (Fence* const fence : {&first, &again, &other}) table.remove(*fence);
  CHECK(table.size() == 0);
}

TEST_CASE("Loads that come and go in any order are found as long as they are under way") {
  constexpr std::size_t kKeys = 300;
  Rng rng(5);
  FenceTable table;
  std::vector<std::unique_ptr<Fence>> under_way(kKeys);
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t at = rng.below(kKeys);
    std::unique_ptr<Fence>& fence = under_way[at];
    if (!fence) {
      fence = std::make_unique<Fence>();
      table.add(*fence, Fences::key(at), Fences::hash(at));
      continue;
    }
    if (rng.chance(50)) {
      table.lower(Fences::key(at), Fences::hash(at));
      CHECK_FALSE(fence->stands());
    }
    table.remove(*fence);
    fence.reset();
  }
  for (std::size_t at = 0; at < kKeys; ++at) {
    if (!under_way[at]) continue;
    table.lower(Fences::key(at), Fences::hash(at));
    CHECK_FALSE(under_way[at]->stands());
  }
  CHECK(table.size() == 0);
}

}  // namespace
}  // namespace tidegate::internal
