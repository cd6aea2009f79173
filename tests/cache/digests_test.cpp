// SPDX-License-Identifier: Apache-2.0
// The published algorithms against values of other implementations: Python's hashlib, xxhash, and
// its own hash() with PYTHONHASHSEED=0, which is SipHash-1-3 with a key of zeroes.

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/siphash.hpp"
#include "cache/blake2b.hpp"
#include "cache/redis_key.hpp"
#include "cache/xxh64.hpp"

using namespace tidegate::internal;

namespace {

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + size);
  return bytes;
}

std::string hex(const std::array<std::uint8_t, 16>& bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string digits;
  for (const std::uint8_t byte : bytes) digits.append({kHex[byte >> 4], kHex[byte & 15U]});
  return digits;
}

struct Row {
  std::size_t size;
  std::string_view blake2b;
  std::uint64_t xxh64;
};

constexpr Row kRows[] = {
    {0, "cae66941d9efbd404e4d88758ea67670", 0xef46db3751d8e999u},
    {1, "4a9e6f9b8d43f6ad008f8c291929dee2", 0x8a4127811b21e730u},
    {3, "09e03a807474593d5cb98909e5d502cd", 0x31d2363f52e564c9u},
    {4, "5301f93b82db4df1bb0e1486f4db55d9", 0xb4d516af63f9c743u},
    {7, "993c1d646d7d82379a3864c937fe10a8", 0x2163df11c0cdf8cdu},
    {8, "58c33a6b61da56164e11678ea14431b3", 0xd5474d6ca50def58u},
    {31, "758537bead1306dc903bdf46a04738d2", 0xc025b4c3c4880c7au},
    {32, "97bd053baf3cf68200da00cb997987c1", 0x178ae25cee6f7994u},
    {33, "8727f88347a12358f3aba3e1b5d2c3e5", 0x4072a28263e977efu},
    {63, "f15df1d728bff150c83f40a108e3e723", 0x47948108b5ff3162u},
    {127, "4bdfe90a02a9650321e48e485acc8498", 0x6a3ed4d81cb3746fu},
    {128, "117ca2028a4b08156b399fd29adea911", 0xdb69645e5f1b9117u},
    {129, "bf505197d50347255a4f8bc3a3c4e184", 0x01d56b13508b2a12u},
    {255, "67aebb0a5aae8eab2b88ce6bd9b54eb4", 0xa537c95be46e0e8au},
    {256, "dbb08d79105462394550aa4d4e10133f", 0x2104991804ccea01u},
    {257, "1aad2e646e9ff664e7294e2b30abef52", 0x861d753f05001c1du},
    {1000, "81c26b9c7a14e1ff952a2e90155aaead", 0x958e6485b0af5378u},
};

struct SipRow {
  std::size_t size;
  std::uint64_t hash;
};

constexpr SipRow kSipRows[] = {
    {1, 0x44bc103b1f8540edu},  {2, 0x59c293a98a99f70bu},  {3, 0x711b47561b9b33e2u},
    {4, 0xd18e60eb59380f69u},  {5, 0x4983680039fb2f34u},  {6, 0xb646f9a3ed9bf441u},
    {7, 0x9fff4ac9ef420232u},  {8, 0xcaf590d4e8867659u},  {9, 0xdbc958e03a783083u},
    {15, 0xade679b8aedd64c4u}, {16, 0xd16eb79de4d128d0u}, {20, 0xe185729804b4ac1eu},
    {23, 0x888a8204bdf9beb5u}, {24, 0xd42f8303f2318297u}, {1000, 0x027678c19a37e86bu},
};

}  // namespace

TEST_CASE("DigestsAreThoseOfOtherImplementations") {
  for (const Row& row : kRows) {
    CAPTURE(row.size);
    const std::string bytes = pattern(row.size);
    CHECK(hex(blake2b_128(bytes)) == row.blake2b);
    CHECK(xxh64(bytes) == row.xxh64);
    // At an odd address too.
    const std::string shifted = "x" + bytes;
    CHECK(hex(blake2b_128(std::string_view(shifted).substr(1))) == row.blake2b);
    CHECK(xxh64(std::string_view(shifted).substr(1)) == row.xxh64);
  }
  CHECK(hex(blake2b_128("abc")) == "cf4ab791c62b8d2b2109c90275287816");
  CHECK(xxh64("abc") == 0x44bc2cf5ad770999u);
  CHECK(hex(blake2b_128({})) == kRows[0].blake2b);
  CHECK(xxh64({}) == kRows[0].xxh64);
}

TEST_CASE("TheHashOfKeysIsThatOfOtherImplementations") {
  for (const SipRow& row : kSipRows) {
    CAPTURE(row.size);
    const std::string bytes = pattern(row.size);
    CHECK(siphash({}, bytes) == row.hash);
    CHECK(siphash({.low = 1, .high = 0}, bytes) != row.hash);
    CHECK(siphash({.low = 0, .high = 1}, bytes) != row.hash);
    const std::string shifted = "x" + bytes + "x";
    CHECK(siphash({}, std::string_view(shifted).substr(1, row.size)) == row.hash);
  }
  CHECK(siphash({}, {}) == siphash({}, std::string()));
}

TEST_CASE("ANameInRedisIsTheSameEverywhereAndHidesItsKey") {
  const std::string name = redis_key("cars", 7, "car:42");
  CHECK(name == "tidegate:cars:7:32ee9b92c2803709c10f94b2381c4a28");
  CHECK(redis_key("cars", 7, "car:43") != name);
  CHECK(redis_key("cars", 8, "car:42") != name);
  CHECK(redis_key("bikes", 7, "car:42") != name);
  CHECK(redis_key("cars", 7, "").size() == redis_key("cars", 7, std::string(10'000, 'x')).size());
  CHECK(redis_guard(name) == name + ":guard");
  CHECK(redis_epoch("cars") == "tidegate:cars:epoch");
  CHECK(redis_channel("cars") == "tidegate:cars:invalidations");
  CHECK(hash_key("a") == hash_key("a"));
  CHECK(hash_key("a") != hash_key(std::string_view("a\0", 2)));
}
