// SPDX-License-Identifier: Apache-2.0
//
// StoreShard: a part of a store under one lock. It knows entries; which of them goes when it is
// full is the eviction's decision:
//
//   Clock-TinyLFU  a new key enters the window, a FIFO of a tenth of the entries. What falls out of
//                  it is a candidate for the main queue, a FIFO that a hand goes round (CLOCK). The
//                  hand takes the first entry without a use since it last came by; the others lose a
//                  use, which the sketch remembers. The candidate stays if it was used twice in the
//                  window or is seen more often than the hand's entry; else it goes. A hit counts a
//                  use, and nothing else.
//   strict LRU     one queue in the order of the last use.
//
// Either way what is over goes first where the hand finds it.
#pragma once

#include <array>
#include <mutex>
#include <string_view>

#include "base/ports/rng.hpp"
#include "cache/entry.hpp"
#include "cache/entry_index.hpp"
#include "cache/sketch.hpp"
#include "cache/store.hpp"

namespace tidegate::internal {

// Values that have left a shard: a chain through the values themselves, so that nothing is
// allocated; released when it goes, which is after the lock.
class Dead {
 public:
  Dead() noexcept = default;
  Dead(const Dead&) = delete;
  Dead& operator=(const Dead&) = delete;
  ~Dead() {
    while (first_) {
      CacheValue* const value = first_;
      first_ = value->next_dead;
      value->unref();
    }
  }
  void add(CacheValue* value) noexcept {
    value->next_dead = first_;
    first_ = value;
  }

 private:
  CacheValue* first_ = nullptr;
};

class StoreShard {
 public:
  struct Limits {
    std::size_t entries;
    std::size_t bytes;
    Eviction eviction;
    std::uint64_t seed;
  };
  explicit StoreShard(const Limits& limits);
  ~StoreShard();

  struct Hit {
    EntryState state = EntryState::kMiss;
    std::uint8_t flags = 0;
    std::uint64_t version = 0;
    Ticks stored_at = 0;
    Ticks fresh_until = 0;
    Ticks stale_until = 0;
    CacheValue* value = nullptr;  // with a reference
  };
  Hit find(std::string_view key, std::uint64_t hash, Ticks now, std::uint64_t floor) noexcept;

  struct Put {
    CacheValue* value;  // its reference goes to the shard where the put succeeds
    Ticks now, made_at, fresh_until, stale_until, sliding;  // no sliding: zero
    std::uint64_t floor;                                    // versions below it are over
    std::uint32_t weight;
    std::uint8_t flags;
    bool is_interim;
    std::uint64_t version;
    const Fence* fence;
  };
  bool put(std::string_view key, std::uint64_t hash, const Put& put);

  bool erase(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept;
  bool expire(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept;
  void expire_all(std::uint64_t floor) noexcept;
  bool claim(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept;
  void raise(Fence& fence);
  void lower(Fence& fence) noexcept;
  void lower_all() noexcept;
  void count(CacheStats& stats) const;
  void for_each(const std::function<void(const CacheValue&)>& visit) const;
  std::size_t overhead_bytes() const;

 private:
  static constexpr Ticks kBuckets = 512;
  using Queue = EntryQueue<&Entry::previous, &Entry::next>;
  using Bucket = EntryQueue<&Entry::wheel_previous, &Entry::wheel_next>;

  static Ticks bucket_of(Ticks when) noexcept { return (when / 1000) % kBuckets; }
  bool is_over(const Entry& entry, Ticks now) const noexcept {
    return entry.stale_until <= now || entry.version < floor_;
  }
  bool is_meant(EntryId id, std::uint64_t version) const noexcept {
    return version == 0 || (id != kNoEntry && slab_[id].version == version);
  }
  void lower_fences(std::string_view key, std::uint64_t hash) noexcept;
  void lower_all_locked() noexcept;
  std::size_t size() const noexcept { return window_.size() + main_.size(); }
  bool is_lru() const noexcept { return limits_.eviction == Eviction::kStrictLru; }
  void used(Entry& entry, EntryId id) noexcept;
  void unlink(EntryId id, Dead& dead) noexcept;
  void make_room(Ticks now, Dead& dead) noexcept;
  void evict_one(Ticks now, Dead& dead) noexcept;
  EntryId main_victim(Ticks now) noexcept;
  void sweep(Ticks now, std::size_t most, Dead& dead) noexcept;

  const Limits limits_;
  mutable std::mutex mutex_;
  Slab slab_;  // guarded by mutex_, like all below
  EntryIndex index_;
  Queue window_;
  Queue main_;
  FrequencySketch sketch_;
  Rng rng_;
  std::array<Bucket, kBuckets> wheel_;
  Ticks swept_ = 0;            // the second whose bucket is looked through next, or now
  std::uint32_t unswept_ = 0;  // entries of that bucket that are still to be looked at
  bool is_in_bucket_ = false;  // it has begun
  std::uint64_t floor_ = 0;
  std::uint64_t fresh_floor_ = 0;  // what has a lower version is not fresh
  std::size_t key_bytes_ = 0;      // what the blocks of the keys take beside the keys
  std::size_t bytes_ = 0;
  IntrusiveList<Fence> fences_;
  CacheStats counts_;
};

}  // namespace tidegate::internal
