// SPDX-License-Identifier: Apache-2.0
//
// Waiters: flows that wait, in the order of their coming, until somebody wakes them.
//
//   const bool woken = co_await waiters.wait();    // false: its scope ended first
//
// Who was woken stays so, also where its scope ends before it runs. On the loop's thread only.
#pragma once

#include "base/scope.hpp"

namespace tidegate::internal {

class Waiters {
 public:
  class Wait;

  Waiters() noexcept = default;
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  Wait wait() noexcept;
  bool empty() const noexcept { return waiting_.empty(); }
  // False where nobody waits.
  bool wake_one() noexcept;
  void wake_all() noexcept {
    while (wake_one()) {
    }
  }

 private:
  IntrusiveList<Wait> waiting_;
};

class Waiters::Wait final : public Leaf, public internal::ListNode<Wait> {
 public:
  explicit Wait(Waiters& waiters) noexcept : waiters_(waiters) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
    Scope& scope = waiter.promise().scope();
    refuse(scope.reason());
    if (!scope.ok()) return false;
    park(scope, waiter);
    waiters_.waiting_.push_back(*this);
    return true;
  }
  bool await_resume() const noexcept { return woken_; }

 private:
  friend class Waiters;
  void wake() noexcept {
    woken_ = true;
    complete(Cause::kNone);
  }
  void on_cancel() noexcept override { internal::ListNode<Wait>::unlink(); }

  Waiters& waiters_;
  bool woken_ = false;
};

inline Waiters::Wait Waiters::wait() noexcept { return Wait(*this); }

inline bool Waiters::wake_one() noexcept {
  Wait* const first = waiting_.pop_front();
  if (first) first->wake();
  return first != nullptr;
}

}  // namespace tidegate::internal
