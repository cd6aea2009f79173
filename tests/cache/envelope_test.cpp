// SPDX-License-Identifier: Apache-2.0

#include "cache/envelope.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/little_endian.hpp"
#include "base/ports/rng.hpp"
#include "cache/xxh64.hpp"
#include "net/redis_reply.hpp"
#include "support/seeds.hpp"

using namespace std::chrono_literals;
using namespace tidegate::internal;
using tidegate::Cause;
using tidegate::Duration;

namespace {

const EnvelopeEntry kSample{.key = "car:42",
                            .payload = R"({"make":"BMW"})",
                            .negative = true,
                            .codec = 1,
                            .stale_window = 1h,
                            .life = 1234ms,
                            .version = 0x0102030405060708u};

std::string sealed(const EnvelopeEntry& entry) {
  auto bytes = seal(entry);
  REQUIRE(bytes.ok());
  return std::move(bytes).value();
}

// With a checksum that is right again: only what was changed on purpose is wrong.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  append_little(bytes, xxh64(bytes));
  return bytes;
}

std::string with_byte(std::string bytes, std::size_t at, int value) {
  bytes[at] = static_cast<char>(value);
  return bytes;
}

EnvelopeFault fault(std::string_view bytes, std::string_view key = kSample.key) {
  const OpenedEnvelope opened = open_envelope(bytes, key);
  if (!opened) CHECK(opened.entry == EnvelopeEntry{});
  return opened.fault;
}

std::string random_bytes(Rng& rng, std::size_t most) {
  std::string bytes(rng.below(most + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(rng.below(256));
  return bytes;
}

}  // namespace

TEST_CASE("WhatIsSealedIsOpened") {
  const std::string bytes = sealed(kSample);
  CHECK(bytes.size() == kEnvelopeOverhead + 6 + 14);
  const OpenedEnvelope opened = open_envelope(bytes, "car:42");
  REQUIRE(opened);
  CHECK(opened.entry == kSample);
  // The views point into the bytes.
  CHECK(opened.entry.payload.data() == bytes.data() + 46);
}

TEST_CASE("TheLayoutIsTheSameOnEveryMachine") {
  const std::string bytes = sealed({.key = "k",
                                    .payload = "v",
                                    .negative = true,
                                    .codec = 2,
                                    .stale_window = 258ms,
                                    .life = 772ms,
                                    .version = 5});
  const std::string_view expected(
      "\xf5TGV\x01\x01\x02\x00"
      "\x02\x01\x00\x00\x00\x00\x00\x00"
      "\x04\x03\x00\x00\x00\x00\x00\x00"
      "\x05\x00\x00\x00\x00\x00\x00\x00"
      "\x01\x00\x00\x00\x01\x00\x00\x00"
      "kv",
      42);
  CHECK(bytes.substr(0, 42) == expected);
  CHECK(bytes.size() == 50);
}

TEST_CASE("AnyEntryComesBack") {
  tidegate::test::each_seed(1'000, 100'000, [](std::uint64_t seed) {
    Rng rng(seed);
    const std::string key = random_bytes(rng, 40);
    const std::string payload = random_bytes(rng, 200);
    EnvelopeEntry entry{.key = key, .payload = payload};
    entry.negative = rng.chance(50);
    entry.codec = static_cast<std::uint8_t>(rng.below(256));
    entry.stale_window = std::chrono::milliseconds(rng.below(9'223'372'036'854u));
    entry.life = std::chrono::milliseconds(rng.below(9'223'372'036'854u));
    entry.version = rng.next();
    const OpenedEnvelope opened = open_envelope(sealed(entry), key);
    REQUIRE(opened);
    REQUIRE(opened.entry.negative == entry.negative);
    REQUIRE(opened.entry.codec == entry.codec);
    REQUIRE(opened.entry.stale_window == entry.stale_window);
    REQUIRE(opened.entry.life == entry.life);
    REQUIRE(opened.entry.version == entry.version);
    REQUIRE(open_envelope(sealed(entry), key + "x").fault == EnvelopeFault::kOtherKey);
  });
}

TEST_CASE("EmptyKeysAndPayloadsAreValues") {
  const OpenedEnvelope opened = open_envelope(sealed({}), "");
  CHECK(opened);
  CHECK(opened.entry == EnvelopeEntry{});
}

TEST_CASE("DurationsAreWholeUnitsAndNeverNegative") {
  const std::string bytes = sealed({.stale_window = 1999us, .life = -5s});
  const OpenedEnvelope opened = open_envelope(bytes, "");
  CHECK(opened.entry.stale_window == 1ms);
  CHECK(opened.entry.life == 0s);
  const std::string longest = sealed({.stale_window = Duration::max(), .life = Duration::max()});
  CHECK(open_envelope(longest, "").entry.stale_window == 9'223'372'036'854ms);
  CHECK(open_envelope(longest, "").entry.life == 9'223'372'036'854ms);
  // What no Duration holds is capped, not wrapped.
  std::string beyond = longest;
  for (std::size_t i = 8; i < 24; ++i) beyond[i] = '\xff';
  CHECK(open_envelope(resealed(beyond), "").entry.stale_window == 9'223'372'036'854ms);
}

TEST_CASE("EveryFlippedBitIsNoticed") {
  const std::string bytes = sealed(kSample);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    CAPTURE(bit);
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK(fault(flipped) != EnvelopeFault::kNone);
  }
}

