// SPDX-License-Identifier: Apache-2.0

#include "cache/blake2b.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "base/little_endian.hpp"

namespace tidegate::internal {
namespace {

using Word = std::uint64_t;

constexpr std::size_t kBlock = 128;
constexpr std::size_t kDigest = 16;

constexpr std::array<Word, 8> kIv = {0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu,
                                     0xa54ff53a5f1d36f1u, 0x510e527fade682d1u, 0x9b05688c2b3e6c1fu,
                                     0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u};

// Section 2.7; rounds 10 and 11 use the first two again.
constexpr std::uint8_t kSigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

// gcc 12 calls it otherwise, which takes twice as long.
[[gnu::always_inline]] inline void mix(Word& a, Word& b, Word& c, Word& d, Word x,
                                       Word y) noexcept {
  a += b + x;
  d = std::rotr(d ^ a, 32);
  c += d;
  b = std::rotr(b ^ c, 24);
  a += b + y;
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 63);
}

// `taken`: the bytes of the message up to the end of this block.
void compress(std::array<Word, 8>& h, const char* block, Word taken, bool last) noexcept {
  Word m[16];
  for (std::size_t i = 0; i < 16; ++i) m[i] = load_little<Word>(block + 8 * i);
  Word v[16];
  std::copy(h.begin(), h.end(), v);
  std::copy(kIv.begin(), kIv.end(), v + 8);
  v[12] ^= taken;
  if (last) v[14] = ~v[14];
  for (std::size_t round = 0; round < 12; ++round) {
    const auto& s = kSigma[round % 10];
    mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
    mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
    mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
    mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
    mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
    mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
    mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
    mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
  }
  for (std::size_t i = 0; i < 8; ++i) h[i] ^= v[i] ^ v[i + 8];
}

}  // namespace

std::array<std::uint8_t, 16> blake2b_128(std::string_view data) noexcept {
  std::array<Word, 8> h = kIv;
  h[0] ^= 0x01010000u ^ kDigest;  // no key, one leaf
  Word taken = 0;
  while (data.size() > kBlock) {  // the last block, full or not, is another case
    taken += kBlock;
    compress(h, data.data(), taken, false);
    data.remove_prefix(kBlock);
  }
  char block[kBlock] = {};
  if (!data.empty()) std::memcpy(block, data.data(), data.size());
  compress(h, block, taken + data.size(), true);
  std::array<std::uint8_t, kDigest> digest;
  store_little(digest.data(), h[0]);
  store_little(digest.data() + 8, h[1]);
  return digest;
}

}  // namespace tidegate::internal
