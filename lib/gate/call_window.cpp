// SPDX-License-Identifier: Apache-2.0
#include "gate/call_window.hpp"

#include <algorithm>

namespace tidegate::internal {

namespace {

using policy::BreakerWord;
using policy::BucketWord;
using policy::CallCounts;
using policy::Generation;

constexpr std::uint64_t kBuckets = BreakerWords::kBuckets;

std::uint64_t width_of(Duration window) noexcept {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(2, window.count() / static_cast<std::int64_t>(kBuckets)));
}

}  // namespace

CallWindow::CallWindow(BreakerWords& words, Duration window) noexcept
    : words_(words), per_time_(~std::uint64_t{0} / width_of(window) + 1) {}

bool CallWindow::is_over(Generation generation) const noexcept {
  return BreakerWord::generation_of(words_.state.load(std::memory_order_acquire)) != generation;
}

std::optional<std::uint64_t> CallWindow::advance_slowly(Generation generation,
                                                        std::uint64_t index) noexcept {
  std::uint64_t newest = words_.newest.load(std::memory_order_acquire);
  for (;;) {
    std::uint64_t passed = kBuckets;
    if (generation_of(newest) == generation) [[likely]] {
      const std::int64_t ahead = distance(index_of(newest), index);
      if (ahead <= 0 && ahead > -static_cast<std::int64_t>(kBuckets)) return newest;
      if (ahead > 0) passed = std::min(static_cast<std::uint64_t>(ahead), kBuckets);
    }
    if (is_over(generation)) return std::nullopt;
    const std::uint64_t seen = newest;
    if (clear_passed(seen, generation, index, passed) &&
        words_.newest.compare_exchange_strong(newest, mark(generation, index),
                                              std::memory_order_acq_rel)) {
      return mark(generation, index);
    }
    newest = words_.newest.load(std::memory_order_acquire);
  }
}

// False where somebody else has advanced it meanwhile.
bool CallWindow::clear_passed(std::uint64_t newest, Generation generation, std::uint64_t index,
                              std::uint64_t passed) noexcept {
  for (std::uint64_t i = index + 1 - passed; i != index + 1; ++i) {
    auto& bucket = bucket_of(i);
    const std::uint64_t tag = BucketWord::tag(generation, i);
    std::uint64_t word = bucket.load(std::memory_order_acquire);
    do {
      if (words_.newest.load(std::memory_order_acquire) != newest) return false;
      if (word == tag) break;
    } while (!bucket.compare_exchange_weak(word, tag, std::memory_order_acq_rel,
                                           std::memory_order_acquire));
  }
  return true;
}

std::uint64_t CallWindow::add_slowly(Generation generation, bool failed, bool slow,
                                     TimePoint now) noexcept {
  for (;;) {
    const auto newest = advance(generation, now);
    if (!newest) return 0;
    if (failed || slow) {
      std::uint64_t faulty = words_.faulty.load(std::memory_order_relaxed);
      if (faulty != *newest) {
        words_.faulty.compare_exchange_strong(faulty, *newest, std::memory_order_acq_rel);
      }
    }
    const std::uint64_t index = index_of(*newest);
    const std::uint64_t tag = BucketWord::tag(generation, index);
    auto& bucket = bucket_of(index);
    std::uint64_t word = bucket.load(std::memory_order_acquire);
    for (;;) {
      const bool is_this = BucketWord::has(word, tag);
      // A later one's, which is not to be lost.
      if (!is_this && words_.newest.load(std::memory_order_acquire) != *newest) break;
      const std::uint64_t added = BucketWord::added(is_this ? word : tag, failed, slow);
      if (bucket.compare_exchange_weak(word, added, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
        return BucketWord::counts(added).calls;
      }
    }
  }
}

CallCounts CallWindow::counts(Generation generation, TimePoint now) noexcept {
  CallCounts sum;
  const auto newest = advance(generation, now);
  if (!newest) return sum;
  const std::uint64_t index = index_of(*newest);
  for (std::uint64_t age = 0; age < kBuckets; ++age) {
    const std::uint64_t then = (index - age) & kIndexMask;
    const std::uint64_t word = bucket_of(then).load(std::memory_order_acquire);
    if (!BucketWord::has(word, BucketWord::tag(generation, then))) continue;
    const CallCounts some = BucketWord::counts(word);
    sum.calls += some.calls;
    sum.failures += some.failures;
    sum.slow += some.slow;
  }
  return sum;
}

}  // namespace tidegate::internal
