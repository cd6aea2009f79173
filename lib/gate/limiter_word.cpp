// SPDX-License-Identifier: Apache-2.0
#include "gate/limiter_word.hpp"

namespace tidegate::internal {

using policy::Limit;

LimiterWord::State LimiterWord::read() const noexcept {
  State state{};
  for (std::size_t i = 0; i < limiter_.size(); ++i) {
    state[i] = words_.limits[i].load(std::memory_order_relaxed);
  }
  return state;
}

Duration LimiterWord::take_slowly(TimePoint now, std::uint32_t weight) noexcept {
  const Booking booking = reserve(now, weight, Duration::zero());
  return booking.answer == Answer::kNever ? Duration::max() : booking.wait;
}

LimiterWord::Booking LimiterWord::reserve_each(TimePoint now, std::uint32_t weight,
                                               Duration most_wait) noexcept {
  for (;;) {
    State seen = read();
    Booking booking = booked(seen, now, weight, most_wait);
    if (!booking.granted()) return booking;
    std::size_t done = 0;
    while (done < limiter_.size()) {
      if (words_.limits[done].compare_exchange_weak(seen[done], booking.after[done],
                                                    std::memory_order_acq_rel,
                                                    std::memory_order_relaxed)) {
        ++done;
      } else if (!limiter_.rebook(booking, done, held(seen, now)[done], weight)) {
        break;
      }
    }
    if (done == limiter_.size()) return booking;
    if (!take_back(booking, done, now)) metrics_.lost.add();
  }
}

void LimiterWord::cancel(const Booking& booking, TimePoint now) noexcept {
  bool is_undone = false;
  if (!is_shared_) {
    const bool was_held = words_.held_until.load(std::memory_order_relaxed) != 0;
    const std::optional until = was_held ? std::optional(held_until()) : std::nullopt;
    is_undone =
        change([&](const State& state) { return limiter_.cancelled(state, booking, now, until); });
  } else if (booking.granted() && now <= booking.start) {
    is_undone = take_back(booking, limiter_.size(), now);
  }
  if (!is_undone) metrics_.lost.add();
}

bool LimiterWord::started(const Booking& booking, TimePoint now) noexcept {
  if (!is_shared_) {
    change([&](const State& state) { return limiter_.started(state, booking, now); });
    return true;
  }
  if (!in_time(booking, now)) {
    metrics_.lost.add();
    return false;
  }
  for (std::size_t i = 0; now > booking.start && i < limiter_.size(); ++i) {
    Limit::Word seen = words_.limits[i].load(std::memory_order_relaxed);
    while (!words_.limits[i].compare_exchange_weak(seen, limiter_.started(i, seen, booking, now))) {
    }
  }
  return true;
}

void LimiterWord::penalize(TimePoint now, TimePoint until) noexcept {
  raise(now, until);
  const Duration::rep held = (until - limiter_.epoch()).count();
  Duration::rep seen = words_.held_until.load(std::memory_order_relaxed);
  while (seen < held && !words_.held_until.compare_exchange_weak(seen, held)) {
  }
}

// From the first `count` limits. A penalty came after what a booking remembers.
bool LimiterWord::take_back(const Booking& booking, std::size_t count, TimePoint now) noexcept {
  bool is_whole = true;
  for (std::size_t i = 0; i < count; ++i) {
    is_whole &= replace(i, booking.after[i], booking.before[i]);
  }
  if (count > 0 && is_held(now)) raise(now, held_until());
  return is_whole;
}

bool LimiterWord::replace(std::size_t index, Limit::Word seen, Limit::Word next) noexcept {
  return words_.limits[index].compare_exchange_strong(seen, next, std::memory_order_acq_rel,
                                                      std::memory_order_relaxed);
}

void LimiterWord::raise(TimePoint now, TimePoint until) noexcept {
  if (!is_shared_) {
    change([&](const State& state) -> std::optional<State> {
      return limiter_.penalized(state, now, until);
    });
    return;
  }
  for (std::size_t i = 0; i < limiter_.size(); ++i) {
    Limit::Word seen = words_.limits[i].load(std::memory_order_relaxed);
    while (!words_.limits[i].compare_exchange_weak(seen, limiter_.penalized(i, seen, now, until))) {
    }
  }
}

void LimiterWord::forget_penalty() noexcept {
  words_.held_until.store(0, std::memory_order_relaxed);
  metrics_.resets.add();
}

}  // namespace tidegate::internal
