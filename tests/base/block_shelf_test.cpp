// SPDX-License-Identifier: Apache-2.0
#include "base/block_shelf.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <thread>
#include <vector>

#include "support/deep.hpp"

namespace tidegate::internal {
namespace {

constexpr std::size_t kSize = 256;

TEST_CASE("A block that is put back is no longer anybody's, also where more come than are kept") {
  static BlockShelf<kSize, 2> shelf;
  std::array<void*, 5> blocks{};
  for (int round = 0; round < 3; ++round) {
    for (void*& block : blocks) {
      block = shelf.take();
      std::memset(block, 1, kSize);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) CHECK(blocks[i] != blocks[k]);
    }
    for (void* const block : blocks) shelf.put(block);
  }
}

TEST_CASE("Two threads never have one block at the same time") {
  static BlockShelf<sizeof(int), 8> shelf;
  const int turns = test::repeat(20'000, 500'000);
  const auto work = [turns](int mine) {
    std::array<int*, 4> held{};
    for (int i = 0; i < turns; ++i) {
      for (int*& block : held) {
        block = static_cast<int*>(shelf.take());
        *block = mine;
      }
      for (int* const block : held) {
        REQUIRE(*block == mine);
        shelf.put(block);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace tidegate::internal
