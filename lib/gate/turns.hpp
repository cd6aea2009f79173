// SPDX-License-Identifier: Apache-2.0
//
// Turns: what those have in common that wait for one word of a limiter: the line that they stand in,
// and how its head books. Whoever owns the word derives from it, and counts who waits: an Acquire is
// counted before it begins, and says when it has left.
//
// Thread-safety: the line and what Acquire calls belong to the loop's thread, but for left() and
// ahead_no_more(), which are also called where an Acquire could not begin.
#pragma once

#include <memory>

#include "gate/line.hpp"
#include "gate/remote_starts.hpp"
#include "policy/limiter.hpp"

namespace tidegate::internal {

class Turns : public std::enable_shared_from_this<Turns> {
 public:
  using Booking = policy::Limiter::Booking;

 protected:
  Turns() noexcept = default;
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  virtual ~Turns() = default;

 private:
  friend class Acquire;

  virtual Booking book(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept = 0;
  virtual void cancel(const Booking& booking, TimePoint now) noexcept = 0;
  // A penalty puts off what is booked.
  virtual bool is_held(TimePoint now) const noexcept = 0;
  // False where it is too late for that, and its slot lost.
  virtual bool started(const Booking& booking, TimePoint now) noexcept = 0;
  // Of a start with nobody ahead of it.
  virtual Duration wait(TimePoint now, std::uint32_t weight) const noexcept = 0;

  // Where starts are booked over a network; null where they are not.
  virtual RemoteStarts* remote() const noexcept { return nullptr; }

  // So many permits are booked, or never will be.
  virtual void ahead_no_more(std::uint32_t weight) noexcept = 0;
  virtual void left() noexcept = 0;

  Line line_;
};

}  // namespace tidegate::internal
