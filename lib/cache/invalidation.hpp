// SPDX-License-Identifier: Apache-2.0
//
// What one process tells the others over Redis' pub/sub when something in the cache is no longer
// valid: one key, or everything that is older than an epoch.
//
// The channel belongs to a namespace (redis_channel), a key travels as its hash, and a sender is a
// random number that a process draws anew after a fork, so that it knows its own messages when they
// come back. Whatever else is on the channel is refused; at worst it makes somebody load again.
//
//   offset  size  all numbers little endian
//        0     1  version of this layout: 1
//        1     1  kind: 1 a key, 2 an epoch
//        2     8  sender
//       10     8  fence: what was loaded at or before this version, or epoch, is not to be used
//       18    16  the hash of the key; zeros for an epoch
//       34     8  XXH64 of everything before
//
// Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/redis_key.hpp"

namespace tidegate::internal {

struct Invalidation {
  enum class Kind : std::uint8_t { kKey = 1, kEpoch = 2 };

  Kind kind = Kind::kKey;
  std::uint64_t sender = 0;
  std::uint64_t fence = 0;
  KeyHash key{};  // zeros for an epoch

  bool operator==(const Invalidation&) const = default;
};

std::string encode_invalidation(const Invalidation& message);

// Nothing where it is not exactly such a message, also where it is one of a newer version.
std::optional<Invalidation> decode_invalidation(std::string_view bytes) noexcept;

}  // namespace tidegate::internal
