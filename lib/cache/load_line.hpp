// SPDX-License-Identifier: Apache-2.0
//
// LoadLine: how many loads run at a time. As many as come, but `most` where the line is closed; the
// others wait in the order of their coming.
//
//   auto entering = line.enter();
//   const bool entered = co_await std::move(entering);    // false: the scope ended first
//   …
//   line.leave();                                          // when the load is over
//
// `is_open` is asked at each coming and going, and by admit(). On the loop's thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "base/metrics.hpp"
#include "base/task.hpp"
#include "cache/waiters.hpp"

namespace tidegate::internal {

class LoadLine {
 public:
  LoadLine(std::size_t most, std::function<bool()> is_open, Gauge& waiting)
      : most_(most), is_open_(std::move(is_open)), waiting_count_(waiting) {}

  Task<bool> enter();
  void leave() noexcept {
    --running_;
    admit();
  }
  void admit() noexcept {
    while (has_room() && waiting_.wake_one()) ++running_;
  }
  std::size_t running() const noexcept { return running_; }

 private:
  bool has_room() const noexcept { return running_ < most_ || is_open_(); }

  const std::size_t most_;
  const std::function<bool()> is_open_;
  Gauge& waiting_count_;
  std::size_t running_ = 0;
  Waiters waiting_;
};

inline Task<bool> LoadLine::enter() {
  Scope& scope = co_await this_scope();
  if (!scope.ok()) co_return false;
  admit();
  if (waiting_.empty() && has_room()) {
    ++running_;
    co_return true;
  }
  waiting_count_.add(1);
  const bool woken = co_await waiting_.wait();
  waiting_count_.add(-1);
  co_return woken;
}

}  // namespace tidegate::internal
