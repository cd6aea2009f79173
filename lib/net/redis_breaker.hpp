// SPDX-License-Identifier: Apache-2.0
//
// RedisBreaker: when a server is taken for down, and how long to leave it alone. It counts failures
// of the server's (timeouts, lost connections, "I am loading"); so many one after the other open
// it. Failures of what was begun before the last one was counted are the same failure: fifty calls
// that one hiccup makes late do not open it, five calls late one after the other do.
//
// Pauses are drawn with full jitter, so that the processes that lost a server together do not come
// back together. Pure: time and randomness are arguments.
#pragma once

#include <algorithm>

#include "base/ports/rng.hpp"
#include "net/redis_options.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::internal {

class RedisBreaker {
 public:
  explicit RedisBreaker(int failures) noexcept : limit_(failures) {}

  void succeeded() noexcept { failures_ = 0; }
  // True where it was one too many: the server is to be taken for down.
  bool failed(TimePoint begun, TimePoint now) noexcept {
    if (failures_ > 0 && begun < last_) return false;
    if (failures_ == 0) since_ = now;
    last_ = now;
    return ++failures_ >= limit_;
  }

  int failures() const noexcept { return failures_; }
  // When the first of the failures was.
  TimePoint since() const noexcept { return since_; }

 private:
  const int limit_;
  int failures_ = 0;
  TimePoint since_{};
  TimePoint last_{};
};

// How long to wait before the next attempt to connect.
class RedisBackoff {
 public:
  explicit RedisBackoff(const RedisOptions& options) noexcept
      : first_(options.first_pause),
        longest_(options.longest_pause),
        permanent_(options.permanent_pause) {}

  // A connection has ended that lived for so long: one that lived longer than any pause begins the
  // steps anew. A server that answers and dies at once is left alone for longer and longer.
  void lived(Duration life) noexcept {
    if (life >= longest_) step_ = 0;
  }

  Duration next(bool permanent, Rng& rng) noexcept {
    if (permanent) return rng.between(permanent_ / 2, permanent_);
    const Duration bound = std::min(longest_, first_ * (std::int64_t{1} << std::min(step_, 20)));
    ++step_;
    return rng.between(Duration::zero(), bound);
  }

 private:
  const Duration first_;
  const Duration longest_;
  const Duration permanent_;
  int step_ = 0;
};

}  // namespace tidegate::internal
