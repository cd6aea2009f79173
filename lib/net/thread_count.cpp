// SPDX-License-Identifier: Apache-2.0
#include "net/thread_count.hpp"

#include <atomic>
#include <cstdint>

#include "base/fork.hpp"

namespace tidegate::internal {

namespace {

// The count and the fork generation that it belongs to in one word, so that a child starts from
// zero without a lock.
std::atomic<std::uint64_t> word{0};
constexpr std::uint64_t kCountBits = 20, kCountMask = (1u << kCountBits) - 1;

std::uint64_t count_of(std::uint64_t seen) noexcept {
  return (seen >> kCountBits) == fork_generation() ? seen & kCountMask : 0;
}

}  // namespace

void thread_count_add(int change) noexcept {
  std::uint64_t seen = word.load(std::memory_order_relaxed), next;
  do {
    const std::uint64_t count =
        count_of(seen) + static_cast<std::uint64_t>(static_cast<std::int64_t>(change));
    next = (fork_generation() << kCountBits) | (count & kCountMask);
  } while (!word.compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

std::size_t thread_count_now() noexcept { return count_of(word.load(std::memory_order_relaxed)); }

}  // namespace tidegate::internal
