// SPDX-License-Identifier: Apache-2.0
//
// KeyedCore: a KeyedLimiter in one process. The keys are in shards (gate/key_shard.hpp), each with a
// lock that is held for some dozens of nanoseconds; those that wait stand in a line for each key
// (gate/key_line.hpp).
//
// Thread-safety: any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/siphash.hpp"
#include "gate/key_line.hpp"
#include "tidegate/operation.hpp"

namespace tidegate::internal {

class KeyedCore final : public std::enable_shared_from_this<KeyedCore> {
 public:
  static constexpr std::size_t kMostKeyBytes = 1024;
  static constexpr std::size_t kMostShards = 64;

  struct Bounds {
    std::size_t keys;
    std::size_t waiting;         // of all keys
    std::size_t waiting_of_key;  // of one
  };

  KeyedCore(Loop& loop, const policy::Limiter& limiter, const std::string& name,
            const Bounds& bounds, HashSeed seed = process_hash_seed());
  ~KeyedCore();

  // Whether such a start can be at all.
  bool fits(std::string_view key, std::uint32_t weight) const noexcept {
    return key.size() <= kMostKeyBytes && weight > 0 && weight <= limiter_.burst();
  }

  // Zero: it starts now. Else how long it is until it could. REQUIRES: fits(key, weight).
  Duration take(std::string_view key, TimePoint now, std::uint32_t weight) noexcept;
  // Whether it may start now; false counts as nothing. REQUIRES: fits(key, weight).
  bool start_now(std::string_view key, TimePoint now, std::uint32_t weight) noexcept;
  // Ends when it may start; at once where that is now, or cannot be before `deadline`.
  Operation<Duration> acquire(std::string_view key, TimePoint now, std::uint32_t weight,
                              Deadline deadline);
  // One that has ended, with a start where the outcome is OK.
  Operation<Duration> ended(const Status& outcome);
  // REQUIRES: fits(key, 1).
  void penalize(std::string_view key, TimePoint now, TimePoint until) noexcept;

  const policy::Limiter& limiter() const noexcept { return limiter_; }
  KeyedMetrics& metrics() noexcept { return metrics_; }
  std::size_t keys() const noexcept { return static_cast<std::size_t>(room_.keys()); }
  std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
  // Of what is allocated for keys, beside the core itself.
  std::size_t bytes() const noexcept;

 private:
  friend class KeyLine;

  KeyShard& shard_of(std::uint64_t hash) noexcept {
    return *shards_[(hash >> 40) & (shards_.size() - 1)];
  }
  void count(const KeyEntry& entry) noexcept;
  Duration try_at(KeyEntry& entry, TimePoint now, std::uint32_t weight) noexcept;
  Status unfit(std::string_view key, std::uint32_t weight) const;
  void left() noexcept { waiting_.fetch_sub(1, std::memory_order_relaxed); }

  KeyedMetrics metrics_;
  const policy::Limiter limiter_;
  Loop& loop_;
  const Bounds bounds_;
  const HashSeed seed_;
  KeyRoom room_;
  std::atomic<std::size_t> waiting_{0};
  std::vector<std::unique_ptr<KeyShard>> shards_;
};

}  // namespace tidegate::internal
