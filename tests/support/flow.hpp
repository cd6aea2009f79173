// SPDX-License-Identifier: Apache-2.0
//
// Flow: a root flow of a test, which tells how it ended. yield(): a flow lets the others of its
// turn go first.
#pragma once

#include <utility>

#include "base/root.hpp"

namespace tidegate::test {

class Flow final : public internal::Root {
 public:
  Flow(internal::Loop& loop, internal::Task<void> flow, Deadline deadline = Deadline::never())
      : Root(loop, deadline) {
    start(std::move(flow));
  }

  bool over = false;
  std::exception_ptr error;

 private:
  void ended(std::exception_ptr thrown) noexcept override {
    over = true;
    error = std::move(thrown);
  }
};

class Yield final : public internal::Leaf {
 public:
  Yield() noexcept = default;
  Yield(const Yield&) = delete;
  Yield& operator=(const Yield&) = delete;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> yielding) noexcept {
    internal::Scope& scope = yielding.promise().scope();
    refuse(scope.reason());
    if (!scope.ok()) return false;
    park(scope, yielding);
    complete(Cause::kNone);
    return true;
  }
  Cause await_resume() const noexcept { return outcome(); }

 private:
  void on_cancel() noexcept override {}
};

inline Yield yield() noexcept { return {}; }

}  // namespace tidegate::test
