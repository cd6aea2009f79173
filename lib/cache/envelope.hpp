// SPDX-License-Identifier: Apache-2.0
//
// The envelope around a value in Redis. It says whose value it is and how it was made, and it shows
// when the bytes are not what we wrote: cut, damaged, another program's, another key's, or of a
// newer version of ours. None of that is ever an error of a lookup: it is a miss, counted under its
// reason.
//
//   Result<std::string> sealed = seal({.key = key, .payload = json, .version = 7});
//   OpenedEnvelope opened = open_envelope(sealed.value(), key);
//   if (!opened) misses[envelope_fault_name(opened.fault)]++;
//   else use(opened.entry.payload);
//
// No point in time is stored, because hosts disagree about it. Redis knows how long a key has left
// (PTTL, asked in the same write as GET): a value is fresh for what is left of that after its stale
// window, and as old as what of its life is gone.
//
//   offset  size  all numbers little endian
//        0     4  magic: f5 54 47 56, no beginning of any text
//        4     1  version of this layout: 1
//        5     1  flags: bit 0 negative; the others are 0
//        6     1  codec
//        7     1  0
//        8     8  stale window in milliseconds
//       16     8  life in milliseconds
//       24     8  version of the entry
//       32     4  n, length of the key
//       36     4  m, length of the payload
//       40     n  the whole key
//     40+n     m  the payload
//   40+n+m     8  XXH64 of everything before
//
// The checksum finds damage; it does not prove who wrote the bytes. Whoever can write to Redis can
// write values.
//
// Pure, any thread. Cost: one allocation and one copy to seal, none to open; the checksum, 0.1 ms
// for 1 MiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

struct EnvelopeEntry {
  std::string_view key{};
  std::string_view payload{};
  bool negative = false;   // "there is no such thing" is what was loaded
  std::uint8_t codec = 0;  // how the payload is written: 0 for bytes, the others are the surfaces'
  Duration stale_window{0};  // in whole milliseconds, rounded down: part of the life in Redis
  Duration life{0};  // the whole of it, in whole milliseconds: its age is what is no longer left
  std::uint64_t version = 0;  // of the entry: what an invalidation compares

  bool operator==(const EnvelopeEntry&) const = default;
};

// What the envelope adds to key and payload.
inline constexpr std::size_t kEnvelopeOverhead = 48;

// The largest envelope that is written unless configured: a payload of 1 MiB, and room for the key.
// Readers of Redis' replies take as much (RedisReplyLimits).
inline constexpr std::size_t kMaxEnvelope = (1U << 20) + (1U << 16);

// The bytes to store. too_large where they would be more than `limit`: then nothing is written.
// Negative durations count as zero.
Result<std::string> seal(const EnvelopeEntry& entry, std::size_t limit = kMaxEnvelope);

enum class EnvelopeFault : std::uint8_t {
  kNone,
  kForeign,    // no envelope of ours: too short, or another magic
  kNewer,      // of a version, or with flags, that this one does not know
  kTruncated,  // fewer or more bytes than it says
  kDamaged,    // the checksum disagrees
  kOtherKey,   // sound, but another key's
};

// "none", "foreign" and so on: a label of a metric.
std::string_view envelope_fault_name(EnvelopeFault fault) noexcept;

struct OpenedEnvelope {
  EnvelopeFault fault = EnvelopeFault::kNone;
  EnvelopeEntry entry;  // where there is no fault; its views point into the bytes

  explicit operator bool() const noexcept { return fault == EnvelopeFault::kNone; }
};

OpenedEnvelope open_envelope(std::string_view bytes, std::string_view expected_key) noexcept;

}  // namespace tidegate::internal
