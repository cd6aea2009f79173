// SPDX-License-Identifier: Apache-2.0

#include "cache/redis_key.hpp"

#include "cache/blake2b.hpp"

namespace tidegate::internal {

namespace {

std::string named(std::string_view cache_namespace, std::string_view what) {
  return std::string("tidegate:").append(cache_namespace).append(":").append(what);
}

}  // namespace

KeyHash hash_key(std::string_view key) noexcept { return KeyHash{blake2b_128(key)}; }

std::string redis_key(std::string_view cache_namespace, std::int64_t epoch, std::string_view key) {
  constexpr char kHex[] = "0123456789abcdef";
  const KeyHash hash = hash_key(key);
  std::string name = named(cache_namespace, std::to_string(epoch));
  name.push_back(':');
  for (const std::uint8_t byte : hash.bytes) {
    name.push_back(kHex[byte >> 4]);
    name.push_back(kHex[byte & 15U]);
  }
  return name;
}

std::string redis_guard(std::string_view name) { return std::string(name).append(":guard"); }

std::string redis_epoch(std::string_view cache_namespace) {
  return named(cache_namespace, "epoch");
}

std::string redis_channel(std::string_view cache_namespace) {
  return named(cache_namespace, "invalidations");
}

}  // namespace tidegate::internal
