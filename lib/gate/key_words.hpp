// SPDX-License-Identifier: Apache-2.0
//
// KeyWords: what one key of a KeyedLimiter has counted: a word for each of its limits, and its latest
// penalty. It decides as a LimiterWord of one process does; the limits are those of all keys, and
// the lock is its owner's.
//
// Thread-safety: none.
#pragma once

#include <algorithm>

#include "policy/limiter.hpp"

namespace tidegate::internal {

class KeyWords {
 public:
  using Booking = policy::Limiter::Booking;

  // Nobody can tell it from one that is new.
  bool is_idle(const policy::Limiter& limiter, TimePoint now) const noexcept {
    return !is_held(now) && limiter.is_idle(words_, now);
  }
  bool is_held(TimePoint now) const noexcept { return now < held_until_; }

  // Takes a start now and gives zero, or gives how long it is until there is one.
  // REQUIRES of all: 1 <= weight <= limiter.burst().
  Duration take(const policy::Limiter& limiter, TimePoint now, std::uint32_t weight) noexcept {
    if (limiter.size() > 1 || is_held(now)) {
      return reserve(limiter, now, weight, Duration::zero()).wait;
    }
    const Duration since = limiter.since_epoch(now);
    const Duration wait = limiter[0].wait(words_[0], since, weight);
    if (wait == Duration::zero()) words_[0] = limiter[0].booked(words_[0], since, weight);
    return wait;
  }

  Booking reserve(const policy::Limiter& limiter, TimePoint now, std::uint32_t weight,
                  Duration most_wait) noexcept {
    Booking booking = limiter.reserve(held(limiter, now), now, weight, most_wait);
    if (booking.granted()) words_ = booking.after;
    return booking;
  }

  // False where its slot is lost.
  bool cancel(const policy::Limiter& limiter, const Booking& booking, TimePoint now) noexcept {
    const bool was_held = held_until_ != TimePoint();
    const std::optional until = was_held ? std::optional(held_until_) : std::nullopt;
    const auto undone = limiter.cancelled(words_, booking, now, until);
    if (undone) words_ = *undone;
    return undone.has_value();
  }

  // It really starts only now.
  void started(const policy::Limiter& limiter, const Booking& booking, TimePoint now) noexcept {
    if (const auto moved = limiter.started(words_, booking, now)) words_ = *moved;
  }

  void penalize(const policy::Limiter& limiter, TimePoint now, TimePoint until) noexcept {
    words_ = limiter.penalized(words_, now, until);
    held_until_ = std::max(held_until_, until);
  }

  Duration wait(const policy::Limiter& limiter, TimePoint now, std::uint32_t weight,
                std::uint64_t ahead) const noexcept {
    return limiter.wait(held(limiter, now), now, weight, ahead);
  }

 private:
  using State = policy::Limiter::State;

  State held(const policy::Limiter& limiter, TimePoint now) const noexcept {
    return is_held(now) ? limiter.penalized(words_, now, held_until_) : words_;
  }

  State words_{};
  TimePoint held_until_{};
};

}  // namespace tidegate::internal
