// SPDX-License-Identifier: Apache-2.0

#include "cache/invalidation.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ports/rng.hpp"
#include "cache/little_endian.hpp"
#include "cache/xxh64.hpp"
#include "support/seeds.hpp"

using namespace tidegate::internal;
using Kind = Invalidation::Kind;

namespace {

const Invalidation kSample{
    .kind = Kind::kKey, .sender = 0x0102030405060708u, .fence = 7, .key = hash_key("car:42")};

// With a checksum that is right again.
std::string changed(std::size_t at, int value, Invalidation message = kSample) {
  std::string bytes = encode_invalidation(message);
  bytes[at] = static_cast<char>(value);
  bytes.resize(34);
  append_little(bytes, xxh64(bytes));
  return bytes;
}

}  // namespace

TEST_CASE("AnInvalidationComesBack") {
  CHECK(decode_invalidation(encode_invalidation(kSample)) == kSample);
  const Invalidation epoch{.kind = Kind::kEpoch, .sender = ~0u, .fence = ~std::uint64_t{0}};
  CHECK(decode_invalidation(encode_invalidation(epoch)) == epoch);
  tidegate::test::each_seed(500, 50'000, [](std::uint64_t seed) {
    Rng rng(seed);
    Invalidation message{.kind = rng.chance(50) ? Kind::kKey : Kind::kEpoch};
    message.sender = rng.next();
    message.fence = rng.next();
    if (message.kind == Kind::kKey) {
      for (auto& byte : message.key.bytes) byte = static_cast<std::uint8_t>(rng.below(256));
    }
    REQUIRE(decode_invalidation(encode_invalidation(message)) == message);
  });
}

TEST_CASE("AnInvalidationHasOneLayout") {
  const std::string bytes = encode_invalidation(kSample);
  const std::string_view expected(
      "\x01\x01"
      "\x08\x07\x06\x05\x04\x03\x02\x01"
      "\x07\x00\x00\x00\x00\x00\x00\x00"
      "\x32\xee\x9b\x92\xc2\x80\x37\x09\xc1\x0f\x94\xb2\x38\x1c\x4a\x28",
      34);
  CHECK(bytes.substr(0, 34) == expected);
  CHECK(bytes.size() == 42);
}

TEST_CASE("AnEpochNamesNoKey") {
  Invalidation epoch = kSample;
  epoch.kind = Kind::kEpoch;
  CHECK(decode_invalidation(encode_invalidation(epoch))->key == KeyHash{});
  CHECK_FALSE(decode_invalidation(changed(20, 1, epoch)));
}

TEST_CASE("GarbageOnTheChannelIsRefused") {
  const std::string bytes = encode_invalidation(kSample);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_invalidation(std::string_view(bytes).substr(0, size)));
  }
  CHECK_FALSE(decode_invalidation(bytes + "x"));
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    CAPTURE(bit);
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK_FALSE(decode_invalidation(flipped));
  }
  CHECK_FALSE(decode_invalidation(changed(0, 2)));  // a newer version
  CHECK_FALSE(decode_invalidation(changed(0, 0)));
  CHECK_FALSE(decode_invalidation(changed(1, 0)));  // no such kind
  CHECK_FALSE(decode_invalidation(changed(1, 3)));
  tidegate::test::each_seed(1'000, 100'000, [](std::uint64_t seed) {
    Rng rng(seed);
    std::string garbage(rng.chance(50) ? 42 : rng.below(100), '\0');
    for (char& c : garbage) c = static_cast<char>(rng.below(256));
    REQUIRE_FALSE(decode_invalidation(garbage));
  });
}
