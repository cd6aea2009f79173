// SPDX-License-Identifier: Apache-2.0
#include "base/siphash.hpp"

#include <bit>

#include "base/little_endian.hpp"
#include "base/seed.hpp"

namespace tidegate::internal {

namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

// The bytes behind the last whole word. They are never more than seven, but a loop over them is a
// third of the hash of a short key.
std::uint64_t rest_of(std::string_view bytes) noexcept {
  const std::size_t left = bytes.size() % 8;
  const char* const end = bytes.data() + bytes.size();
  // Together with those before them, which the shifts drop; none may be left.
  if (bytes.size() >= 8) return load_little<std::uint64_t>(end - 8) >> 8 >> 8 * (7 - left);
  if (left >= 4) {  // two loads that overlap
    return load_little<std::uint32_t>(bytes.data()) |
           std::uint64_t{load_little<std::uint32_t>(end - 4)} << 8 * (left - 4);
  }
  if (left == 0) return 0;
  const auto byte = [bytes](std::size_t at) {
    return std::uint64_t{static_cast<unsigned char>(bytes[at])} << 8 * at;
  };
  return byte(0) | byte(left / 2) | byte(left - 1);
}

}  // namespace

std::uint64_t siphash(HashSeed seed, std::string_view bytes) noexcept {
  State state{seed.low ^ 0x736f6d6570736575u, seed.high ^ 0x646f72616e646f6du,
              seed.low ^ 0x6c7967656e657261u, seed.high ^ 0x7465646279746573u};
  const std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56 | rest_of(bytes);
  for (; bytes.size() >= 8; bytes.remove_prefix(8))
    state.take(load_little<std::uint64_t>(bytes.data()));
  state.take(last);
  state.v2 ^= 0xff;
  state.round();
  state.round();
  state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

HashSeed process_hash_seed() noexcept {
  static const HashSeed seed{.low = fresh_seed(), .high = fresh_seed()};
  return seed;
}

}  // namespace tidegate::internal
