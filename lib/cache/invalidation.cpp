// SPDX-License-Identifier: Apache-2.0

#include "cache/invalidation.hpp"

#include <algorithm>
#include <cstddef>

#include "cache/little_endian.hpp"
#include "cache/xxh64.hpp"

namespace tidegate::internal {
namespace {

constexpr std::uint8_t kLayout = 1;
constexpr std::size_t kChecked = 34;
constexpr std::size_t kSize = kChecked + 8;

}  // namespace

std::string encode_invalidation(const Invalidation& message) {
  std::string bytes;
  bytes.reserve(kSize);
  append_little(bytes, kLayout);
  append_little(bytes, static_cast<std::uint8_t>(message.kind));
  append_little(bytes, message.sender);
  append_little(bytes, message.fence);
  const KeyHash key = message.kind == Invalidation::Kind::kKey ? message.key : KeyHash{};
  bytes.append(key.bytes.begin(), key.bytes.end());
  append_little(bytes, xxh64(bytes));
  return bytes;
}

std::optional<Invalidation> decode_invalidation(std::string_view bytes) noexcept {
  if (bytes.size() != kSize) return std::nullopt;
  const char* const at = bytes.data();
  if (load_little<std::uint64_t>(at + kChecked) != xxh64(bytes.substr(0, kChecked))) {
    return std::nullopt;
  }
  Invalidation message;
  message.kind = static_cast<Invalidation::Kind>(load_little<std::uint8_t>(at + 1));
  const bool is_key = message.kind == Invalidation::Kind::kKey;
  if (load_little<std::uint8_t>(at) != kLayout ||
      (!is_key && message.kind != Invalidation::Kind::kEpoch)) {
    return std::nullopt;
  }
  message.sender = load_little<std::uint64_t>(at + 2);
  message.fence = load_little<std::uint64_t>(at + 10);
  std::transform(at + 18, at + kChecked, message.key.bytes.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  if (!is_key && message.key != KeyHash{}) return std::nullopt;
  return message;
}

}  // namespace tidegate::internal
