// SPDX-License-Identifier: Apache-2.0
//
// Bell: wakes the one flow that waits for something to do.
//
//   for (;;) {
//     …do all there is…
//     const Cause woken = co_await bell.heard(until);
//     if (woken != Cause::kNone) …                    // kNotReady: the time came; else cancelled
//   }
//
// A ring that comes while nobody waits is kept for the next heard(), which then gives way to the
// other flows of its turn. Rings that come before the flow goes on are one.
//
// A ring is spent when heard() ends with kNone in a scope that is not cancelled. Whose time came, or
// who was cancelled, leaves it to the next who waits, so that it may be heard twice but is not lost.
//
// One flow waits at a time. On the loop's thread.
#pragma once

#include "base/scope.hpp"

namespace tidegate::internal {

class Bell {
 public:
  Bell() noexcept = default;
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() noexcept;

  // kNone where it rang, kNotReady where the time came first, or why the scope was cancelled.
  class Wait;
  Wait heard(Deadline until) noexcept;

 private:
  Wait* waiting_ = nullptr;
  bool rung_ = false;
};

class Bell::Wait final : public Leaf, private Timer {
 public:
  Wait(Bell& bell, Deadline until) noexcept : bell_(bell), until_(until) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    return wait(flow.promise().scope(), flow);
  }
  Cause await_resume() const noexcept {
    if (outcome() == Cause::kNone && scope()->ok()) bell_.rung_ = false;
    return outcome();
  }

 private:
  friend class Bell;
  bool wait(Scope& scope, std::coroutine_handle<> flow) noexcept {
    refuse(scope.reason());
    if (!scope.ok()) return false;
    park(scope, flow);
    if (bell_.rung_) {
      complete(Cause::kNone);
      return true;
    }
    bell_.waiting_ = this;
    if (!until_.is_never()) scope.loop().arm(*this, until_.time());
    return true;
  }
  void rung() noexcept {
    on_cancel();
    complete(Cause::kNone);
  }
  void fired() noexcept override {
    bell_.waiting_ = nullptr;
    complete(Cause::kNotReady);
  }
  void on_cancel() noexcept override {
    bell_.waiting_ = nullptr;
    scope()->loop().disarm(*this);
  }

  Bell& bell_;
  const Deadline until_;
};

inline void Bell::ring() noexcept {
  rung_ = true;
  if (waiting_) waiting_->rung();
}

inline Bell::Wait Bell::heard(Deadline until) noexcept { return Wait(*this, until); }

}  // namespace tidegate::internal
