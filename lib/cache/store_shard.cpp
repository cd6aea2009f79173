// SPDX-License-Identifier: Apache-2.0
#include "cache/store_shard.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <utility>

// Invariants, under mutex_
//   * an entry is in the index, in one queue (in_main says which) and in one bucket of the wheel,
//     that of its stale_until; or it is free
//   * bytes_ is the sum of the weights; size() <= entries and bytes_ <= bytes after each put
namespace tidegate::internal {

namespace {
constexpr std::size_t kSweptByPut = 4;
constexpr int kHandSteps = 64;
constexpr Ticks kMostUses = 3;
// A candidate that was seen a few times but loses is let in now and then, so that nobody can hold a
// place against all others by a sketch that collides.
constexpr unsigned kWarm = 6;
constexpr std::uint64_t kLuck = 128;
constexpr Ticks kMostLife = (Ticks{1} << 24) - 1;

std::uint32_t low_half(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }

// What a block of memory takes beside the `wanted` bytes: rounding, and malloc's own word.
std::size_t beside(void* block, std::size_t wanted) noexcept {
  return ::malloc_usable_size(block) + sizeof(std::size_t) - wanted;
}
}  // namespace

StoreShard::StoreShard(const Limits& limits)
    : limits_(limits),
      sketch_(limits.eviction == Eviction::kStrictLru ? 1 : limits.entries),
      rng_(limits.seed) {}

StoreShard::~StoreShard() {
  Dead dead;
  while (!window_.empty()) unlink(window_.first(), dead);
  while (!main_.empty()) unlink(main_.first(), dead);
}

void StoreShard::used(Entry& entry, EntryId id) noexcept {
  if (is_lru()) {
    window_.remove(slab_, id);
    window_.push_back(slab_, id);
  } else if (entry.uses < kMostUses) {
    entry.uses = (entry.uses + 1) & kMostUses;
  }
}

StoreShard::Hit StoreShard::find(std::string_view key, std::uint64_t hash, Ticks now,
                                 std::uint64_t floor) noexcept {
  std::lock_guard lock(mutex_);
  floor_ = std::max(floor_, floor);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (id == kNoEntry || is_over(slab_[id], now)) {
    ++counts_.misses;
    return {};
  }
  Entry& entry = slab_[id];
  const bool fresh = now < entry.fresh_until && entry.version >= fresh_floor_;
  if (!fresh && (entry.user_flags & kNegative) != 0) {
    ++counts_.misses;
    return {};
  }
  used(entry, id);
  ++(fresh ? counts_.hits : counts_.stale_hits);
  if (fresh && entry.slides) {
    const Ticks until = now + entry.life * kLifeStep;
    entry.fresh_until = std::min<Ticks>(entry.stale_until, until) & kLastTick;
  }
  auto* const value = static_cast<CacheValue*>(entry.value);
  value->ref();
  return {.state = fresh ? EntryState::kFresh : EntryState::kStale,
          .flags = static_cast<std::uint8_t>(entry.user_flags),
          .version = entry.version,
          .stored_at = entry.stored_at,
          .fresh_until = entry.fresh_until,
          .stale_until = entry.stale_until,
          .value = value};
}

bool StoreShard::put(std::string_view key, std::uint64_t hash, const Put& put) {
  Dead dead;
  std::lock_guard lock(mutex_);
  floor_ = std::max(floor_, put.floor);
  const EntryId old = index_.find(slab_, key, low_half(hash));
  const bool is_late = (put.fence && !put.fence->stands()) || put.version < floor_ ||
                       (old != kNoEntry && put.version < slab_[old].version) ||
                       (old != kNoEntry && put.is_interim && put.made_at < slab_[old].stored_at);
  if (is_late) {
    ++counts_.refused;
    return false;
  }
  const bool too_large =
      put.weight > std::max<std::size_t>(limits_.bytes / 16, 1) || key.size() > kMostKeyBytes;
  if (too_large || put.stale_until <= put.now) {
    ++counts_.refused;
    if (old != kNoEntry) unlink(old, dead);  // it was to be replaced
    return false;
  }
  auto copy = std::make_unique_for_overwrite<char[]>(key.size());
  std::memcpy(copy.get(), key.data(), key.size());
  slab_.reserve_one();
  index_.reserve_one(slab_);
  const bool keeps_place = old != kNoEntry && slab_[old].in_main;
  if (old != kNoEntry) unlink(old, dead);
  sweep(put.now, kSweptByPut, dead);
  const EntryId id = slab_.take();
  const Ticks life = (put.sliding + kLifeStep - 1) / kLifeStep;
  slab_[id] = {.version = put.version,
               .value = put.value,
               .key = copy.release(),
               .hash = low_half(hash),
               .weight = put.weight,
               .previous = kNoEntry,
               .next = kNoEntry,
               .wheel_previous = kNoEntry,
               .wheel_next = kNoEntry,
               .stored_at = put.made_at & kLastTick,
               .bucket = bucket_of(put.stale_until) & (kBuckets - 1),
               .user_flags = put.flags,
               .uses = 0,
               .in_main = keeps_place,
               .claimed = 0,
               .slides = put.sliding != 0,
               .fresh_until = put.fresh_until & kLastTick,
               .key_size = key.size() & kMostKeyBytes,
               .stale_until = put.stale_until & kLastTick,
               .life = std::min(life, kMostLife) & kMostLife};
  index_.insert(id, low_half(hash));
  (keeps_place ? main_ : window_).push_back(slab_, id);
  wheel_[slab_[id].bucket].push_back(slab_, id);
  key_bytes_ += beside(slab_[id].key, key.size());
  bytes_ += put.weight;
  ++counts_.puts;
  if (!is_lru()) sketch_.add(low_half(hash));
  make_room(put.now, dead);
  return true;
}

void StoreShard::unlink(EntryId id, Dead& dead) noexcept {
  Entry& entry = slab_[id];
  index_.remove(slab_, id);
  (entry.in_main ? main_ : window_).remove(slab_, id);
  wheel_[entry.bucket].remove(slab_, id);
  bytes_ -= entry.weight;
  dead.add(static_cast<CacheValue*>(entry.value));
  key_bytes_ -= beside(entry.key, entry.key_size);
  delete[] entry.key;
  slab_.give_back(id);
}

void StoreShard::make_room(Ticks now, Dead& dead) noexcept {
  while (size() > limits_.entries || bytes_ > limits_.bytes) evict_one(now, dead);
  if (is_lru()) return;
  // The window gives way to the main queue where that has room.
  const std::size_t window = std::max<std::size_t>(1, limits_.entries / 10);
  while (window_.size() > window) {
    const EntryId id = window_.first();
    window_.remove(slab_, id);
    Entry& entry = slab_[id];
    for (unsigned i = 0; i < entry.uses; ++i) sketch_.add(entry.hash);
    entry.uses = 0;
    entry.in_main = 1;
    main_.push_back(slab_, id);
  }
}

void StoreShard::evict_one(Ticks now, Dead& dead) noexcept {
  ++counts_.evicted;
  if (is_lru() || main_.empty()) return unlink(window_.first(), dead);
  const EntryId victim = main_victim(now);
  const EntryId candidate = window_.first();
  const std::size_t window = std::max<std::size_t>(1, limits_.entries / 10);
  if (candidate == kNoEntry || window_.size() <= window || is_over(slab_[victim], now)) {
    return unlink(victim, dead);
  }
  const Entry& entry = slab_[candidate];
  const unsigned seen = sketch_.estimate(entry.hash);
  const bool wins = entry.uses >= 2 || seen > sketch_.estimate(slab_[victim].hash) ||
                    (seen >= kWarm && rng_.below(kLuck) == 0);
  unlink(wins ? victim : candidate, dead);
}

EntryId StoreShard::main_victim(Ticks now) noexcept {
  for (int step = 0; step < kHandSteps; ++step) {
    const EntryId id = main_.first();
    Entry& entry = slab_[id];
    if (entry.uses == 0 || is_over(entry, now)) return id;
    entry.uses = (entry.uses - 1) & kMostUses;
    sketch_.add(entry.hash);
    main_.remove(slab_, id);
    main_.push_back(slab_, id);
  }
  return main_.first();
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

void StoreShard::lower_fences(std::string_view key, std::uint64_t hash) noexcept {
  for (Fence* fence = fences_.empty() ? nullptr : &fences_.front(); fence;
       fence = fences_.after(*fence)) {
    if (fence->hash_ == hash && fence->key_ == key) fence->stands_ = false;
  }
}

bool StoreShard::erase(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept {
  Dead dead;
  std::lock_guard lock(mutex_);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (!is_meant(id, version)) return false;
  lower_fences(key, hash);
  if (id == kNoEntry) return false;
  unlink(id, dead);
  return true;
}

bool StoreShard::expire(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept {
  std::lock_guard lock(mutex_);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (!is_meant(id, version)) return false;
  lower_fences(key, hash);
  if (id == kNoEntry) return false;
  slab_[id].fresh_until = 0;
  return true;
}

void StoreShard::expire_all(std::uint64_t floor) noexcept {
  std::lock_guard lock(mutex_);
  fresh_floor_ = std::max(fresh_floor_, floor);
  lower_all_locked();
}

bool StoreShard::claim(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept {
  std::lock_guard lock(mutex_);
  const EntryId id = index_.find(slab_, key, low_half(hash));
  if (id == kNoEntry || slab_[id].version != version || slab_[id].claimed) return false;
  slab_[id].claimed = 1;
  return true;
}

void StoreShard::raise(Fence& fence) {
  std::lock_guard lock(mutex_);
  fences_.push_back(fence);
}

void StoreShard::lower(Fence& fence) noexcept {
  std::lock_guard lock(mutex_);
  fence.unlink();
}

void StoreShard::lower_all() noexcept {
  std::lock_guard lock(mutex_);
  lower_all_locked();
}

void StoreShard::lower_all_locked() noexcept {
  for (Fence* fence = fences_.empty() ? nullptr : &fences_.front(); fence;
       fence = fences_.after(*fence)) {
    fence->stands_ = false;
  }
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
  stats.entries += size();
  stats.bytes += bytes_;
}

void StoreShard::for_each(const std::function<void(const CacheValue&)>& visit) const {
  std::lock_guard lock(mutex_);
  for (const Queue* const queue : {&window_, &main_}) {
    for (EntryId id = queue->first(); id != kNoEntry; id = slab_[id].next) {
      visit(*static_cast<const CacheValue*>(slab_[id].value));
    }
  }
}

std::size_t StoreShard::overhead_bytes() const {
  std::lock_guard lock(mutex_);
  return sizeof *this + slab_.bytes() + index_.bytes() + sketch_.bytes() + key_bytes_;
}

}  // namespace tidegate::internal
