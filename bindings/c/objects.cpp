// SPDX-License-Identifier: Apache-2.0
#include "objects.hpp"

#include <chrono>
#include <limits>

namespace tidegate::c {

PageObject::~PageObject() {
  for (Call* call = calls_.load(std::memory_order_acquire); call;) {
    const std::unique_ptr<Call> gone(call);
    call = gone->next;
  }
}

void PageObject::push(std::unique_ptr<Call> call) noexcept {
  Call* fresh = call.release();
  fresh->next = calls_.load(std::memory_order_relaxed);
  while (!calls_.compare_exchange_weak(fresh->next, fresh, std::memory_order_release,
                                       std::memory_order_relaxed)) {
  }
}

Deadline deadline_in_ms(std::int64_t timeout_ms) noexcept {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  if (timeout_ms < 0 || timeout_ms > kMost) return Deadline::never();
  return Deadline::after(std::chrono::milliseconds(timeout_ms));
}

std::int64_t to_ms(Duration duration) noexcept {
  return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

}  // namespace tidegate::c
