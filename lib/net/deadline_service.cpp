// SPDX-License-Identifier: Apache-2.0
#include "net/deadline_service.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace tidegate::internal {

namespace {

constexpr unsigned kTickShift = 17;  // 2^17 ns = 131 us
constexpr std::uint64_t kForEver = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kBatch = 64;

TimePoint time_of(std::uint64_t tick) noexcept {
  return TimePoint(Duration(static_cast<std::int64_t>(tick << kTickShift)));
}

}  // namespace

DeadlineService::DeadlineService() : wheel_(tick_of(Deadline::now())) {}

std::uint64_t DeadlineService::tick_of(TimePoint now) noexcept {
  return static_cast<std::uint64_t>(now.time_since_epoch().count()) >> kTickShift;
}

std::uint64_t DeadlineService::tick_at_or_after(TimePoint when) noexcept {
  const auto nanoseconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, when.time_since_epoch().count()));
  return (nanoseconds >> kTickShift) + ((nanoseconds & ((1u << kTickShift) - 1)) != 0 ? 1 : 0);
}

Status DeadlineService::arm(DeadlineTimer& timer, TimePoint when) {
  const std::uint64_t tick = tick_at_or_after(when);
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return Status(Cause::kClosed, "the runtime is shut down");
    if (!started_) {
      Status started = thread_.start("tg-deadline", [this, epoch = epoch_] { run(epoch); });
      if (!started.ok()) return started;
      started_ = true;
    }
    wheel_.arm(timer, tick);
    wake = tick < sleeps_until_;
    if (wake) sleeps_until_ = tick;
  }
  if (wake) changed_.notify_one();
  return Status();
}

bool DeadlineService::disarm(DeadlineTimer& timer) noexcept {
  std::lock_guard lock(mutex_);
  return wheel_.disarm(timer);
}

void DeadlineService::run(std::uint64_t epoch) {
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
  std::unique_lock lock(mutex_);
  while (epoch == epoch_) {
    wheel_.advance(tick_of(Deadline::now()));
    std::array<DeadlineTimer*, kBatch> due;
    std::size_t count = 0;
    while (count < kBatch) {
      TimerNode* timer = wheel_.take_due();
      if (!timer) break;
      due[count++] = static_cast<DeadlineTimer*>(timer);
    }
    if (count) {
      lock.unlock();
      for (std::size_t i = 0; i < count; ++i) due[i]->expired();
      lock.lock();
      continue;
    }
    const std::uint64_t next = wheel_.next().value_or(kForEver);
    sleeps_until_ = next;
    if (next == kForEver) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, time_of(next));
    }
    if (epoch == epoch_) sleeps_until_ = 0;  // else it is the next thread's
  }
}

bool DeadlineService::quiesce() {
  ThreadSet ended;
  {
    std::lock_guard lock(mutex_);
    if (wheel_.armed_count() != 0) return false;
    ++epoch_;
    started_ = false;
    thread_.hand_over(ended);
  }
  changed_.notify_all();
  ended.join(Deadline::never());
  return true;
}

void DeadlineService::stop(Deadline until) {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ++epoch_;
  }
  changed_.notify_all();
  thread_.join(until);
}

}  // namespace tidegate::internal
