// SPDX-License-Identifier: Apache-2.0
//
// LimiterWord: the state of a limiter in this process's memory. One limit is one word that is
// changed by compare-and-swap: nobody ever waits, and a refusal writes nothing. Several limits are
// changed together, under a lock that is held for some dozens of nanoseconds.
//
// Thread-safety: everything, any thread. Nothing allocates.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "base/brief_mutex.hpp"
#include "policy/limiter.hpp"

namespace tidegate::internal {

class alignas(64) LimiterWord {
 public:
  using Booking = policy::Limiter::Booking;

  explicit LimiterWord(const policy::Limiter& limiter) noexcept : limiter_(limiter) {}

  const policy::Limiter& limiter() const noexcept { return limiter_; }

  Booking reserve(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept {
    Booking booking;
    change([&](const State& state) -> std::optional<State> {
      booking = limiter_.reserve(state, now, weight, most_wait);
      if (!booking.granted()) return std::nullopt;
      return booking.after;
    });
    return booking;
  }

  // False where its slot is lost.
  bool cancel(const Booking& booking, TimePoint now) noexcept {
    return change([&](const State& state) { return limiter_.cancelled(state, booking, now); });
  }

  // It has really started only now.
  void started(const Booking& booking, TimePoint now) noexcept {
    change([&](const State& state) { return limiter_.started(state, booking, now); });
  }

  void penalize(TimePoint now, TimePoint until) noexcept {
    change([&](const State& state) -> std::optional<State> {
      return limiter_.penalized(state, now, until);
    });
  }

  // As policy::Limiter::wait().
  Duration wait(TimePoint now, std::uint32_t weight, std::uint64_t ahead) noexcept {
    Duration wait{};
    change([&](const State& state) -> std::optional<State> {
      wait = limiter_.wait(state, now, weight, ahead);
      return std::nullopt;
    });
    return wait;
  }

 private:
  using State = policy::Limiter::State;

  // Puts what `next` makes of the state in its place, unless it makes nothing.
  template <class Next>
  bool change(Next next) noexcept {
    return limiter_.size() == 1 ? change_one(next) : change_all(next);
  }

  template <class Next>
  bool change_one(Next& next) noexcept {
    State state{words_[0].load(std::memory_order_relaxed)};
    for (;;) {
      const std::optional<State> changed = next(state);
      if (!changed) return false;
      if (words_[0].compare_exchange_weak(state[0], (*changed)[0], std::memory_order_acq_rel,
                                          std::memory_order_relaxed))
        return true;
    }
  }

  template <class Next>
  bool change_all(Next& next) noexcept {
    const std::lock_guard lock(mutex_);
    State state{};
    for (std::size_t i = 0; i < state.size(); ++i) {
      state[i] = words_[i].load(std::memory_order_relaxed);
    }
    const std::optional<State> changed = next(state);
    if (!changed) return false;
    for (std::size_t i = 0; i < state.size(); ++i) {
      words_[i].store((*changed)[i], std::memory_order_relaxed);
    }
    return true;
  }

  std::array<std::atomic<policy::Limit::Word>, policy::Limiter::kMostLimits> words_{};
  BriefMutex mutex_;
  const policy::Limiter limiter_;
};

}  // namespace tidegate::internal
