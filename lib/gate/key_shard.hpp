// SPDX-License-Identifier: Apache-2.0
//
// KeyShard: some of the keys of a KeyedLimiter, with what each has counted. All shards together keep
// at most so many keys (KeyRoom); an entry that one has made it keeps for others.
//
// A key is forgotten where that makes no difference: nobody waits for it, and its words let start
// what those of a new key do. A new key looks at two others, and forgets those that may go; so there
// are soon no more than twice as many as are busy. Where there is no free entry it looks at up to
// sixteen. If none of them may go it counts with others: each shard has a few entries for keys without one of
// their own, which its hash chooses among. Whoever counts there may have to wait for others, and
// never starts more often than it may. A key that gets its own entry begins with what the shared one
// has counted, and gets none while somebody waits there: it might be its own start that waits.
//
// Nobody goes back behind a time at which a key was forgotten: who read the clock before is told a
// later time, or a key that was idle only by then could start once too often.
//
// The table is a linear hash (Litwin, 1980): it grows by one chain, which it splits off from another,
// for each entry more, so that no call pays for a large step. An entry stays where it is for ever. The hash is keyed, so that nobody can choose keys that make a chain long.
//
// Thread-safety: under `mutex`, which its owner locks. Nothing waits; memory is taken for 16 entries
// at a time and for keys of more than 15 bytes, and where there is none the key counts with others.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/brief_mutex.hpp"
#include "gate/key_words.hpp"
#include "gate/keyed_metrics.hpp"

namespace tidegate::internal {

class KeyLine;

struct KeyEntry {
  KeyEntry* next = nullptr;  // in its chain, or among the free ones
  std::uint32_t hash = 0;    // 0: free, or shared by keys without an entry
  std::string key;
  KeyWords words;
  KeyLine* line = nullptr;    // of those that wait; there is none otherwise
  KeyEntry* after = nullptr;  // in the ring of those in use
};

// Of all shards: how many entries there may be, and how many keys are kept.
class KeyRoom {
 public:
  explicit KeyRoom(std::size_t most) noexcept : most_(most) {}
  // For one entry more, which stays.
  bool take() noexcept {
    if (entries_.load(std::memory_order_relaxed) >= most_) return false;
    if (entries_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
    give_back();
    return false;
  }
  void give_back() noexcept { entries_.fetch_sub(1, std::memory_order_relaxed); }

  void kept(std::int64_t more) noexcept { keys_.fetch_add(more, std::memory_order_relaxed); }
  std::int64_t keys() const noexcept { return keys_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> entries_{0};
  std::atomic<std::int64_t> keys_{0};
  const std::size_t most_;
};

class alignas(64) KeyShard {
 public:
  static constexpr std::size_t kShared = 16;

  KeyShard(const policy::Limiter& limiter, KeyRoom& room, KeyedMetrics& metrics) noexcept
      : limiter_(limiter), room_(room), metrics_(metrics) {}
  KeyShard(const KeyShard&) = delete;
  KeyShard& operator=(const KeyShard&) = delete;

  // Where the key counts; `now` may become later. Good until the mutex is given back, and for as
  // long as somebody waits there.
  KeyEntry& at(std::string_view key, std::uint64_t hash, TimePoint& now) noexcept;

  // Of what is allocated.
  std::size_t bytes() const noexcept;

  BriefMutex mutex;

 private:
  static constexpr std::size_t kChunk = 16;
  using Chunk = std::array<KeyEntry, kChunk>;

  KeyEntry*& chain(std::uint32_t hash) noexcept { return chains_[chain_number(hash)]; }
  std::size_t chain_number(std::uint32_t hash) const noexcept;
  KeyEntry* find(std::string_view key, std::uint32_t hash) noexcept;
  KeyEntry* make(std::string_view key, std::uint32_t hash, TimePoint now) noexcept;
  bool make_free() noexcept;
  void forget_some(std::size_t looks, TimePoint now) noexcept;
  void forget(KeyEntry& idle) noexcept;
  void count(std::int64_t keys) noexcept;

  const policy::Limiter& limiter_;
  KeyRoom& room_;
  KeyedMetrics& metrics_;
  TimePoint forgotten_at_{};
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<KeyEntry*> chains_;  // as many as entries
  KeyEntry* last_ = nullptr;  // of the ring: the one behind it is looked at next, itself at last
  KeyEntry* free_ = nullptr;
  std::array<KeyEntry, kShared> shared_;
};

}  // namespace tidegate::internal
