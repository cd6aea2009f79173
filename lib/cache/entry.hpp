// SPDX-License-Identifier: Apache-2.0
//
// Entry: one value at rest, in 64 bytes that its key follows. Entries live in a Slab (slab.hpp) and
// are named by 32-bit numbers, which stay as long as the entry does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tidegate::internal {

using EntryId = std::uint32_t;
inline constexpr EntryId kNoEntry = 0xffffffff;

// A time in milliseconds since the store was made: 40 bits, which is 34 years.
using Ticks = std::uint64_t;
inline constexpr Ticks kLastTick = (Ticks{1} << 40) - 1;
inline constexpr std::uint64_t kLastVersion = (std::uint64_t{1} << 56) - 1;
// Of what weighs as much or more: no value that is kept.
inline constexpr std::size_t kBeyondWeight = 0xffffffff;
inline constexpr std::size_t kMostKeyBytes = (std::size_t{1} << 24) - 1;

struct Entry {
  std::uint64_t version : 56;
  std::uint64_t user_flags : 8;
  void* value;
  std::uint32_t hash;  // the low half
  std::uint32_t weight;
  EntryId previous, next;              // in its queue
  EntryId wheel_previous, wheel_next;  // among those that end in the same second
  Ticks stored_at : 40;
  Ticks key_size : 24;
  Ticks fresh_until : 40;
  Ticks life : 24;  // of a sliding entry, in steps of kLifeStep, rounded up
  Ticks stale_until : 40;
  Ticks uses : 2;  // since the queue's hand last came by
  Ticks in_main : 1;
  Ticks claimed : 1;
  Ticks slides : 1;          // each hit makes it fresh for `life` again, and puts its end off
  Ticks key_is_outside : 1;  // in a block of its own, whose address is where the key would be

  std::string_view key() const noexcept {
    const char* const here = reinterpret_cast<const char*>(this + 1);
    if (!key_is_outside) return {here, key_size};
    const char* outside = nullptr;
    std::memcpy(static_cast<void*>(&outside), here, sizeof outside);
    return {outside, key_size};
  }
};
static_assert(sizeof(Entry) == 64);
inline constexpr Ticks kLifeStep = 64;  // 12 days at most; longer is 12 days

}  // namespace tidegate::internal
