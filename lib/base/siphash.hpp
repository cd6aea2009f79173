// SPDX-License-Identifier: Apache-2.0
//
// SipHash-1-3 (Aumasson and Bernstein, 2012): the hash of keys inside a process. Keyed, so that
// nobody outside can choose keys that fall into one place of the table. Pure, any thread. Cost: about
// 12 ns for 20 bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidegate::internal {

struct HashSeed {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

std::uint64_t siphash(HashSeed seed, std::string_view bytes) noexcept;

// The one of all tables of this process, drawn when it is first asked for.
HashSeed process_hash_seed() noexcept;

}  // namespace tidegate::internal
