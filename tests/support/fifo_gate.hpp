// SPDX-License-Identifier: Apache-2.0
//
// FifoGate: the least gate there is, to try the runtime with: as many flows inside as it has
// permits, the others wait in the order of their coming.
//
//   auto permit = co_await gate.enter();
//   if (!permit.held()) co_return;       // cancelled, permit.refused() says why
//
// A permit that is given back goes to the head of the queue before the head is resumed, so that
// nobody can overtake it.
#pragma once

#include <utility>

#include "base/scope.hpp"

namespace tidegate::test {

class FifoGate {
 public:
  class Permit;
  class Enter;

  explicit FifoGate(int permits) noexcept : free_(permits) {}

  Enter enter() noexcept;
  int free() const noexcept { return free_; }
  bool has_waiting() const noexcept { return !waiting_.empty(); }

 private:
  void release() noexcept;

  int free_;
  internal::IntrusiveList<Enter> waiting_;
};

class [[nodiscard]] FifoGate::Permit {
 public:
  Permit(FifoGate* gate, Cause refused) noexcept : gate_(gate), refused_(refused) {}
  Permit(Permit&& other) noexcept
      : gate_(std::exchange(other.gate_, nullptr)), refused_(other.refused_) {}
  Permit& operator=(Permit&&) = delete;
  ~Permit() {
    if (gate_) gate_->release();
  }

  bool held() const noexcept { return gate_ != nullptr; }
  Cause refused() const noexcept { return refused_; }

 private:
  FifoGate* gate_;
  Cause refused_;
};

class FifoGate::Enter final : public internal::Leaf, private internal::ListNode<FifoGate::Enter> {
 public:
  explicit Enter(FifoGate& gate) noexcept : gate_(gate) {}
  Enter(const Enter&) = delete;
  Enter& operator=(const Enter&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    return wait(flow.promise().scope(), flow);
  }
  Permit await_resume() const noexcept { return Permit(granted_ ? &gate_ : nullptr, outcome()); }

 private:
  friend class FifoGate;
  friend class internal::IntrusiveList<Enter>;

  bool wait(internal::Scope& scope, std::coroutine_handle<> flow) noexcept {
    refuse(scope.reason());
    if (!scope.ok()) return false;
    if (gate_.free_ > 0) {
      --gate_.free_;
      granted_ = true;
      return false;
    }
    park(scope, flow);
    gate_.waiting_.push_back(*this);
    return true;
  }
  void grant() noexcept {
    granted_ = true;
    complete(Cause::kNone);
  }
  void on_cancel() noexcept override { ListNode<Enter>::unlink(); }

  FifoGate& gate_;
  bool granted_ = false;
};

inline FifoGate::Enter FifoGate::enter() noexcept { return Enter(*this); }

inline void FifoGate::release() noexcept {
  if (Enter* const head = waiting_.pop_front()) return head->grant();
  ++free_;
}

}  // namespace tidegate::test
