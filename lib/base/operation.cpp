// SPDX-License-Identifier: Apache-2.0
#include "tidegate/operation.hpp"

#include <cstddef>
#include <new>

#include "base/fork.hpp"
#include "base/futex.hpp"

// Invariants
//   word_       kClaimed is set once, by the one who writes the result; kDone once, after the
//   result is written. Both
//               stay. kSleeper is set by a waiter before it sleeps and makes publish() wake.
//   consumers_  a stack of consumers until publish() swaps in the sentinel `ended`; a push that
//   meets the sentinel
//               calls its consumer itself. So each is called exactly once, whichever side is first.
namespace tidegate::internal {

namespace {

class Ended final : public Consumer {
  void completed(OperationState&) noexcept override {}
};

// Never destroyed, and there without an allocation, which may fail.
Consumer* ended() noexcept {
  alignas(Ended) static std::byte place[sizeof(Ended)];
  static Ended* const sentinel = new (place) Ended;
  return sentinel;
}

}  // namespace

OperationState::OperationState() noexcept : generation_(fork_generation()) {}

bool OperationState::alive() const noexcept { return done() || generation_ == fork_generation(); }

bool OperationState::wait_until(Deadline until) const noexcept {
  for (;;) {
    std::uint32_t seen = word_.load(std::memory_order_acquire);
    if (seen & kDone) return true;
    if (generation_ != fork_generation() || until.passed()) return false;
    if (!(seen & kSleeper)) {
      if (!word_.compare_exchange_weak(seen, seen | kSleeper, std::memory_order_acq_rel)) continue;
      seen |= kSleeper;
    }
    futex_wait(word_, seen, until);
  }
}

void OperationState::publish() noexcept {
  const std::uint32_t before = word_.fetch_or(kDone, std::memory_order_acq_rel);
  if (before & kSleeper) futex_wake_all(word_);
  Consumer* consumer = consumers_.exchange(ended(), std::memory_order_acq_rel);
  Consumer* in_order = nullptr;
  while (consumer) {
    Consumer* next = std::exchange(consumer->next_, in_order);
    in_order = std::exchange(consumer, next);
  }
  while (in_order) {
    Consumer* next = in_order->next_;
    in_order->completed(*this);
    in_order = next;
  }
}

void OperationState::add_consumer(Consumer* consumer) noexcept {
  if (done()) return consumer->completed(*this);
  Consumer* head = consumers_.load(std::memory_order_acquire);
  do {
    if (head == ended()) return consumer->completed(*this);
    consumer->next_ = head;
  } while (!consumers_.compare_exchange_weak(head, consumer, std::memory_order_acq_rel,
                                             std::memory_order_acquire));
}

}  // namespace tidegate::internal
