// SPDX-License-Identifier: Apache-2.0
//
// sleep_until(): parks a flow until a time.
//
//   const Cause woken = co_await sleep_until(when);   // kNone, or why the scope was cancelled
#pragma once

#include "base/scope.hpp"

namespace tidegate::internal {

class Sleep final : public Leaf, private Timer {
 public:
  explicit Sleep(TimePoint when) noexcept : when_(when) {}
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> sleeper) noexcept {
    return sleep(sleeper.promise().scope(), sleeper);
  }
  Cause await_resume() const noexcept { return outcome(); }

 private:
  bool sleep(Scope& scope, std::coroutine_handle<> sleeper) noexcept {
    refuse(scope.reason());
    if (!scope.ok() || when_ <= scope.loop().now()) return false;
    park(scope, sleeper);
    scope.loop().arm(*this, when_);
    return true;
  }
  void fired() noexcept override { complete(Cause::kNone); }
  void on_cancel() noexcept override { scope()->loop().disarm(*this); }

  const TimePoint when_;
};

inline Sleep sleep_until(TimePoint when) noexcept { return Sleep(when); }

}  // namespace tidegate::internal
