// SPDX-License-Identifier: Apache-2.0
//
// Checked: an object that notices when the compiler mistreats it. expect(): runs a flow over such
// objects to its end, and again with a cancel at each of its suspensions; its value must be the
// same each time, since what it awaits is over whether it is cancelled or not.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "base/task.hpp"
#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::test {

// Knows its address, counts itself and owns heap.
class Checked {
 public:
  explicit Checked(int value) : value_(std::make_unique<int>(value)), self_(this) { ++alive; }
  Checked(const Checked& other) : Checked(other.get()) {}
  Checked(Checked&& other) noexcept : value_(std::move(other.value_)), self_(this) {
    ++alive;
    other.check();
  }
  Checked& operator=(const Checked& other) {
    check();
    value_ = std::make_unique<int>(other.get());
    return *this;
  }
  Checked& operator=(Checked&& other) noexcept {
    check();
    other.check();
    value_ = std::move(other.value_);
    return *this;
  }
  ~Checked() {
    check();
    --alive;
    self_ = nullptr;
  }
  int get() const {
    check();
    return *value_;
  }

  static inline int alive = 0;
  static inline int misplaced = 0;

 private:
  void check() const noexcept { misplaced += self_ != this ? 1 : 0; }
  std::unique_ptr<int> value_;
  const Checked* self_;
};

// Runs the flow, also with a cancel at each of its suspensions, and looks at what is left.
inline void expect(int expected, internal::Task<int> (*flow)()) {
  struct Local {
    static internal::Task<void> root(internal::Task<int> (*body)(), int* result) {
      auto task = body();
      *result = co_await std::move(task);
    }
  };
  std::uint64_t resumes = 1;
  for (std::uint64_t cancelled_at = 0; cancelled_at <= resumes; ++cancelled_at) {
    CAPTURE(cancelled_at);
    SimLoop loop;
    int result = 0;
    Flow root(loop, Local::root(flow, &result));
    loop.before_resume([&](std::uint64_t number) {
      if (number == cancelled_at) root.scope().cancel(Cause::kCancelled);
    });
    loop.drive();
    CHECK(root.over);
    CHECK_FALSE(root.error);
    CHECK(result == expected);
    CHECK(internal::live_frames() == 0);
    CHECK(Checked::alive == 0);
    CHECK(std::exchange(Checked::misplaced, 0) == 0);
    if (cancelled_at == 0) resumes = loop.resumes();
  }
}

}  // namespace tidegate::test
