// SPDX-License-Identifier: Apache-2.0
// What a cache counts of its tier. One set for each cache name in the process;
// docs/reference/metrics.md says what each means.
#pragma once

#include <string>

#include "base/metrics.hpp"
#include "cache/envelope.hpp"

namespace tidegate::internal {

// Why the tier had nothing that a load could use.
enum class TierMiss : std::uint8_t {
  kAbsent,   // no such key
  kForeign,  // the bytes are no envelope that we could read (EnvelopeFault), or
  kNewer,
  kTruncated,
  kDamaged,
  kOtherKey,
  kUnreadable,   // the codec could not read the payload
  kOld,          // a refresh wants a younger one
  kInvalidated,  // an invalidation of it is on its way
  kDown,         // it was not asked
  kLate,         // it was too slow
  kFailed,       // it answered with an error
};
inline constexpr std::size_t kTierMisses = 12;

TierMiss tier_miss(EnvelopeFault fault) noexcept;

struct TierMetrics {
  explicit TierMetrics(const std::string& cache);
  explicit TierMetrics(const MetricsOf& of);

  void missed(TierMiss why) noexcept { misses[static_cast<std::size_t>(why)]->add(); }
  std::uint64_t all_misses() const noexcept;

  Counter& hits;
  Counter& stale_hits;
  std::array<Counter*, kTierMisses> misses;
  Counter& stored;
  Counter& refused;
  Counter& failed;
  Counter& dropped;
  Counter& sent;
  Counter& heard;
  Counter& overflows;
  Counter& caught_up;
  Gauge& up;
  Gauge& pending_stores;
  Gauge& pending_bytes;
  Gauge& pending_invalidations;
  Gauge& waiting;
};

}  // namespace tidegate::internal
