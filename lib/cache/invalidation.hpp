// SPDX-License-Identifier: Apache-2.0
//
// What one process tells the others over Redis' pub/sub when something in the cache is no longer
// valid: one key, or everything, because the namespace's epoch was raised, or has begun anew.
//
// The channel belongs to a namespace (redis_channel). The message holds the whole key, since the
// others' memory knows no hashes. A sender is a random number that a process draws anew after a
// fork, so that it knows its own messages when they come back. Whatever else is on the channel is
// refused; at worst it makes somebody load again.
//
//   offset  size  all numbers little endian
//        0     1  version of this layout: 1
//        1     1  kind: 1 a key, 2 everything, 3 everything, since the epoch has begun
//        2     1  1: what is stale by it may still be served where there is no better; else 0
//        3     1  0
//        4     4  n, length of the key; else 0
//        8     8  sender
//       16     n  the whole key
//     16+n     8  XXH64 of everything before
//
// Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::internal {

// No longer key travels; whoever forgets one forgets everything.
inline constexpr std::size_t kMostInvalidationKey = std::size_t{1} << 20;

struct Invalidation {
  enum class Kind : std::uint8_t { kKey = 1, kEverything = 2, kBegun = 3 };

  Kind kind = Kind::kKey;
  bool keeps_stale = false;
  std::uint64_t sender = 0;
  std::string_view key{};  // empty for all but a key

  bool operator==(const Invalidation&) const = default;
};

// REQUIRES: a key of at most kMostInvalidationKey.
std::string encode_invalidation(const Invalidation& message);

// Nothing where it is not exactly such a message, also where it is one of a newer version. The key
// points into the bytes.
std::optional<Invalidation> decode_invalidation(std::string_view bytes) noexcept;

}  // namespace tidegate::internal
