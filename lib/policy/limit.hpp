// SPDX-License-Identifier: Apache-2.0
//
// Limit: one rule of how often something may start, as a function of one 64-bit word: the generic
// cell rate algorithm (GCRA). The word is the theoretical arrival time, TAT: when the next start
// would be due if all came evenly, T apart. A start may come before it by what the burst of b
// allows, tau = (b - 1) T, and moves it on by T.
//
//   rate(N, W, b)     N in W on the long run: T = W / N. Any closed window V holds at most
//                     b + floor(V / T): more than N at its edges, as with any token bucket.
//   strict(N, W, b)   never more than N in any half-open window W: T = W / (N - b + 1).
//   pace(…)           starts at least an interval apart, a jitter more, and a pause each so many.
//
//   const Duration wait = limit.wait(word, now, weight);          // zero: may start now
//   word = limit.booked(word, now + wait, weight);                // it starts then
//
// Times are durations since an epoch of the owner's. T is rounded up, so that the promised rate is
// never passed. The word is 0 at first, and counts 1/32 ns, which lasts for 18 years; that of a pace
// has 48 bits of microseconds and 16 that count its starts: jitter and pauses are drawn from a seed
// and that count, so that all who share a word see one schedule.
//
// Pure, and its own only for the rules: the word is whoever's it is. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/ports/rng.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class Limit {
 public:
  using Word = std::uint64_t;

  // No T, burst or wait is longer: what is asked for beyond is brought down to it.
  static constexpr Duration kLongest = std::chrono::hours(24 * 365);

  // REQUIRES of both: permits > 0, per > 0, burst > 0; strict: burst <= permits.
  static Limit rate(std::uint64_t permits, Duration per, std::uint32_t burst = 1) noexcept {
    return {per, permits, burst, false};
  }
  static Limit strict(std::uint64_t permits, Duration per, std::uint32_t burst = 1) noexcept {
    return {per, permits - burst + 1, burst, true};
  }

  struct Pace {
    Duration interval{};
    Duration jitter{};        // evenly from zero to it, in addition
    std::uint16_t every = 0;  // starts to a pause; 0: none
    Duration least_pause{};   // evenly from this one
    Duration most_pause{};    // to this one, in addition
    std::uint64_t seed = 0;
  };
  static Limit pace(const Pace& pace) noexcept { return Limit(pace); }

  std::uint32_t burst() const noexcept { return burst_; }
  // Whether a start that began later than it was booked for counts from when it began, however little
  // that was. A rate makes up for what is short.
  bool keeps_real_starts() const noexcept { return paced_ || strict_; }
  // Between starts when they come evenly; of a pace, the least.
  Duration interval() const noexcept { return up(interval_); }

  // From `now` until `weight` permits may start together; REQUIRES: 1 <= weight <= burst(). With so
  // many permits ahead that are not booked yet, the least that it can be; a year stands for more.
  Duration wait(Word word, Duration now, std::uint32_t weight,
                std::uint64_t ahead = 0) const noexcept {
    Ticks before = 0;
    const bool is_beyond = __builtin_mul_overflow(ahead + weight - 1, interval_, &before);
    if (is_beyond || before > ticks(kLongest)) before = ticks(kLongest);
    const Ticks due = arrival(word) + before;
    const Ticks allowed = ticks(now) + tolerance_;
    return due <= allowed ? Duration::zero() : up(due - allowed);
  }

  // Whether that is zero.
  bool admits(Word word, Duration now, std::uint32_t weight) const noexcept {
    return arrival(word) + (weight - 1) * interval_ <= ticks(now) + tolerance_;
  }

  // The word after a start of `weight` at `start`.
  Word booked(Word word, Duration start, std::uint32_t weight) const noexcept {
    const Ticks base = std::max(arrival(word), ticks(start));
    return paced_ ? booked_paced(word, base) : base + weight * interval_;
  }

  // The word after which nothing starts before `until`, and then one at a time.
  Word penalized(Word word, Duration until) const noexcept {
    const Ticks held = ticks(until) + tolerance_;
    if (held <= arrival(word)) return word;
    return paced_ ? paced_word(held, word % kCounts) : held;
  }

  // Whether it lets start from `now` on what a word of 0 does. Of a pace it may still know how many
  // starts there were.
  bool is_idle(Word word, Duration now) const noexcept { return arrival(word) <= ticks(now); }

  // Whether no start up to `latest` can have moved it so far.
  bool is_beyond(Word word, Duration latest) const noexcept {
    return arrival(word) > ticks(latest) + tolerance_ + longest_gap_;
  }

 private:
  using Ticks = std::uint64_t;
  static constexpr Ticks kTicks = 32;                 // in a nanosecond
  static constexpr Ticks kPaceTicks = 1000 * kTicks;  // in a microsecond
  static constexpr std::uint64_t kCounts = 1u << 16;

  Limit(Duration per, std::uint64_t shares, std::uint32_t burst, bool strict) noexcept
      : interval_(std::min(ticks(kLongest) / burst, (ticks(bounded(per)) + shares - 1) / shares)),
        tolerance_((burst - 1) * interval_),
        longest_gap_(interval_),
        burst_(burst),
        strict_(strict) {}

  explicit Limit(const Pace& pace) noexcept
      : interval_(ticks(bounded(pace.interval))), paced_(true), pace_(pace) {
    pace_.jitter = bounded(pace.jitter);
    pace_.least_pause = bounded(pace.least_pause);
    pace_.most_pause = std::max(pace_.least_pause, bounded(pace.most_pause));
    if (pace_.every > 0) period_ = kCounts / pace_.every * pace_.every;
    longest_gap_ = interval_ + ticks(pace_.jitter) + kPaceTicks;
    if (pace_.every > 0) longest_gap_ += ticks(pace_.most_pause);
  }

  static constexpr Duration bounded(Duration time) noexcept {
    return std::clamp(time, Duration::zero(), kLongest);
  }
  static constexpr Ticks ticks(Duration time) noexcept {
    return static_cast<Ticks>(std::max(time, Duration::zero()).count()) * kTicks;
  }
  static constexpr Duration up(Ticks ticks) noexcept {
    return Duration(static_cast<Duration::rep>((ticks + kTicks - 1) / kTicks));
  }
  static constexpr Word paced_word(Ticks arrival, std::uint64_t count) noexcept {
    return (arrival + kPaceTicks - 1) / kPaceTicks * kCounts + count;
  }
  Ticks arrival(Word word) const noexcept { return paced_ ? word / kCounts * kPaceTicks : word; }

  // Apart: a rate is decided in a few instructions.
  [[gnu::noinline]] Word booked_paced(Word word, Ticks base) const noexcept {
    const std::uint64_t count = (word % kCounts + 1) % period_;
    return paced_word(base + gap(count), count);
  }

  // What follows the start of that number.
  Ticks gap(std::uint64_t count) const noexcept {
    internal::Rng rng(pace_.seed + count);
    Ticks gap = interval_ + ticks(rng.between(Duration::zero(), pace_.jitter));
    if (pace_.every > 0 && count % pace_.every == 0) {
      gap += ticks(rng.between(pace_.least_pause, pace_.most_pause));
    }
    return gap;
  }

  Ticks interval_;
  Ticks tolerance_ = 0;
  Ticks longest_gap_ = 0;
  std::uint32_t burst_ = 1;
  bool paced_ = false;
  bool strict_ = false;
  Pace pace_{};
  std::uint64_t period_ = kCounts;
};

}  // namespace tidegate::policy
