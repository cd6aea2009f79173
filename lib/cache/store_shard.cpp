// SPDX-License-Identifier: Apache-2.0
#include "cache/store_shard.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

// Invariants, under mutex_
//   * an entry is in the index, in the evictor and in one bucket of the wheel, that of its
//     stale_until; or it is free
//   * the evictor has limits_.entries and limits_.bytes at most
namespace tidegate::internal {

namespace {
constexpr std::size_t kSweptByPut = 4;
constexpr std::size_t kEvictedAtOnce = 64;
static_assert(kSweptByPut + kEvictedAtOnce + 1 <= Dead::kMost);
constexpr Ticks kMostLife = (Ticks{1} << 24) - 1;

std::uint32_t low_half(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }

bool is_due(const Entry& entry, Ticks now, double ahead) noexcept {
  if (ahead <= 0 || entry.claimed || now < entry.stored_at) return false;
  const Ticks life = entry.fresh_until - entry.stored_at;
  return static_cast<double>(now - entry.stored_at) >= static_cast<double>(life) * ahead;
}
}  // namespace

StoreShard::StoreShard(const Limits& limits)
    : index_(limits.entries),
      evictor_({limits.entries, limits.bytes}, limits.eviction, limits.seed, slab_),
      limits_(limits) {}

StoreShard::~StoreShard() {
  while (evictor_.entries() > 0) {
    Dead dead;
    while (evictor_.entries() > 0 && !dead.full()) unlink(evictor_.first(), dead);
  }
}

StoreShard::Hit StoreShard::find(std::string_view key, std::uint64_t hash, Ticks now,
                                 std::uint64_t floor, Look look, double ahead) noexcept {
  std::lock_guard lock(mutex_);
  floor_ = std::max(floor_, floor);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (id == kNoEntry || is_over(slab_[id], now)) {
    counts_.misses += look == Look::kLast;
    return {};
  }
  Entry& entry = slab_[id];
  const bool fresh = now < entry.fresh_until && entry.version >= fresh_floor_;
  if (!fresh && (entry.user_flags & kNegative) != 0) {
    counts_.misses += look == Look::kLast;
    return {};
  }
  evictor_.used(id);
  if (fresh && entry.slides) slide(id, now);
  const bool due = fresh && is_due(entry, now, ahead);
  const bool ends_here = look == Look::kLast || (fresh && (!due || look != Look::kGlance));
  if (ends_here) ++(fresh ? counts_.hits : counts_.stale_hits);
  auto* const value = static_cast<CacheValue*>(entry.value);
  value->ref();
  return {.state = fresh ? EntryState::kFresh : EntryState::kStale,
          .flags = static_cast<std::uint8_t>(entry.user_flags),
          .is_due = due,
          .version = entry.version,
          .stored_at = entry.stored_at,
          .fresh_until = entry.fresh_until,
          .stale_until = entry.stale_until,
          .value = value};
}

// Fresh for its life from now, and then stale for as long as ever.
void StoreShard::slide(EntryId id, Ticks now) noexcept {
  Entry& entry = slab_[id];
  const Ticks until = std::min(now + entry.life * kLifeStep, kLastTick);
  if (until <= entry.fresh_until) return;
  const Ticks end = std::min(entry.stale_until + (until - entry.fresh_until), kLastTick);
  Bucket& before = bucket_of(entry);
  entry.fresh_until = until & kLastTick;
  entry.stale_until = end & kLastTick;
  Bucket& after = bucket_of(entry);
  if (&before == &after) return;
  before.remove(slab_, id);
  after.push_back(slab_, id);
}

bool StoreShard::put(std::string_view key, std::uint64_t hash, const Put& put) {
  const bool too_large = put.weight > std::max<std::size_t>(limits_.bytes / 16, 1) ||
                         put.weight == kBeyondWeight || key.size() > kMostKeyBytes;
  for (;;) {
    Dead dead;
    std::lock_guard lock(mutex_);
    floor_ = std::max(floor_, put.floor);
    sweep(put.now, kSweptByPut, dead);
    EntryId old = index_.find(slab_, key, low_half(hash));
    const bool is_late = (put.fence && !put.fence->stands()) || put.version < floor_ ||
                         (old != kNoEntry && put.version < slab_[old].version) ||
                         (old != kNoEntry && put.is_interim && put.made_at < slab_[old].stored_at);
    const bool is_refused = is_late || too_large || put.stale_until <= put.now;
    if (is_refused) {
      ++counts_.refused;
      if (!is_late && old != kNoEntry) unlink(old, dead);  // it was to be replaced
      return false;
    }
    if (old == kNoEntry) index_.reserve_one(slab_);
    if (!make_room(put, old, dead)) continue;
    if (old == kNoEntry) {
      const EntryId id = slab_.take(key);
      slab_[id].hash = low_half(hash);
      slab_[id].weight = put.weight;
      set(id, put);
      index_.insert(id, low_half(hash));
      evictor_.add(id);
    } else {
      dead.add(static_cast<CacheValue*>(slab_[old].value));
      bucket_of(slab_[old]).remove(slab_, old);
      evictor_.rewritten(old, put.weight);
      set(old, put);
    }
    ++counts_.puts;
    const std::uint64_t hits = counts_.hits + counts_.stale_hits;
    evictor_.wanted(low_half(hash), hits + counts_.misses, hits);
    return true;
  }
}

void StoreShard::set(EntryId id, const Put& put) noexcept {
  Entry& entry = slab_[id];
  entry.version = put.version & kLastVersion;
  entry.user_flags = put.flags;
  entry.value = put.value;
  entry.stored_at = put.made_at & kLastTick;
  entry.fresh_until = put.fresh_until & kLastTick;
  entry.stale_until = put.stale_until & kLastTick;
  entry.slides = put.sliding != 0;
  entry.life = std::min((put.sliding + kLifeStep - 1) / kLifeStep, kMostLife) & kMostLife;
  entry.claimed = 0;
  bucket_of(entry).push_back(slab_, id);
}

// True once the put fits. False where it made as many go as one call may; `old`, which is to be
// replaced, may be among them.
bool StoreShard::make_room(const Put& put, EntryId& old, Dead& dead) noexcept {
  for (std::size_t evicted = 0;; ++evicted) {
    const bool is_new = old == kNoEntry;
    const std::size_t bytes = evictor_.bytes() + put.weight - (is_new ? 0 : slab_[old].weight);
    const bool fits = evictor_.entries() + is_new <= limits_.entries && bytes <= limits_.bytes;
    if (fits || evicted == kEvictedAtOnce) return fits;
    const EntryId victim = evictor_.victim(put.now, floor_);
    if (victim == old) old = kNoEntry;
    ++counts_.evicted;
    unlink(victim, dead);
  }
}

void StoreShard::unlink(EntryId id, Dead& dead) noexcept {
  index_.remove(slab_, id);
  evictor_.remove(id);
  bucket_of(slab_[id]).remove(slab_, id);
  dead.add(static_cast<CacheValue*>(slab_[id].value));
  slab_.give_back(id);
}

// Goes from second to second, from where it stood to the one before `now`, and looks at `most`
// entries; those that end in a later round of the wheel go behind the others of their bucket.
void StoreShard::sweep(Ticks now, std::size_t most, Dead& dead) noexcept {
  const Ticks second = now / 1000;
  if (second > swept_ + kBuckets) {
    swept_ = second - kBuckets;
    is_in_bucket_ = false;
  }
  for (; swept_ < second; ++swept_) {
    Bucket& bucket = wheel_[swept_ % kBuckets];
    if (!std::exchange(is_in_bucket_, true)) unswept_ = bucket.size();
    for (unswept_ = std::min(unswept_, bucket.size()); unswept_ > 0; --unswept_) {
      if (most-- == 0) return;
      const EntryId id = bucket.first();
      if (slab_[id].stale_until <= now) {
        ++counts_.expired;
        unlink(id, dead);
      } else {
        bucket.remove(slab_, id);
        bucket.push_back(slab_, id);
      }
    }
    is_in_bucket_ = false;
  }
}

bool StoreShard::erase(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept {
  Dead dead;
  std::lock_guard lock(mutex_);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (!is_meant(id, version)) return false;
  fences_.lower(key, hash);
  if (id == kNoEntry) return false;
  unlink(id, dead);
  return true;
}

bool StoreShard::expire(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept {
  std::lock_guard lock(mutex_);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (!is_meant(id, version)) return false;
  fences_.lower(key, hash);
  if (id == kNoEntry) return false;
  slab_[id].fresh_until = 0;
  return true;
}

void StoreShard::expire_all(std::uint64_t floor) noexcept {
  std::lock_guard lock(mutex_);
  fresh_floor_ = std::max(fresh_floor_, floor);
}

bool StoreShard::claim(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept {
  std::lock_guard lock(mutex_);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (id == kNoEntry || slab_[id].version != version || slab_[id].claimed) return false;
  slab_[id].claimed = 1;
  return true;
}

void StoreShard::raise(Fence& fence, std::string_view key, std::uint64_t hash) {
  std::lock_guard lock(mutex_);
  fences_.add(fence, key, hash);
}

void StoreShard::lower(Fence& fence) noexcept {
  std::lock_guard lock(mutex_);
  fences_.remove(fence);
}

void StoreShard::count(CacheStats& stats) const {
  std::lock_guard lock(mutex_);
  stats.hits += counts_.hits;
  stats.stale_hits += counts_.stale_hits;
  stats.misses += counts_.misses;
  stats.puts += counts_.puts;
  stats.refused += counts_.refused;
  stats.evicted += counts_.evicted;
  stats.expired += counts_.expired;
  stats.entries += evictor_.entries();
  stats.bytes += evictor_.bytes();
}

void StoreShard::for_each(const std::function<void(const CacheValue&)>& visit) const {
  std::lock_guard lock(mutex_);
  evictor_.for_each([&](EntryId id) { visit(*static_cast<const CacheValue*>(slab_[id].value)); });
}

std::size_t StoreShard::overhead_bytes() const {
  std::lock_guard lock(mutex_);
  return sizeof *this + slab_.overhead_bytes() + index_.bytes() + evictor_.overhead_bytes();
}

}  // namespace tidegate::internal
