// SPDX-License-Identifier: Apache-2.0
//
// Loop: what a flow runs on. A flow is a coroutine (base/task.hpp); a loop resumes it on one
// thread, tells it the time, and wakes it by a timer or by a message from another thread. The shard
// (net/shard.hpp) is the loop of production, SimLoop (tests/sim) the same in virtual time: services
// are written against this class and run in both as the same object files.
//
// Nothing here allocates: timers, messages and ready nodes live in the objects that use them. So no
// call can fail, and each is a few instructions.
//
// Nobody but run_ready() resumes a coroutine. Timers, messages and cancellation only make flows
// ready; at most one resume() is on the stack, and no frame is destroyed beneath it. (Symmetric
// transfer would nest: gcc makes the tail call it relies on only from -O2 on, and never under its
// sanitizers.) A turn runs the flows that were ready when it began, so that one which makes itself
// ready again and again starves neither timers nor sockets.
//
// Thread-safety: post() may be called from any thread; everything else on the loop's own.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/intrusive_list.hpp"
#include "base/timer_wheel.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class Root;
class Scope;

// A flow that can go on. It stands in at most one queue, and leaves it only by being resumed.
class Ready : public ListNode<Ready> {
 public:
  Scope* scope() const noexcept { return scope_; }
  Cause outcome() const noexcept { return outcome_; }

 protected:
  ~Ready() = default;
  std::coroutine_handle<> handle_;
  Scope* scope_ = nullptr;
  Cause outcome_ = Cause::kNone;

 private:
  friend class Loop;
};

// Derive from it what shall happen at a time. fired() runs on the loop, outside any flow; it may
// arm and disarm anything.
class Timer : public TimerNode {
 public:
  virtual void fired() noexcept = 0;

 protected:
  ~Timer() = default;
};

// Something that another thread hands to the loop, embedded in the object that will send it. After
// post() it belongs to the loop until run() is called, once; run() may delete it.
class Message : public ListNode<Message> {
 public:
  virtual void run() noexcept = 0;

 protected:
  ~Message() = default;
};

class Loop {
 public:
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The time of this turn: read once, so that all flows of a turn agree.
  TimePoint now() const noexcept { return now_; }

  // Makes timer.fired() happen at the end of the tick that `when` falls in, never before; one that
  // has passed, in the next turn. An armed timer is moved.
  void arm(Timer& timer, TimePoint when) noexcept;
  void disarm(Timer& timer) noexcept { wheel_.disarm(timer); }

  // Queues the flow behind those that are ready already.
  void ready(Ready& flow) noexcept { ready_.push_back(flow); }

  // False where the loop is closed for good, is of the process that this one was forked from, or
  // its thread cannot be started now; then the message stays the caller's.
  virtual bool post(Message& message) noexcept = 0;

  // For task.hpp: what the trampoline resumes when the running coroutine has suspended, and the
  // root flow that has just ended.
  void resume_next(std::coroutine_handle<> next) noexcept { next_ = next; }
  void root_ended(Root& root) noexcept { ended_ = &root; }

  // Root flows that live on this loop.
  std::size_t roots() const noexcept { return root_count_; }
  // Timers that are armed.
  std::size_t timers() const noexcept { return wheel_.armed_count(); }
  void cancel_roots(Cause reason) noexcept;

 protected:
  // A tick is 2^tick_shift nanoseconds.
  Loop(TimePoint now, unsigned tick_shift) noexcept;
  virtual ~Loop() = default;

  bool has_ready() const noexcept { return !ready_.empty(); }
  // When to call fire_timers() next: not later than the earliest timer, now and then before it.
  std::optional<TimePoint> next_timer() const noexcept;
  // Time has come to `now`.
  void tell_time(TimePoint now) noexcept { now_ = std::max(now_, now); }
  // Fires what is due.
  void fire_timers() noexcept;
  // One turn: resumes what was ready when it began.
  void run_ready();

 private:
  friend class Scope;
  std::uint64_t root_entered(Scope& root) noexcept;
  void root_left() noexcept { --root_count_; }

  // Takes one of the flows of this turn. The simulation overrides the order and looks on.
  virtual Ready& pick(IntrusiveList<Ready>& turn) noexcept { return *turn.pop_front(); }
  void run(std::coroutine_handle<> first);
  std::uint64_t tick_at_or_after(TimePoint when) const noexcept;

  const unsigned tick_shift_;
  TimePoint now_;
  TimerWheel wheel_;
  IntrusiveList<Ready> ready_;
  std::coroutine_handle<> next_;
  Root* ended_ = nullptr;
  IntrusiveList<Scope> roots_;
  std::size_t root_count_ = 0;
  std::uint64_t root_ids_ = 0;
};

}  // namespace tidegate::internal
