// SPDX-License-Identifier: Apache-2.0
#include "cache/entry_index.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/seeds.hpp"

namespace tidegate::internal {
namespace {

// Entries by their keys; a hash of few bits, so that many of them want the same place.
struct IndexInTest {
  explicit IndexInTest(std::uint32_t hash_mask = 0xffffffff) : mask(hash_mask) {}

  std::uint32_t hash_of(const std::string& key) const {
    return static_cast<std::uint32_t>(std::stoul(key) * 2'654'435'761u) & mask;
  }
  EntryId find(const std::string& key) const { return index.find(slab, key, hash_of(key)); }
  EntryId insert(const std::string& key) {
    index.reserve_one(slab);
    const EntryId id = slab.take(key);
    slab[id].hash = hash_of(key);
    index.insert(id, slab[id].hash);
    return id;
  }
  void remove(EntryId id) {
    index.remove(slab, id);
    slab.give_back(id);
  }

  const std::uint32_t mask;
  Slab slab;
  EntryIndex index;
};

TEST_CASE("What is there is found and nothing else, also while the table grows") {
  test::each_seed(10, 500, [](std::uint64_t seed) {
    IndexInTest test(seed % 2 == 0 ? 0xffffffff : 0xff00003f);
    Rng rng(seed);
    std::map<std::string, EntryId> there;
    for (int i = 0; i < 3'000; ++i) {
      const std::string key = std::to_string(rng.below(2'000));
      const auto known = there.find(key);
      REQUIRE(test.find(key) == (known == there.end() ? kNoEntry : known->second));
      if (known == there.end()) {
        there.emplace(key, test.insert(key));
      } else if (rng.chance(30)) {
        test.remove(known->second);
        there.erase(known);
      }
    }
    for (const auto& [key, id] : there) REQUIRE(test.find(key) == id);
  });
}

TEST_CASE("A table that grows takes its entries over a few at a time") {
  IndexInTest test;
  int keys = 0;
  const auto one_more = [&] { test.insert(std::to_string(keys++)); };
  while (test.index.bytes() != 4'096 * sizeof(std::uint32_t)) one_more();
  const std::size_t before = test.index.bytes();
  while (test.index.bytes() == before) one_more();
  CHECK(test.index.bytes() == 3 * before);  // the next one is being cleared
  while (keys <= 4'096 / 8 * 7) one_more();
  CHECK(test.index.bytes() == 3 * before);  // and is beside the old one
  for (int i = 0; i < 4'096 / 16 - 1; ++i) one_more();
  CHECK(test.index.bytes() == 3 * before);
  one_more();
  CHECK(test.index.bytes() == 2 * before);
  for (int i = 0; i < keys; ++i) REQUIRE(test.find(std::to_string(i)) != kNoEntry);
}

}  // namespace
}  // namespace tidegate::internal
