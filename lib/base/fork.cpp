// SPDX-License-Identifier: Apache-2.0

#include "base/fork.hpp"

#include <pthread.h>

#include <array>

namespace tidegate::internal {

namespace fork_detail {
constinit std::atomic<std::uint64_t> generation{0};
}

namespace {

constinit std::array<std::atomic<std::atomic<void*>*>, kMaxForkPointers> pointers{};

void after_fork_in_child() {
  for (std::atomic<std::atomic<void*>*>& place : pointers) {
    if (std::atomic<void*>* pointer = place.load(std::memory_order_relaxed)) {
      pointer->store(nullptr, std::memory_order_relaxed);
    }
  }
  fork_detail::generation.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t fork_detail::first_generation() noexcept {
  // Two threads may both come here and register the handler twice; a child then counts by two. If
  // there is no memory to register it, the next call tries again.
  if (pthread_atfork(nullptr, nullptr, &after_fork_in_child) != 0) return 1;
  std::uint64_t none = 0;
  generation.compare_exchange_strong(none, 1, std::memory_order_relaxed);
  return generation.load(std::memory_order_relaxed);
}

bool on_fork_child(std::atomic<void*>& pointer) noexcept {
  (void)fork_generation();
  for (std::atomic<std::atomic<void*>*>& place : pointers) {
    std::atomic<void*>* taken = nullptr;
    if (place.compare_exchange_strong(taken, &pointer, std::memory_order_acq_rel)) return true;
    if (taken == &pointer) return true;
  }
  return false;
}

}  // namespace tidegate::internal
