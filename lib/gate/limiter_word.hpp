// SPDX-License-Identifier: Apache-2.0
//
// LimiterWord: the state of a limiter, in this process's memory or in memory that it shares with
// others (gate/state_file.hpp). A limit is one word that is changed by compare-and-swap: nobody ever
// waits, and a refusal writes nothing.
//
// Several limits are, in one process, changed together under a lock that is held for some dozens of
// nanoseconds. Processes share no lock, as its holder may be killed. There a start is booked with one
// limit after the other, and taken back from the first ones where a later one has become too late for
// it: what stands behind it by then keeps its place, and the slot is lost and counted. Whoever dies
// in between has booked with some of them. Nobody starts before it has booked with all, so that no
// limit ever lets through more than it may.
//
// What a killed or a foreign writer may leave behind is mended: a word further ahead than anything
// can have booked it starts one at a time from now, and is counted.
//
// A penalty is a time before which nothing is booked, and words that then start one at a time.
//
// Thread-safety: everything, any thread. Nothing allocates.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>

#include "base/brief_mutex.hpp"
#include "gate/limiter_metrics.hpp"
#include "policy/limiter.hpp"

namespace tidegate::internal {

// All zero at first.
struct alignas(64) LimiterWords {
  std::array<std::atomic<policy::Limit::Word>, policy::Limiter::kMostLimits> limits{};
  std::atomic<Duration::rep> held_until{0};  // since the epoch: the latest penalty
};
static_assert(sizeof(LimiterWords) == 64 && std::atomic<policy::Limit::Word>::is_always_lock_free);

class LimiterWord {
 public:
  using Booking = policy::Limiter::Booking;
  using Answer = policy::Limiter::Answer;

  static constexpr Duration kLongestPenalty = std::chrono::hours(1);
  // Of shared words: how far ahead a start is booked, and how late it may be.
  static constexpr Duration kLongestAhead = std::chrono::hours(24);
  static constexpr Duration kMostLate = std::chrono::milliseconds(10);

  // Words of its own, or those that it shares; they outlive it.
  LimiterWord(const policy::Limiter& limiter, LimiterMetrics& metrics,
              LimiterWords* shared) noexcept
      : words_(shared ? *shared : own_),
        is_shared_(shared != nullptr),
        metrics_(metrics),
        limiter_(limiter) {}
  LimiterWord(const LimiterWord&) = delete;
  LimiterWord& operator=(const LimiterWord&) = delete;

  const policy::Limiter& limiter() const noexcept { return limiter_; }

