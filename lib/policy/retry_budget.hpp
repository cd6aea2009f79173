// SPDX-License-Identifier: Apache-2.0
//
// RetryBudget: how many extra attempts all calls to one service may make together. Without it a
// service that is down gets every call as often as each may be tried, just when it can do with it
// least; with it at most `share` more than it got before, and `per_second` for callers that call
// seldom (Finagle's RetryBudget; SRE Book, Handling Overload).
//
//   budget.call();                       // a call begins: a share of an attempt comes in
//   if (!budget.take(now)) …             // no further attempt: what there is, is the outcome
//
// It begins full. Pure: time is an argument. Not thread-safe.
#pragma once

#include <algorithm>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class RetryBudget {
 public:
  RetryBudget(double share, double per_second, double most) noexcept
      : share_(share), per_second_(per_second), most_(most), left_(most) {}

  void call() noexcept { add(share_); }

  // Takes one for a retry that is to be made now.
  bool take(TimePoint now) noexcept {
    refill(now);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  // One that was taken, and not made.
  void put_back() noexcept { add(1); }
  // One that was made without asking.
  void charge(TimePoint now) noexcept {
    refill(now);
    left_ = std::max(0.0, left_ - 1);
  }

  double left(TimePoint now) noexcept {
    refill(now);
    return left_;
  }

 private:
  void add(double attempts) noexcept { left_ = std::min(most_, left_ + attempts); }
  void refill(TimePoint now) noexcept {
    if (now <= filled_) return;
    if (filled_ != TimePoint{}) {
      add(per_second_ * std::chrono::duration<double>(now - filled_).count());
    }
    filled_ = now;
  }

  const double share_;
  const double per_second_;
  const double most_;
  double left_;
  TimePoint filled_{};
};

}  // namespace tidegate::policy
