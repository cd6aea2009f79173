// SPDX-License-Identifier: Apache-2.0

#include "cache/envelope.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>

#include "base/little_endian.hpp"
#include "cache/xxh64.hpp"

namespace tidegate::internal {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kMagic = "\xf5TGV";
constexpr std::uint8_t kLayout = 1;
constexpr std::uint8_t kNegative = 1;
constexpr std::size_t kHeader = 40;
constexpr std::size_t kChecksum = 8;
static_assert(kHeader + kChecksum == kEnvelopeOverhead);

std::uint64_t whole_milliseconds(Duration duration) noexcept {
  return static_cast<std::uint64_t>(
      std::max(std::chrono::duration_cast<milliseconds>(duration), milliseconds::zero()).count());
}

// What a Duration cannot hold was never written by us, and is capped.
Duration from_milliseconds(std::uint64_t count) noexcept {
  constexpr auto kMost = std::chrono::duration_cast<milliseconds>(Duration::max()).count();
  return milliseconds(
      static_cast<std::int64_t>(std::min(count, static_cast<std::uint64_t>(kMost))));
}

OpenedEnvelope refused(EnvelopeFault fault) noexcept { return {fault, {}}; }

}  // namespace

Result<std::string> seal(const EnvelopeEntry& entry, std::size_t limit) {
  limit = std::min<std::size_t>(limit, std::numeric_limits<std::uint32_t>::max());
  const std::size_t size = kEnvelopeOverhead + entry.key.size() + entry.payload.size();
  if (size > limit) {
    return Status(Cause::kTooLarge,
                  "a value of " + std::to_string(entry.payload.size()) + " bytes under a key of " +
                      std::to_string(entry.key.size()) + " bytes does not fit the limit of " +
                      std::to_string(limit) + " bytes in Redis");
  }
  std::string bytes;
  bytes.reserve(size);
  bytes.append(kMagic);
  append_little(bytes, kLayout);
  append_little<std::uint8_t>(bytes, entry.negative ? kNegative : 0);
  append_little(bytes, entry.codec);
  append_little<std::uint8_t>(bytes, 0);
  append_little(bytes, whole_milliseconds(entry.stale_window));
  append_little(bytes, whole_milliseconds(entry.life));
  append_little(bytes, entry.version);
  append_little(bytes, static_cast<std::uint32_t>(entry.key.size()));
  append_little(bytes, static_cast<std::uint32_t>(entry.payload.size()));
  bytes.append(entry.key).append(entry.payload);
  append_little(bytes, xxh64(bytes));
  return bytes;
}

OpenedEnvelope open_envelope(std::string_view bytes, std::string_view expected_key) noexcept {
  if (!bytes.starts_with(kMagic)) return refused(EnvelopeFault::kForeign);
  if (bytes.size() < kEnvelopeOverhead) return refused(EnvelopeFault::kTruncated);
  const char* const at = bytes.data();
  if (load_little<std::uint8_t>(at + 4) != kLayout) return refused(EnvelopeFault::kNewer);
  const std::uint64_t key_size = load_little<std::uint32_t>(at + 32);
  const std::uint64_t payload_size = load_little<std::uint32_t>(at + 36);
  if (kEnvelopeOverhead + key_size + payload_size != bytes.size()) {
    return refused(EnvelopeFault::kTruncated);
  }
  const std::string_view signed_part = bytes.substr(0, bytes.size() - kChecksum);
  if (load_little<std::uint64_t>(at + signed_part.size()) != xxh64(signed_part)) {
    return refused(EnvelopeFault::kDamaged);
  }
  const auto flags = load_little<std::uint8_t>(at + 5);
  if ((flags & ~kNegative) != 0 || load_little<std::uint8_t>(at + 7) != 0) {
    return refused(EnvelopeFault::kNewer);
  }
  OpenedEnvelope opened;
  opened.entry.key = bytes.substr(kHeader, key_size);
  if (opened.entry.key != expected_key) return refused(EnvelopeFault::kOtherKey);
  opened.entry.payload = bytes.substr(kHeader + key_size, payload_size);
  opened.entry.negative = (flags & kNegative) != 0;
  opened.entry.codec = load_little<std::uint8_t>(at + 6);
  opened.entry.stale_window = from_milliseconds(load_little<std::uint64_t>(at + 8));
  opened.entry.life = from_milliseconds(load_little<std::uint64_t>(at + 16));
  opened.entry.version = load_little<std::uint64_t>(at + 24);
  return opened;
}

std::string_view envelope_fault_name(EnvelopeFault fault) noexcept {
  constexpr std::string_view kNames[] = {"none",      "foreign", "newer",
                                         "truncated", "damaged", "other_key"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(EnvelopeFault::kOtherKey) + 1);
  return kNames[static_cast<std::size_t>(fault)];
}

}  // namespace tidegate::internal
