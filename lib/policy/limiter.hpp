// SPDX-License-Identifier: Apache-2.0
//
// Limiter: several limits at once, such as 5 in a second and 1,000 in an hour: a start is booked with
// all of them or with none. What is refused changes nothing and is told the truth: who comes back
// after `wait`, and is alone, is granted.
//
//   const Limiter limiter(epoch, {Limit::rate(5, 1s), Limit::strict(1000, 1h)});
//   Limiter::State state{};
//   const auto booking = limiter.reserve(state, now, 1, most_wait);     // 0: now or not at all
//   if (booking.granted()) state = booking.after;                       // starts at booking.start
//   …
//   if (const auto undone = limiter.cancelled(state, booking, now)) state = *undone;
//
// Starts are booked in the order in which they are asked for, so that no light one overtakes a heavy
// one, and none pays for what came before beyond its own weight.
//
// Pure: time and state are arguments, as is the seed of a pace. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <initializer_list>
#include <optional>

#include "policy/limit.hpp"

namespace tidegate::policy {

class Limiter {
 public:
  static constexpr std::size_t kMostLimits = 4;
  using State = std::array<Limit::Word, kMostLimits>;  // all 0 at first

  enum class Answer : std::uint8_t {
    kGranted,
    kLater,  // it would have to wait for longer than it may
    kNever,  // a weight of nothing, or beyond the burst
  };
  struct Booking {
    bool granted() const noexcept { return answer == Answer::kGranted; }

    Answer answer = Answer::kNever;
    Duration wait{};    // until its start; of a refusal, until it would be granted at once
    TimePoint start{};  // of what is granted
    std::uint32_t weight = 0;
    State before{};
    State after{};
  };

  // REQUIRES: 1 to kMostLimits limits.
  Limiter(TimePoint epoch, std::initializer_list<Limit> limits)
      : Limiter(epoch, limits.begin(), limits.size()) {}
  Limiter(TimePoint epoch, const Limit* limits, std::size_t size) : epoch_(epoch), size_(size) {
    assert(size > 0 && size <= kMostLimits);
    std::copy_n(limits, size, limits_.begin());
    for (std::size_t i = 0; i < size; ++i) burst_ = std::min(burst_, limits[i].burst());
  }

  std::size_t size() const noexcept { return size_; }
  const Limit& operator[](std::size_t index) const noexcept { return limits_[index]; }
  TimePoint epoch() const noexcept { return epoch_; }
  Duration since_epoch(TimePoint time) const noexcept {
    return std::max(time - epoch_, Duration::zero());
  }
  // The largest weight.
  std::uint32_t burst() const noexcept { return burst_; }

  // From `now` until a start of `weight` behind so many permits that are not booked yet: the least
  // that it can be, and exact where there are none. REQUIRES: 1 <= weight <= burst().
  Duration wait(const State& state, TimePoint now, std::uint32_t weight,
                std::uint64_t ahead = 0) const noexcept {
    Duration longest{};
    for (std::size_t i = 0; i < size_; ++i) {
      longest = std::max(longest, limits_[i].wait(state[i], since_epoch(now), weight, ahead));
    }
    return longest;
  }

