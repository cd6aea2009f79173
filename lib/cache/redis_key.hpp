// SPDX-License-Identifier: Apache-2.0
//
// What a cache's keys are called in Redis: "tidegate:<namespace>:<epoch>:<32 hex digits>".
//
// A key can hold what a user typed, so it is hashed before it becomes a name that MONITOR, slow
// logs and dashboards show. The hash is BLAKE2b with 128 bits, unseeded: the same name for the same
// key in every process, on every machine, in every version. It is a cryptographic hash, so that
// nobody can choose a key that takes another one's place, and no name can be turned back into its
// key; keys that can be guessed can of course be tried. Two keys of one name would still not be
// mixed up: the envelope of a value holds its whole key (envelope.hpp).
//
// The epoch is a number of the namespace that only grows. Raising it changes the names of all keys,
// and so forgets them all at once; what stands under the old ones ends by its own life.
//
// Pure, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::internal {

struct KeyHash {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const KeyHash&) const = default;
};

KeyHash hash_key(std::string_view key) noexcept;

// The name of a key in Redis. A namespace is a cache's name as configured.
std::string redis_key(std::string_view cache_namespace, std::int64_t epoch, std::string_view key);

// The guard of what has that name (base/ports/kv.hpp).
std::string redis_guard(std::string_view name);

// Where the namespace's epoch stands.
std::string redis_epoch(std::string_view cache_namespace);

// The pub/sub channel on which the processes that share a namespace tell each other what is no
// longer valid (invalidation.hpp).
std::string redis_channel(std::string_view cache_namespace);

}  // namespace tidegate::internal
