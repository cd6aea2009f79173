// SPDX-License-Identifier: Apache-2.0
//
// Numbers as bytes, least significant first, on every machine and at any address. A compiler makes
// one load or store of each.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace tidegate::internal {

template <std::unsigned_integral Number>
constexpr Number swapped_where_big_endian(Number value) noexcept {
  if constexpr (std::endian::native == std::endian::little) return value;
  std::uint64_t swapped = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    swapped = (swapped << 8) | ((std::uint64_t{value} >> (8 * i)) & 0xFFU);
  }
  return static_cast<Number>(swapped);
}

template <std::unsigned_integral Number>
Number load_little(const void* from) noexcept {
  Number value;
  std::memcpy(&value, from, sizeof value);
  return swapped_where_big_endian(value);
}

template <std::unsigned_integral Number>
void store_little(void* to, Number value) noexcept {
  value = swapped_where_big_endian(value);
  std::memcpy(to, &value, sizeof value);
}

template <std::unsigned_integral Number>
void append_little(std::string& out, Number value) {
  char bytes[sizeof value];
  store_little(bytes, value);
  out.append(bytes, sizeof bytes);
}

}  // namespace tidegate::internal