TEST_CASE("EveryCutIsNoticed") {
  const std::string bytes = sealed(kSample);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const EnvelopeFault expected = size < 4 ? EnvelopeFault::kForeign : EnvelopeFault::kTruncated;
    CHECK(fault(std::string_view(bytes).substr(0, size)) == expected);
  }
  CHECK(fault(bytes + "x") == EnvelopeFault::kTruncated);
  CHECK(fault(bytes + bytes) == EnvelopeFault::kTruncated);
}

TEST_CASE("WhatIsWrongIsNamed") {
  const std::string bytes = sealed(kSample);
  CHECK(fault(R"({"make":"BMW","model":"M3","price":1,"year":2020,"mileage":7})") ==
        EnvelopeFault::kForeign);
  CHECK(fault("") == EnvelopeFault::kForeign);
  CHECK(fault(bytes, "car:43") == EnvelopeFault::kOtherKey);
  CHECK(fault(bytes, "") == EnvelopeFault::kOtherKey);
  CHECK(fault(resealed(with_byte(bytes, 4, 2))) == EnvelopeFault::kNewer);
  CHECK(fault(with_byte(bytes, 4, 2)) == EnvelopeFault::kNewer);
  CHECK(fault(resealed(with_byte(bytes, 5, 2))) == EnvelopeFault::kNewer);
  CHECK(fault(resealed(with_byte(bytes, 7, 1))) == EnvelopeFault::kNewer);
  CHECK(fault(with_byte(bytes, 8, 1)) == EnvelopeFault::kDamaged);
  CHECK(fault(with_byte(bytes, bytes.size() - 1, 1)) == EnvelopeFault::kDamaged);
  // Lengths whose sum is right, and those that would wrap around in 32 bits.
  CHECK(fault(resealed(with_byte(with_byte(bytes, 32, 5), 36, 15))) == EnvelopeFault::kOtherKey);
  std::string wrapped = bytes;
  store_little<std::uint32_t>(wrapped.data() + 32, 0xFFFFFFFFu);
  store_little<std::uint32_t>(wrapped.data() + 36, 6 + 14 + 1);
  CHECK(fault(resealed(wrapped)) == EnvelopeFault::kTruncated);

  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(EnvelopeFault::kOtherKey); ++i) {
    names.insert(envelope_fault_name(static_cast<EnvelopeFault>(i)));
  }
  CHECK(names.size() == 6);
}

TEST_CASE("WhatIsTooLargeIsNotSealed") {
  const std::string payload(1'000, 'x');
  const EnvelopeEntry entry{.key = "k", .payload = payload};
  CHECK(seal(entry, 1'049).ok());
  const auto refused = seal(entry, 1'048);
  CHECK(refused.status().cause() == Cause::kTooLarge);
  CHECK(
      refused.status().message() ==
      "a value of 1000 bytes under a key of 1 bytes does not fit the limit of 1048 bytes in Redis");
  CHECK_FALSE(seal({}, 10).ok());
  CHECK_FALSE(seal({}, 0).ok());
}

TEST_CASE("WhatIsSealedCanAlwaysBeReadBack") {
  CHECK(RedisReplyLimits{}.string_bytes == kMaxEnvelope);
}

TEST_CASE("MutatedEnvelopesAreNeverTakenForOurs") {
  tidegate::test::each_seed(2'000, 100'000, [](std::uint64_t seed) {
    Rng rng(seed);
    const std::string bytes = sealed(kSample);
    std::string mutated = bytes;
    for (std::uint64_t left = 1 + rng.below(4); left > 0; --left) {
      const std::uint64_t at = rng.below(mutated.size() + 1);
      switch (rng.below(3)) {
        case 0: mutated.insert(at, random_bytes(rng, 9)); break;
        case 1: mutated.erase(at, rng.below(9)); break;
        default:
          if (at < mutated.size()) mutated[at] = static_cast<char>(rng.below(256));
      }
    }
    const bool same = mutated == bytes;
    REQUIRE((fault(mutated) == EnvelopeFault::kNone) == same);
  });
}
