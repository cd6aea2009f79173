// SPDX-License-Identifier: Apache-2.0
//
// Store: the memory of a cache: keys, values of any kind, and when each is fresh, stale or gone. It
// reads no clock, starts no thread, and knows nothing of loads.
//
// It is divided into shards by the hash of the key, each with a lock, a part of the capacity, and an
// eviction of its own (evictor.hpp). A hit locks one shard, compares one key, and counts one use. What
// is past its stale time is a miss, and its memory comes back when the second in which it ends is
// swept: by puts, a few entries each.
//
// A Fence marks a load that is under way. Whoever forgets its key lowers it under the same lock, and
// a put through a lowered fence is refused. The version of what it will bring is drawn when it is
// raised: new_epoch() draws one too, below which everything is over, and expire_all() one below
// which everything is stale; either way no fence below it stands. So nothing that was invalidated
// comes back, and a load that began before a put does not replace what was put.
//
// Values are released outside the locks, since that may run code of the user's, which may use the
// store. Thread-safety: everything, any thread. No allocation on a hit; a put that finds no memory
// throws std::bad_alloc and stores nothing. One hold of a lock evicts and sweeps a bounded number of
// entries: a put that needs the room of many small ones lets others in between. Nor does it go over
// all loads that are under way, or age the whole sketch (fence_table.hpp, sketch.hpp).
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/siphash.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/ref.hpp"

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
  Duration
      sliding{};  // a hit makes it fresh for this long again; it is then stale for as long as ever
};

// A flag of an entry: its value says that there is none.
inline constexpr std::uint8_t kNegative = 1;

enum class EntryState : std::uint8_t { kMiss, kFresh, kStale };

struct Found {
  EntryState state = EntryState::kMiss;
  std::uint8_t flags = 0;
  bool is_due = false;
  std::uint64_t version = 0;
  TimePoint stored_at;
  TimePoint fresh_until;
  TimePoint stale_until;
  Ref<CacheValue> value;

  bool fresh() const noexcept { return state == EntryState::kFresh; }
  bool stale() const noexcept { return state == EntryState::kStale; }
  bool negative() const noexcept { return (flags & kNegative) != 0; }
};

class Fence {
 public:
  Fence() noexcept = default;
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;
  // REQUIRES: Store::lower(), where it was raised.
  ~Fence() { assert(!is_in_table_); }

  // False once the key was forgotten, or all keys were. Any thread.
  bool stands() const noexcept {
    return stands_.load(std::memory_order_acquire) &&
           (!floor_ || version_ > floor_->load(std::memory_order_acquire));
  }

 private:
  friend class Store;
  friend class FenceTable;
  std::string key_;
  std::uint64_t hash_ = 0;
  std::uint64_t version_ = 0;
  const std::atomic<std::uint64_t>* floor_ = nullptr;  // the store's
  std::atomic<bool> stands_{true};
  Fence* next_ = nullptr;  // in the table, guarded by its shard's lock
  bool is_in_table_ = false;
};

struct PutRequest {
  Ref<CacheValue> value;
  Lifetime life;
  TimePoint now;
  std::size_t weight = 0;
  std::uint8_t flags = 0;
  const Fence* fence = nullptr;
  TimePoint made_at{};  // its age counts from then; not set: from now
  // Something older, good enough until the load behind `fence` brings its value.
  bool is_interim = false;
};

class StoreShard;

class Store {
 public:
  // Times are relative to `origin`, at most 34 years after it.
  Store(const StoreOptions& options, TimePoint origin);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  std::uint64_t hash(std::string_view key) const noexcept { return siphash(seed_, key); }

  // A fresh value is due for a load ahead from `ahead` of its life on, until somebody claims it; zero:
  // never.
  Found find(std::string_view key, std::uint64_t hash, TimePoint now, Look look = Look::kLast,
             double ahead = 0) noexcept;

  // The version, unique and growing in this store; behind a fence, the fence's. 0 where it was
  // refused: behind a lowered fence, older than what is there, or, and then the key is forgotten,
  // too large (more than a sixteenth of its shard, 4 GiB, a key of 16 MiB) or over already. A fence is put
  // through once, and before that once for the interim, whose version is one less.
  std::uint64_t put(std::string_view key, std::uint64_t hash, PutRequest request);

  // Forgets the key; with a version, only that one. True if there was something to forget.
  bool erase(std::string_view key, std::uint64_t version = 0) noexcept;
  // Forgets all keys, at once.
  void new_epoch() noexcept;
  // The same two for what may still be served where there is no better: it is stale at once.
  bool expire(std::string_view key, std::uint64_t version = 0) noexcept;
  void expire_all() noexcept;
  // True for one caller for each version that is there.
  bool claim(std::string_view key, std::uint64_t hash, std::uint64_t version) noexcept;

  void raise(Fence& fence, std::string_view key, std::uint64_t hash);
  void lower(Fence& fence) noexcept;

  CacheStats stats() const;
  // Every value that is kept, also where it is over. `visit` runs under a lock and uses no store.
  void for_each(const std::function<void(const CacheValue&)>& visit) const;
  // What the store itself takes, beside the bytes of keys and values: entries, tables, places that
  // are free, and what malloc adds.
  std::size_t overhead_bytes() const;

 private:
  StoreShard& shard_of(std::uint64_t hash) const noexcept {
    return *shards_[static_cast<std::size_t>(hash >> 40) & (shards_.size() - 1)];
  }

  std::uint64_t lower_all_fences() noexcept;
  std::uint64_t next_version() noexcept {
    return versions_.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  std::uint64_t tick_at(TimePoint now) const noexcept;
  std::uint64_t end_tick(TimePoint when, TimePoint now) const noexcept;
  TimePoint time_of(std::uint64_t tick) const noexcept;

  const TimePoint origin_;
  const HashSeed seed_;
  std::atomic<std::uint64_t> versions_{0};
  std::atomic<std::uint64_t> floor_{0};  // what has a lower version was forgotten by new_epoch()
  std::atomic<std::uint64_t> fence_floor_{0};  // fences of a lower version do not stand
  std::vector<std::unique_ptr<StoreShard>> shards_;
};

}  // namespace tidegate::internal
