// SPDX-License-Identifier: Apache-2.0
#include "base/brief_mutex.hpp"

#include "base/futex.hpp"

namespace tidegate::internal {

namespace {

constexpr int kLooks = 32;

// Some dozens of cycles in which the processor leaves the line to its holder.
void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

}  // namespace

void BriefMutex::lock_slowly() noexcept {
  for (int i = 0; i < kLooks; ++i) {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    if (seen == kFree && state_.compare_exchange_weak(seen, kHeld, std::memory_order_acquire,
                                                      std::memory_order_relaxed))
      return;
    pause();
  }
  // Whoever has slept cannot know whether others do, and says that they may.
  while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
    futex_wait(state_, kAwaited, Deadline::never());
  }
}

void BriefMutex::wake_one() noexcept { futex_wake_one(state_); }

}  // namespace tidegate::internal
