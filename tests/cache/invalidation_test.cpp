// SPDX-License-Identifier: Apache-2.0

#include "cache/invalidation.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/little_endian.hpp"
#include "base/ports/rng.hpp"
#include "cache/xxh64.hpp"
#include "support/seeds.hpp"

using namespace tidegate::internal;
using Kind = Invalidation::Kind;

namespace {

const Invalidation kSample{
    .kind = Kind::kKey, .keeps_stale = true, .sender = 0x0102030405060708u, .key = "car:42"};
const Invalidation kAll{.kind = Kind::kEverything, .sender = ~std::uint64_t{0}};

// With a checksum that is right again.
std::string changed(std::size_t at, int value, const Invalidation& message = kSample) {
  std::string bytes = encode_invalidation(message);
  bytes[at] = static_cast<char>(value);
  bytes.resize(bytes.size() - 8);
  append_little(bytes, xxh64(bytes));
  return bytes;
}

}  // namespace

TEST_CASE("AnInvalidationComesBack") {
  const std::string bytes = encode_invalidation(kSample);
  CHECK(decode_invalidation(bytes) == kSample);
  const std::string all = encode_invalidation(kAll);
  CHECK(decode_invalidation(all) == kAll);
  tidegate::test::each_seed(500, 50'000, [](std::uint64_t seed) {
    Rng rng(seed);
    std::string key(rng.below(100), '\0');
    for (char& c : key) c = static_cast<char>(rng.below(256));
    Invalidation message{.kind = static_cast<Kind>(1 + rng.below(3))};
    message.keeps_stale = rng.chance(50);
    message.sender = rng.next();
    if (message.kind == Kind::kKey) message.key = key;
    const std::string encoded = encode_invalidation(message);
    REQUIRE(decode_invalidation(encoded) == message);
  });
}

TEST_CASE("AnInvalidationHasOneLayout") {
  const std::string bytes = encode_invalidation(kSample);
  const std::string_view expected(
      "\x01\x01\x01\x00"
      "\x06\x00\x00\x00"
      "\x08\x07\x06\x05\x04\x03\x02\x01"
      "car:42",
      22);
  CHECK(bytes.substr(0, 22) == expected);
  CHECK(bytes.size() == 30);
}

TEST_CASE("EverythingNamesNoKey") {
  Invalidation all = kSample;
  all.kind = Kind::kEverything;
  const std::string bytes = encode_invalidation(all);
  CHECK(decode_invalidation(bytes)->key.empty());
  for (const int kind : {2, 3}) {
    CHECK_FALSE(decode_invalidation(changed(1, kind)));  // a key behind it
    CHECK(decode_invalidation(changed(1, kind, all)));
  }
}

TEST_CASE("AKeyIsAsLongAsItMayBe") {
  const std::string longest(kMostInvalidationKey, 'k');
  const std::string bytes = encode_invalidation({.key = longest});
  CHECK(decode_invalidation(bytes)->key == longest);
  const std::string longer = encode_invalidation({.key = longest + "k"});
  CHECK_FALSE(decode_invalidation(longer));
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
  CHECK_FALSE(decode_invalidation(changed(1, 0, kAll)));  // no such kind
  CHECK_FALSE(decode_invalidation(changed(1, 4, kAll)));
  CHECK_FALSE(decode_invalidation(changed(2, 2)));
  CHECK_FALSE(decode_invalidation(changed(3, 1)));
  tidegate::test::each_seed(1'000, 100'000, [](std::uint64_t seed) {
    Rng rng(seed);
    std::string garbage(rng.chance(50) ? 24 : rng.below(100), '\0');
    for (char& c : garbage) c = static_cast<char>(rng.below(256));
    REQUIRE_FALSE(decode_invalidation(garbage));
  });
}