  // Whether it may be forgotten: it lets start from `now` on what all 0 does.
  bool is_idle(const State& state, TimePoint now) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
      if (!limits_[i].is_idle(state[i], since_epoch(now))) return false;
    }
    return true;
  }

  // Books a start of `weight` that is at most `most_wait` from now.
  Booking reserve(const State& state, TimePoint now, std::uint32_t weight,
                  Duration most_wait) const noexcept {
    if (weight == 0 || weight > burst_) return {};
    const Duration since = since_epoch(now);
    const Duration wait = this->wait(state, now, weight);
    if (wait > std::clamp(most_wait, Duration::zero(), Limit::kLongest)) {
      return {.answer = Answer::kLater, .wait = wait};
    }
    Booking booking{.answer = Answer::kGranted,
                    .wait = wait,
                    .start = epoch_ + since + wait,
                    .weight = weight,
                    .before = state,
                    .after = state};
    for (std::size_t i = 0; i < size_; ++i) {
      booking.after[i] = limits_[i].booked(state[i], since + wait, weight);
    }
    return booking;
  }

  // The state without a booking that is not used, if nothing was booked behind it, and its time has
  // not passed: else its slot is lost. Once for each booking. `held_until`: of the latest penalty,
  // which may have come after the booking and stays.
  std::optional<State> cancelled(const State& state, const Booking& booking, TimePoint now,
                                 std::optional<TimePoint> held_until = {}) const noexcept {
    const auto held = [&](const State& from) {
      return held_until ? penalized(from, now, *held_until) : from;
    };
    if (!booking.granted() || now > booking.start) return std::nullopt;
    if (state != held(booking.after)) return std::nullopt;
    return held(booking.before);
  }

  // A rate makes up for a start that was late by less than this, or than its interval: so late is
  // every timer. A stall is not made up for, or the burst after it would be one larger.
  static constexpr Duration kMadeUpFor = std::chrono::milliseconds(10);

  // The state where a booking has really started only now: a pace keeps its interval from there, and
  // the window of a strict limit holds no more than it may.
  std::optional<State> started(const State& state, const Booking& booking,
                               TimePoint now) const noexcept {
    if (!booking.granted() || now <= booking.start) return std::nullopt;
    State moved = state;
    for (std::size_t i = 0; i < size_; ++i) moved[i] = started(i, state[i], booking, now);
    return moved == state ? std::nullopt : std::optional(moved);
  }

  // Nothing starts before `until`, and then one at a time: after a 429. Bookings that were made stay.
  State penalized(const State& state, TimePoint now, TimePoint until) const noexcept {
    State held = state;
    for (std::size_t i = 0; i < size_; ++i) held[i] = penalized(i, state[i], now, until);
    return held;
  }

  // The same word by word, for who cannot change all of them at once. What is booked with some
  // limits alone takes from them, and gives nobody anything.

  Limit::Word started(std::size_t index, Limit::Word word, const Booking& booking,
                      TimePoint now) const noexcept {
    const Limit& limit = limits_[index];
    const bool is_made_up_for =
        !limit.keeps_real_starts() && now - booking.start < std::max(limit.interval(), kMadeUpFor);
    if (is_made_up_for) return word;
    return std::max(word, limit.booked(booking.before[index], since_epoch(now), booking.weight));
  }

  Limit::Word penalized(std::size_t index, Limit::Word word, TimePoint now,
                        TimePoint until) const noexcept {
    return limits_[index].penalized(word, since_epoch(std::min(until, now + Limit::kLongest)));
  }

  // Books with a word that has become another, unless it lets the booking start only later.
  bool rebook(Booking& booking, std::size_t index, Limit::Word word,
              std::uint32_t weight) const noexcept {
    const Duration start = since_epoch(booking.start);
    if (limits_[index].wait(word, start, weight) > Duration::zero()) return false;
    booking.before[index] = word;
    booking.after[index] = limits_[index].booked(word, start, weight);
    return true;
  }

  // A word in the place of one that no bookings of at most `most_wait` from now can have made, such
  // as of another clock: it starts one at a time from now.
  std::optional<Limit::Word> mended(std::size_t index, Limit::Word word, TimePoint now,
                                    Duration most_wait) const noexcept {
    if (!limits_[index].is_beyond(word, since_epoch(now) + most_wait)) return std::nullopt;
    return penalized(index, 0, now, now);
  }

 private:
  TimePoint epoch_;
  std::size_t size_;
  std::uint32_t burst_ = ~std::uint32_t{0};
  std::array<Limit, kMostLimits> limits_{Limit::rate(1, Duration(1)), Limit::rate(1, Duration(1)),
                                         Limit::rate(1, Duration(1)), Limit::rate(1, Duration(1))};
};

}  // namespace tidegate::policy
