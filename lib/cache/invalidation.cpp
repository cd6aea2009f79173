// SPDX-License-Identifier: Apache-2.0

#include "cache/invalidation.hpp"

#include "base/little_endian.hpp"
#include "cache/xxh64.hpp"

namespace tidegate::internal {
namespace {

constexpr std::uint8_t kLayout = 1;
constexpr std::size_t kHeader = 16;
constexpr std::size_t kChecksum = 8;

}  // namespace

std::string encode_invalidation(const Invalidation& message) {
  const bool is_key = message.kind == Invalidation::Kind::kKey;
  const std::string_view key = is_key ? message.key : std::string_view();
  std::string bytes;
  bytes.reserve(kHeader + key.size() + kChecksum);
  append_little(bytes, kLayout);
  append_little(bytes, static_cast<std::uint8_t>(message.kind));
  append_little<std::uint8_t>(bytes, message.keeps_stale ? 1 : 0);
  append_little<std::uint8_t>(bytes, 0);
  append_little(bytes, static_cast<std::uint32_t>(key.size()));
  append_little(bytes, message.sender);
  bytes.append(key);
  append_little(bytes, xxh64(bytes));
  return bytes;
}

std::optional<Invalidation> decode_invalidation(std::string_view bytes) noexcept {
  if (bytes.size() < kHeader + kChecksum) return std::nullopt;
  const char* const at = bytes.data();
  const std::size_t key_size = load_little<std::uint32_t>(at + 4);
  if (key_size > kMostInvalidationKey || kHeader + key_size + kChecksum != bytes.size()) {
    return std::nullopt;
  }
  const std::string_view checked = bytes.substr(0, kHeader + key_size);
  if (load_little<std::uint64_t>(at + checked.size()) != xxh64(checked)) return std::nullopt;
  Invalidation message;
  const auto kind = load_little<std::uint8_t>(at + 1);
  message.kind = static_cast<Invalidation::Kind>(kind);
  const auto keeps_stale = load_little<std::uint8_t>(at + 2);
  const bool is_kind = kind >= 1 && kind <= static_cast<std::uint8_t>(Invalidation::Kind::kBegun);
  if (load_little<std::uint8_t>(at) != kLayout || keeps_stale > 1 ||
      load_little<std::uint8_t>(at + 3) != 0 || !is_kind ||
      (message.kind != Invalidation::Kind::kKey && key_size != 0)) {
    return std::nullopt;
  }
  message.keeps_stale = keeps_stale == 1;
  message.sender = load_little<std::uint64_t>(at + 8);
  message.key = checked.substr(kHeader);
  return message;
}

}  // namespace tidegate::internal