  Booking reserve(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept {
    if (is_shared_) {
      mend(now);
      most_wait = std::min(most_wait, kLongestAhead);
      if (limiter_.size() > 1) return reserve_each(now, weight, most_wait);
    }
    Booking booking;
    change([&](const State& state) -> std::optional<State> {
      booking = booked(state, now, weight, most_wait);
      if (!booking.granted()) return std::nullopt;
      return booking.after;
    });
    return booking;
  }

  // Zero: a start now is taken. Otherwise how long there is none; Duration::max(): never. Without a
  // Booking, which costs as much as the rest. What has to be mended admits nothing.
  Duration take(TimePoint now, std::uint32_t weight) noexcept {
    if (limiter_.size() == 1 && weight > 0 && weight <= limiter_.burst() && !is_held(now)) {
      const Duration since = limiter_.since_epoch(now);
      policy::Limit::Word seen = words_.limits[0].load(std::memory_order_relaxed);
      while (limiter_[0].admits(seen, since, weight)) {
        if (words_.limits[0].compare_exchange_weak(seen, limiter_[0].booked(seen, since, weight),
                                                   std::memory_order_acq_rel,
                                                   std::memory_order_relaxed))
          return Duration::zero();
      }
      if (!is_shared_) return limiter_[0].wait(seen, since, weight);
    }
    return take_slowly(now, weight);
  }

  // Where its slot is lost that is counted.
  void cancel(const Booking& booking, TimePoint now) noexcept;

  // Whether it may still start now: where words are shared, not much later than it was booked for.
  bool in_time(const Booking& booking, TimePoint now) const noexcept {
    return !is_shared_ || now <= booking.start + kMostLate;
  }
  // It really starts only now. False where that is too late, and its slot lost.
  bool started(const Booking& booking, TimePoint now) noexcept;

  // REQUIRES: until <= now + kLongestPenalty.
  void penalize(TimePoint now, TimePoint until) noexcept;
  bool is_held(TimePoint now) const noexcept {
    // Who read the clock before the words were made is at their epoch.
    return limiter_.since_epoch(now).count() < words_.held_until.load(std::memory_order_relaxed);
  }

  // Until the end of the penalty; zero where there is none.
  Duration held_for(TimePoint now) const noexcept {
    return is_held(now) ? held_until() - std::max(now, limiter_.epoch()) : Duration::zero();
  }

  // As policy::Limiter::wait().
  Duration wait(TimePoint now, std::uint32_t weight, std::uint64_t ahead) const noexcept {
    return limiter_.wait(held(read(), now), now, weight, ahead);
  }

 private:
  using State = policy::Limiter::State;

  Booking booked(const State& state, TimePoint now, std::uint32_t weight,
                 Duration most_wait) const noexcept {
    if (is_held(now)) [[unlikely]]
      return limiter_.reserve(held(state, now), now, weight, most_wait);
    return limiter_.reserve(state, now, weight, most_wait);
  }

  // As it is during a penalty.
  State held(const State& state, TimePoint now) const noexcept {
    if (!is_held(now)) [[likely]]
      return state;
    return limiter_.penalized(state, now, held_until());
  }
  TimePoint held_until() const noexcept {
    return limiter_.epoch() + Duration(words_.held_until.load(std::memory_order_relaxed));
  }

  Duration take_slowly(TimePoint now, std::uint32_t weight) noexcept;
  State read() const noexcept;
  Booking reserve_each(TimePoint now, std::uint32_t weight, Duration most_wait) noexcept;
  bool take_back(const Booking& booking, std::size_t count, TimePoint now) noexcept;
  bool replace(std::size_t index, policy::Limit::Word seen, policy::Limit::Word next) noexcept;
  void raise(TimePoint now, TimePoint until) noexcept;

  void mend(TimePoint now) noexcept {
    for (std::size_t i = 0; i < limiter_.size(); ++i) {
      const policy::Limit::Word seen = words_.limits[i].load(std::memory_order_relaxed);
      const auto mended = limiter_.mended(i, seen, now, kLongestAhead);
      if (mended && replace(i, seen, *mended)) metrics_.resets.add();
    }
    if (is_held(now + 2 * kLongestPenalty)) forget_penalty();
  }
  void forget_penalty() noexcept;

  // Puts what `next` makes of the state in its place, unless it makes nothing.
  template <class Next>
  bool change(Next next) noexcept {
    return limiter_.size() == 1 ? change_one(next) : change_all(next);
  }

  template <class Next>
  bool change_one(Next& next) noexcept {
    State state{words_.limits[0].load(std::memory_order_relaxed)};
    for (;;) {
      const std::optional<State> changed = next(state);
      if (!changed) return false;
      if (words_.limits[0].compare_exchange_weak(state[0], (*changed)[0], std::memory_order_acq_rel,
                                                 std::memory_order_relaxed))
        return true;
    }
  }

  // REQUIRES: the words are its own.
  template <class Next>
  bool change_all(Next& next) noexcept {
    const std::lock_guard lock(mutex_);
    const std::optional<State> changed = next(read());
    if (!changed) return false;
    for (std::size_t i = 0; i < changed->size(); ++i) {
      words_.limits[i].store((*changed)[i], std::memory_order_relaxed);
    }
    return true;
  }

  LimiterWords own_;
  LimiterWords& words_;
  const bool is_shared_;
  mutable BriefMutex mutex_;
  LimiterMetrics& metrics_;
  const policy::Limiter limiter_;
};

}  // namespace tidegate::internal
