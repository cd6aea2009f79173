// SPDX-License-Identifier: Apache-2.0
//
// CallWindow: how many of the calls of the last while failed, and how many were slow. A ring of
// counters, each for a twentieth of the window: it forgets a twentieth at a time, so that what it
// knows is between 0.95 of a window and a whole one.
//
// The ring is one of words that others change too. Each call is one compare-and-swap. A clock that
// stands or goes back a little makes it forget nothing; where the newest bucket lies a whole window
// ahead of the clock, the words are spoiled, and it begins anew.
//
// Pure: time is an argument. Thread-safety: any thread, of any process.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "gate/breaker_words.hpp"
#include "policy/breaker_word.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::internal {

class CallWindow {
 public:
  CallWindow(BreakerWords& words, Duration window) noexcept;

  // How many calls its bucket has now; zero, and nothing is added, where the generation is over.
  std::uint64_t add(policy::Generation generation, bool failed, bool slow, TimePoint now) noexcept {
    const std::uint64_t newest = words_.newest.load(std::memory_order_acquire);
    if (!failed && !slow && newest == mark(generation, index_at(now))) [[likely]] {
      auto& bucket = bucket_of(index_of(newest));
      std::uint64_t word = bucket.load(std::memory_order_acquire);
      const std::uint64_t added = policy::BucketWord::added(word, false, false);
      if (policy::BucketWord::has(word, policy::BucketWord::tag(generation, index_of(newest))) &&
          bucket.compare_exchange_weak(word, added, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
        return policy::BucketWord::counts(added).calls;
      }
    }
    return add_slowly(generation, failed, slow, now);
  }
  policy::CallCounts counts(policy::Generation generation, TimePoint now) noexcept;
  // False where no call of the window failed or was slow. The cheaper question.
  bool has_faults(policy::Generation generation) const noexcept {
    const std::uint64_t faulty = words_.faulty.load(std::memory_order_acquire);
    if (generation_of(faulty) != generation) return false;
    const std::uint64_t newest = words_.newest.load(std::memory_order_acquire);
    return distance(index_of(faulty), index_of(newest)) <
           static_cast<std::int64_t>(BreakerWords::kBuckets);
  }

 private:
  static constexpr unsigned kIndexBits = 64 - policy::kGenerationBits;
  static constexpr std::uint64_t kIndexMask = (std::uint64_t{1} << kIndexBits) - 1;

  // By a product for a quotient: it may come early, by a thousandth of a bucket in the years that a
  // machine runs, and never late.
  std::uint64_t index_at(TimePoint now) const noexcept {
    __extension__ using Wide = unsigned __int128;
    const auto time =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.time_since_epoch().count()));
    return static_cast<std::uint64_t>((Wide{time} * per_time_) >> 64) & kIndexMask;
  }
  static constexpr std::uint64_t mark(policy::Generation generation, std::uint64_t index) noexcept {
    return std::uint64_t{generation} << kIndexBits | (index & kIndexMask);
  }
  static constexpr policy::Generation generation_of(std::uint64_t mark) noexcept {
    return static_cast<policy::Generation>(mark >> kIndexBits);
  }
  static constexpr std::uint64_t index_of(std::uint64_t mark) noexcept { return mark & kIndexMask; }
  // How far `one` is behind `other`, whose numbers go round.
  static constexpr std::int64_t distance(std::uint64_t one, std::uint64_t other) noexcept {
    return static_cast<std::int64_t>((other - one) << policy::kGenerationBits) >>
           policy::kGenerationBits;
  }
  BreakerWords::Word& bucket_of(std::uint64_t index) const noexcept {
    return words_.buckets[static_cast<std::size_t>((index & kIndexMask) % BreakerWords::kBuckets)];
  }

  // The word `newest` for this time; nothing, where the generation is over.
  std::optional<std::uint64_t> advance(policy::Generation generation, TimePoint now) noexcept {
    const std::uint64_t index = index_at(now);
    const std::uint64_t newest = words_.newest.load(std::memory_order_acquire);
    if (newest == mark(generation, index)) [[likely]]
      return newest;
    return advance_slowly(generation, index);
  }
  std::uint64_t add_slowly(policy::Generation generation, bool failed, bool slow,
                           TimePoint now) noexcept;
  std::optional<std::uint64_t> advance_slowly(policy::Generation generation,
                                              std::uint64_t index) noexcept;
  bool clear_passed(std::uint64_t newest, policy::Generation generation, std::uint64_t index,
                    std::uint64_t passed) noexcept;
  bool is_over(policy::Generation generation) const noexcept;

  BreakerWords& words_;
  const std::uint64_t per_time_;  // 2^64 / the width of a bucket
};

}  // namespace tidegate::internal
