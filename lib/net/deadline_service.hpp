// SPDX-License-Identifier: Apache-2.0
//
// DeadlineService: one thread that ends operations on time, whatever their engine does. It is a
// timing wheel behind a mutex, and a thread that sleeps until the next occupied slot: an idle
// service makes no wake-up at all. The tick is 131 us; a timer never fires early and at most one
// tick late, beyond what the scheduler adds.
//
// expired() runs on the service's thread, without any lock of the service. It only settles and
// hands over: user code, I/O or waiting there would make every other deadline of the process late.
//
// Thread-safety: all members, any thread. Cost of arm + disarm: about 50 ns uncontended.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/timer_wheel.hpp"
#include "net/thread_set.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class DeadlineTimer : public TimerNode {
 public:
  virtual void expired() noexcept = 0;

 protected:
  ~DeadlineTimer() = default;
};

class DeadlineService {
 public:
  DeadlineService();
  ~DeadlineService() { stop(Deadline::never()); }
  DeadlineService(const DeadlineService&) = delete;
  DeadlineService& operator=(const DeadlineService&) = delete;

  // Calls timer.expired() once, not before `when`, unless disarm() comes first. Starts the thread
  // at the first use; kLocalResource where it cannot, and then nothing is armed. The timer must
  // stay until one of the two has happened.
  Status arm(DeadlineTimer& timer, TimePoint when);

  // True if the timer was armed: it will not fire. False: it has fired, is about to, or was never
  // armed.
  bool disarm(DeadlineTimer& timer) noexcept;

  // Joins the thread if no timer is armed; false otherwise. It starts again with the next arm().
  bool quiesce();

  // Ends the thread. Timers that are still armed never fire; later ones are refused with kClosed.
  void stop(Deadline until);

 private:
  void run(std::uint64_t epoch);
  static std::uint64_t tick_at_or_after(TimePoint when) noexcept;
  static std::uint64_t tick_of(TimePoint now) noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  TimerWheel wheel_;                // guarded by mutex_, like all below
  std::uint64_t sleeps_until_ = 0;  // the tick that the thread sleeps for; 0 while it is awake
  std::uint64_t epoch_ = 0;  // a thread ends when this is no longer the epoch it was started in
  bool started_ = false;
  bool closed_ = false;
  ThreadSet thread_;
};

}  // namespace tidegate::internal
