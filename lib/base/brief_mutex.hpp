// SPDX-License-Identifier: Apache-2.0
//
// BriefMutex: a mutex for what takes some dozens of nanoseconds. Whoever finds it held looks again
// for about a microsecond before it sleeps: by then the holder is done, unless the kernel has
// stopped it, and a sleep and a wake cost a hundred times what is waited for. Four bytes, not
// recursive; for std::lock_guard. Thread-safety: any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace tidegate::internal {

class BriefMutex {
 public:
  BriefMutex() noexcept = default;
  BriefMutex(const BriefMutex&) = delete;
  BriefMutex& operator=(const BriefMutex&) = delete;

  void lock() noexcept {
    std::uint32_t seen = kFree;
    if (!state_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire,
                                        std::memory_order_relaxed)) [[unlikely]]
      lock_slowly();
  }
  void unlock() noexcept {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) [[unlikely]]
      wake_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kAwaited = 2;  // held, and somebody may sleep

  void lock_slowly() noexcept;
  void wake_one() noexcept;

  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace tidegate::internal
