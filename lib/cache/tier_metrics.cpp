// SPDX-License-Identifier: Apache-2.0
#include "cache/tier_metrics.hpp"

namespace tidegate::internal {

namespace {

constexpr std::array<const char*, kTierMisses> kNames = {
    "absent",     "foreign", "newer",       "truncated", "damaged", "other_key",
    "unreadable", "old",     "invalidated", "down",      "late",    "failed"};

std::array<Counter*, kTierMisses> misses_of(const MetricsOf& of) {
  std::array<Counter*, kTierMisses> misses{};
  for (std::size_t i = 0; i < kTierMisses; ++i) {
    misses[i] = &of.counter("cache.tier_misses", {"reason", kNames[i]},
                            "Loads for which Redis had nothing, by why");
  }
  return misses;
}

Counter& stored_as(const MetricsOf& of, const char* outcome) {
  return of.counter("cache.tier_stores", {"outcome", outcome},
                    "Values that were to be written to Redis, by how that ended");
}

}  // namespace

TierMiss tier_miss(EnvelopeFault fault) noexcept {
  switch (fault) {
    case EnvelopeFault::kNone: return TierMiss::kAbsent;
    case EnvelopeFault::kForeign: return TierMiss::kForeign;
    case EnvelopeFault::kNewer: return TierMiss::kNewer;
    case EnvelopeFault::kTruncated: return TierMiss::kTruncated;
    case EnvelopeFault::kDamaged: return TierMiss::kDamaged;
    case EnvelopeFault::kOtherKey: return TierMiss::kOtherKey;
  }
  return TierMiss::kFailed;
}

TierMetrics::TierMetrics(const std::string& cache) : TierMetrics(MetricsOf("cache", cache)) {}

TierMetrics::TierMetrics(const MetricsOf& of)
    : hits(of.counter("cache.tier_hits", "Loads that Redis answered")),
      stale_hits(of.counter("cache.tier_stale_hits", "Stale values of Redis' that a load kept")),
      misses(misses_of(of)),
      stored(stored_as(of, "stored")),
      refused(stored_as(of, "refused")),
      failed(stored_as(of, "failed")),
      dropped(stored_as(of, "dropped")),
      sent(of.counter("cache.invalidations_sent", "Invalidations that Redis took")),
      heard(of.counter("cache.invalidations_heard", "Invalidations of other processes")),
      overflows(of.counter("cache.invalidations_overflowed",
                           "Times that too many waited for Redis and became one of everything")),
      caught_up(of.counter("cache.catch_ups",
                           "Times that all values became stale because invalidations may have "
                           "been missed")),
      up(of.gauge("cache.tier_up", "1 while Redis answers and invalidations are heard")),
      pending_stores(of.gauge("cache.pending_stores", "Values that wait to be written to Redis")),
      pending_bytes(of.gauge("cache.pending_bytes", "Their bytes")),
      pending_invalidations(
          of.gauge("cache.pending_invalidations", "Invalidations that Redis has not taken yet")),
      waiting(of.gauge("cache.waiting_loads", "Loads that wait because Redis is down")) {}

std::uint64_t TierMetrics::all_misses() const noexcept {
  std::uint64_t sum = 0;
  for (const Counter* const counter : misses) sum += counter->value();
  return sum;
}

}  // namespace tidegate::internal
