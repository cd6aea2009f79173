// SPDX-License-Identifier: Apache-2.0
//
// Store: the memory of a cache: keys, values of any kind, and when each is fresh, stale or gone. It
// reads no clock, starts no thread, and knows nothing of loads.
//
// It is divided into shards by the hash of the key, each with a lock, a part of the capacity, and an
// eviction of its own (eviction.hpp). A hit locks one shard, compares one key, and counts one use. What
// is past its stale time is a miss, and its memory comes back when the second in which it ends is
// swept: by puts, a few entries each, and by advance().
//
// A Fence marks a load that is under way. Whoever forgets its key, or all keys, lowers it under the
// same lock; a put through a lowered fence is refused. So nothing that was invalidated comes back.
//
// Values are released outside the locks, since that may run code of the user's, which may use the
// store. Thread-safety: everything, any thread. No allocation on a hit; a put that finds no memory
// throws std::bad_alloc and changes nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/intrusive_list.hpp"
#include "base/ref_counted.hpp"
#include "cache/siphash.hpp"
#include "tidegate/cache.hpp"

namespace tidegate::internal {

struct StoreOptions {
  std::size_t max_entries = 100'000;
  std::size_t max_bytes = std::size_t{64} << 20;  // keys and values, as they are weighed
  Eviction eviction = Eviction::kClockTinyLfu;
  std::uint64_t seed = 0;  // 0: the process's own
  std::size_t shards = 0;  // 0: as many as the machine can use
};

struct Lifetime {
  TimePoint fresh_until;
  TimePoint stale_until;
  Duration sliding{};  // a hit makes it fresh for this long again, never beyond stale_until
};

enum class EntryState : std::uint8_t { kMiss, kFresh, kStale };

struct Found {
  EntryState state = EntryState::kMiss;
  std::uint8_t flags = 0;
  std::uint64_t version = 0;
  TimePoint stored_at;
  TimePoint fresh_until;
  TimePoint stale_until;
  Ref<CacheValue> value;

  bool fresh() const noexcept { return state == EntryState::kFresh; }
  bool stale() const noexcept { return state == EntryState::kStale; }
  bool negative() const noexcept { return (flags & 1) != 0; }
};

class Fence : public ListNode<Fence> {
 public:
  // False once the key was forgotten.
  bool stands() const noexcept { return stands_.load(std::memory_order_acquire); }

 private:
  friend class Store;
  friend class StoreShard;
  std::string key_;
  std::uint64_t hash_ = 0;
  std::atomic<bool> stands_{true};
};

struct PutRequest {
  Ref<CacheValue> value;
  Lifetime life;
  TimePoint now;
  std::size_t weight = 0;
  std::uint8_t flags = 0;
  const Fence* fence = nullptr;
};

class StoreShard;

class Store {
 public:
  // Times are relative to `origin`, at most 49 days after it.
  Store(const StoreOptions& options, TimePoint origin);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  std::uint64_t hash(std::string_view key) const noexcept { return siphash(seed_, key); }

  Found find(std::string_view key, std::uint64_t hash, TimePoint now) noexcept;

  // The version, unique and growing in this store; 0 where it was refused: too large (more than a
  // sixteenth of its shard), already over, or behind a lowered fence.
  std::uint64_t put(std::string_view key, std::uint64_t hash, PutRequest request);

  // Forgets the key; with a version, only that one. True if there was something to forget.
  bool erase(std::string_view key, std::uint64_t version = 0) noexcept;
  // Forgets all keys, at once.
  void new_epoch() noexcept;
  // True for one caller for each version that is there.
  bool claim(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept;

  void raise(Fence& fence, std::string_view key, std::uint64_t hash);
  void lower(Fence& fence) noexcept;

  // Gives back the memory of what is over, of at most `most` entries in each shard.
  void advance(TimePoint now, std::size_t most) noexcept;
  // Calls `visit` with every value, under its shard's lock.
  void for_each(const std::function<void(std::string_view key, CacheValue& value)>& visit) const;

  CacheStats stats() const;
  // What the store itself takes, beside keys and values.
  std::size_t overhead_bytes() const;

 private:
  StoreShard& shard_of(std::uint64_t hash) const noexcept {
    return *shards_[static_cast<std::size_t>(hash >> 40) & (shards_.size() - 1)];
  }

  std::uint32_t tick_at(TimePoint now) const noexcept;
  std::uint32_t end_tick(TimePoint when, TimePoint now) const noexcept;
  TimePoint time_of(std::uint32_t tick) const noexcept;

  const TimePoint origin_;
  const HashSeed seed_;
  std::atomic<std::uint64_t> versions_{0};
  std::atomic<std::uint32_t> epoch_{0};
  std::vector<std::unique_ptr<StoreShard>> shards_;
};

}  // namespace tidegate::internal
