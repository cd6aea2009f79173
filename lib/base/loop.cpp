// SPDX-License-Identifier: Apache-2.0
#include "base/ports/loop.hpp"

#include <algorithm>
#include <utility>

#include "base/root.hpp"

namespace tidegate::internal {

namespace {
std::uint64_t nanoseconds(TimePoint when) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, when.time_since_epoch().count()));
}
}  // namespace

Loop::Loop(TimePoint now, unsigned tick_shift) noexcept
    : tick_shift_(tick_shift), now_(now), wheel_(nanoseconds(now) >> tick_shift) {}

std::uint64_t Loop::tick_at_or_after(TimePoint when) const noexcept {
  const std::uint64_t mask = (std::uint64_t{1} << tick_shift_) - 1;
  return (nanoseconds(when) >> tick_shift_) + ((nanoseconds(when) & mask) != 0 ? 1 : 0);
}

void Loop::arm(Timer& timer, TimePoint when) noexcept { wheel_.arm(timer, tick_at_or_after(when)); }

std::optional<TimePoint> Loop::next_timer() const noexcept {
  const auto tick = wheel_.next();
  if (!tick) return std::nullopt;
  return TimePoint(Duration(static_cast<std::int64_t>(*tick << tick_shift_)));
}

void Loop::fire_timers() noexcept {
  wheel_.advance(nanoseconds(now_) >> tick_shift_);
  while (TimerNode* const due = wheel_.take_due()) static_cast<Timer*>(due)->fired();
}

std::uint64_t Loop::root_entered(Scope& root) noexcept {
  roots_.push_back(root);
  ++root_count_;
  return ++root_ids_;
}

// No root ends inside a cancel, so the list stands still.
void Loop::cancel_roots(Cause reason) noexcept {
  for (Scope* root = roots_.empty() ? nullptr : &roots_.front(); root; root = roots_.after(*root)) {
    root->cancel(reason);
  }
}

void Loop::run_ready() {
  IntrusiveList<Ready> turn;
  turn.append(ready_);
  while (!turn.empty()) run(pick(turn).handle_);
}

// The only caller of resume().
void Loop::run(std::coroutine_handle<> first) {
  next_ = first;
  while (next_) {
    std::exchange(next_, nullptr).resume();
    if (ended_) std::exchange(ended_, nullptr)->frame_ended();
  }
}

}  // namespace tidegate::internal
