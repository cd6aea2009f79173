// SPDX-License-Identifier: Apache-2.0
#include "cache/store.hpp"

#include <algorithm>
#include <bit>
#include <thread>
#include <utility>

#include "cache/store_shard.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kLeastEntries = 256;  // of a shard, or its eviction sees too little

std::size_t shard_count(const StoreOptions& options) {
  if (options.eviction == Eviction::kStrictLru) return 1;
  if (options.shards != 0) return std::bit_ceil(options.shards);
  const std::size_t useful = std::max<std::size_t>(1, options.max_entries / kLeastEntries);
  const std::size_t wanted = std::size_t{4} * std::max(1u, std::thread::hardware_concurrency());
  return std::bit_floor(std::min({useful, std::bit_ceil(wanted), std::size_t{64}}));
}

void raise_to(std::atomic<std::uint64_t>& floor, std::uint64_t version) noexcept {
  std::uint64_t before = floor.load(std::memory_order_relaxed);
  while (before < version &&
         !floor.compare_exchange_weak(before, version, std::memory_order_acq_rel)) {
  }
}

Ticks clamped(std::int64_t ticks) noexcept {
  return static_cast<Ticks>(std::clamp<std::int64_t>(ticks, 0, kLastTick));
}

}  // namespace

Store::Store(const StoreOptions& options, TimePoint origin)
    : origin_(origin),
      seed_(options.seed ? HashSeed{options.seed, ~options.seed} : process_hash_seed()) {
  const std::size_t count = shard_count(options);
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<StoreShard>(StoreShard::Limits{
        .entries = std::clamp<std::size_t>(options.max_entries / count, 1,
                                           std::size_t{Slab::kMostEntries} / 4 * 3),
        .bytes = std::max<std::size_t>(1, options.max_bytes / count),
        .eviction = options.eviction,
        .seed = seed_.low + i}));
  }
}

Store::~Store() = default;

// Down for what is now, up for what ends: a life of less than a tick is not none, but none is.
Ticks Store::tick_at(TimePoint now) const noexcept {
  return clamped(std::chrono::floor<std::chrono::milliseconds>(now - origin_).count());
}
Ticks Store::end_tick(TimePoint when, TimePoint now) const noexcept {
  if (when == TimePoint::max()) return kLastTick;
  if (when <= now) return tick_at(now);
  return clamped(std::chrono::ceil<std::chrono::milliseconds>(when - origin_).count());
}
TimePoint Store::time_of(Ticks tick) const noexcept {
  return origin_ + std::chrono::milliseconds(tick);
}

Found Store::find(std::string_view key, std::uint64_t hash, TimePoint now, Look look,
                  double ahead) noexcept {
  const auto hit = shard_of(hash).find(key, hash, tick_at(now),
                                       floor_.load(std::memory_order_acquire), look, ahead);
  Found found;
  if (hit.state == EntryState::kMiss) return found;
  found.state = hit.state;
  found.flags = hit.flags;
  found.is_due = hit.is_due;
  found.version = hit.version;
  found.stored_at = time_of(hit.stored_at);
  found.fresh_until = time_of(hit.fresh_until);
  found.stale_until = time_of(hit.stale_until);
  found.value = Ref<CacheValue>::adopt(hit.value);
  return found;
}

std::uint64_t Store::put(std::string_view key, std::uint64_t hash, PutRequest request) {
  const std::uint64_t version =
      request.fence ? request.fence->version_ - (request.is_interim ? 1 : 0) : next_version();
  const TimePoint made_at = request.made_at == TimePoint() ? request.now : request.made_at;
  const auto weight = static_cast<std::uint32_t>(
      std::min(std::min(request.weight, kBeyondWeight) + key.size(), kBeyondWeight));
  const auto sliding = std::chrono::ceil<std::chrono::milliseconds>(request.life.sliding);
  const StoreShard::Put put{.value = request.value.get(),
                            .now = tick_at(request.now),
                            .made_at = tick_at(made_at),
                            .fresh_until = end_tick(request.life.fresh_until, request.now),
                            .stale_until = end_tick(request.life.stale_until, request.now),
                            .sliding = clamped(sliding.count()),
                            .floor = floor_.load(std::memory_order_acquire),
                            .weight = weight,
                            .flags = request.flags,
                            .is_interim = request.is_interim,
                            .version = version,
                            .fence = request.fence};
  if (!shard_of(hash).put(key, hash, put)) return 0;
  static_cast<void>(request.value.release());
  return version;
}

bool Store::erase(std::string_view key, std::uint64_t version) noexcept {
  const std::uint64_t at = hash(key);
  return shard_of(at).erase(key, at, version);
}

bool Store::expire(std::string_view key, std::uint64_t version) noexcept {
  const std::uint64_t at = hash(key);
  return shard_of(at).expire(key, at, version);
}

bool Store::claim(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept {
  return shard_of(hash).claim(key, hash, version);
}

// Whatever began before has a lower version, stored or not. The version from which on it is another
// time, for all fences at once.
std::uint64_t Store::lower_all_fences() noexcept {
  const std::uint64_t floor = next_version();
  raise_to(fence_floor_, floor);
  return floor;
}

void Store::new_epoch() noexcept { raise_to(floor_, lower_all_fences()); }

// The fences first: what passed its own before is in its shard when the shard hears of it. Each has
// its floor under its lock, so that a hit asks no more than before.
void Store::expire_all() noexcept {
  const std::uint64_t floor = lower_all_fences();
  for (const auto& shard : shards_) shard->expire_all(floor);
}

void Store::raise(Fence& fence, std::string_view key, std::uint64_t hash) {
  fence.version_ = versions_.fetch_add(2, std::memory_order_relaxed) + 2;
  fence.floor_ = &fence_floor_;
  shard_of(hash).raise(fence, key, hash);
}
void Store::lower(Fence& fence) noexcept { shard_of(fence.hash_).lower(fence); }

CacheStats Store::stats() const {
  CacheStats stats;
  for (const auto& shard : shards_) shard->count(stats);
  return stats;
}

void Store::for_each(const std::function<void(const CacheValue&)>& visit) const {
  for (const auto& shard : shards_) shard->for_each(visit);
}

std::size_t Store::overhead_bytes() const {
  std::size_t bytes = 0;
  for (const auto& shard : shards_) bytes += shard->overhead_bytes();
  return bytes;
}

}  // namespace tidegate::internal
