// SPDX-License-Identifier: Apache-2.0
//
// StoreShard: a part of a store under one lock: its entries, by key, by when they end, and by who
// goes when it is full (evictor.hpp). One hold of the lock looks at so many entries that may be
// over and makes so many go, at most: a put that needs more room lets others in between.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/brief_mutex.hpp"
#include "cache/entry_index.hpp"
#include "cache/entry_queue.hpp"
#include "cache/evictor.hpp"
#include "cache/fence_table.hpp"
#include "cache/slab.hpp"
#include "cache/store.hpp"

namespace tidegate::internal {

// Values that have left a shard in one call; released when it goes, which is after the lock.
class Dead {
 public:
  static constexpr std::size_t kMost = 72;

  Dead() noexcept {}  // NOLINT(cppcoreguidelines-pro-type-member-init): a call has few
  Dead(const Dead&) = delete;
  Dead& operator=(const Dead&) = delete;
  ~Dead() {
    for (std::size_t i = 0; i < size_; ++i) values_[i]->unref();
  }
  // REQUIRES: fewer than kMost are there.
  void add(CacheValue* value) noexcept { values_[size_++] = value; }
  bool full() const noexcept { return size_ == kMost; }

 private:
  std::array<CacheValue*, kMost> values_;
  std::size_t size_ = 0;
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
    bool is_due = false;
    std::uint64_t version = 0;
    Ticks stored_at = 0;
    Ticks fresh_until = 0;
    Ticks stale_until = 0;
    CacheValue* value = nullptr;  // with a reference
  };
  Hit find(std::string_view key, std::uint64_t hash, Ticks now, std::uint64_t floor, Look look,
           double ahead) noexcept;

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
  void raise(Fence& fence, std::string_view key, std::uint64_t hash);
  void lower(Fence& fence) noexcept;
  void count(CacheStats& stats) const;
  void for_each(const std::function<void(const CacheValue&)>& visit) const;
  std::size_t overhead_bytes() const;

 private:
  static constexpr Ticks kBuckets = 512;
  using Bucket = EntryQueue<&Entry::wheel_previous, &Entry::wheel_next>;

  Bucket& bucket_of(const Entry& entry) noexcept {
    return wheel_[entry.stale_until / 1000 % kBuckets];
  }
  bool is_over(const Entry& entry, Ticks now) const noexcept {
    return entry.stale_until <= now || entry.version < floor_;
  }
  bool is_meant(EntryId id, std::uint64_t version) const noexcept {
    return version == 0 || (id != kNoEntry && slab_[id].version == version);
  }
  bool make_room(const Put& put, EntryId& old, Dead& dead) noexcept;
  void set(EntryId id, const Put& put) noexcept;
  void slide(EntryId id, Ticks now) noexcept;
  void unlink(EntryId id, Dead& dead) noexcept;
  void sweep(Ticks now, std::size_t most, Dead& dead) noexcept;

  // A hit writes to this line alone, beside the entry and the value.
  alignas(64) mutable BriefMutex mutex_;
  std::uint64_t floor_ = 0;        // guarded by mutex_, like all below
  std::uint64_t fresh_floor_ = 0;  // what has a lower version is not fresh
  CacheStats counts_;
  Slab slab_;
  EntryIndex index_;
  Evictor evictor_;
  const Limits limits_;
  std::array<Bucket, kBuckets> wheel_;
  Ticks swept_ = 0;            // the second whose bucket is looked through next, or now
  std::uint32_t unswept_ = 0;  // entries of that bucket that are still to be looked at
  bool is_in_bucket_ = false;  // it has begun
  FenceTable fences_;
};

}  // namespace tidegate::internal
