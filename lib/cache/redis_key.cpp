// SPDX-License-Identifier: Apache-2.0

#include "cache/redis_key.hpp"

#include "cache/blake2b.hpp"

namespace tidegate::internal {

KeyHash hash_key(std::string_view key) noexcept { return KeyHash{blake2b_128(key)}; }

std::string redis_key(std::string_view cache_namespace, std::string_view key) {
  constexpr char kHex[] = "0123456789abcdef";
  const KeyHash hash = hash_key(key);
  std::string name;
  name.reserve(sizeof "tidegate::" + cache_namespace.size() + 2 * hash.bytes.size());
  name.append("tidegate:").append(cache_namespace).append(":");
  for (const std::uint8_t byte : hash.bytes) {
    name.push_back(kHex[byte >> 4]);
    name.push_back(kHex[byte & 15U]);
  }
  return name;
}

std::string redis_channel(std::string_view cache_namespace) {
  return std::string("tidegate:").append(cache_namespace).append(":invalidations");
}

}  // namespace tidegate::internal
