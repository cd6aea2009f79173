// SPDX-License-Identifier: Apache-2.0
//
// The words of a breaker: what one compare-and-swap changes at once, and how it lies in 64 bits.
//
//   BreakerWord   what it is: until:32 | generation:23 | openings:5 | mode:2 | state:2
//   ProbeWord     one place for a probe: until:32 | generation:23 | place:6 | kind:2
//   BucketWord    the calls of a twentieth of the window: tag:13 | slow:17 | failures:17 | calls:17
//   OpeningWord   why it opened: some:19 | calls:19 | reason:3 | generation:23
//
// All are zero for a breaker that is closed and has counted nothing.
//
// A time is a count of milliseconds of the monotonic clock that goes round after 49 days, so that
// it fits beside the rest. What is further ahead than a word can rightly be is over: it is of an
// earlier round, or of a file that somebody has spoiled. A count that is full is halved, with those
// beside it, so that the shares stay. Pure. Cost: a few shifts.
#pragma once

#include <algorithm>
#include <cstdint>

#include "policy/breaker.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::policy {

// Which change of state it is; goes round after eight million.
using Generation = std::uint32_t;
inline constexpr unsigned kGenerationBits = 23;
inline constexpr Generation kGenerationMask = (Generation{1} << kGenerationBits) - 1;

inline Generation next(Generation generation) noexcept {
  return (generation + 1) & kGenerationMask;
}
// Whether `one` is later than `other`.
inline bool is_later(Generation one, Generation other) noexcept {
  const Generation distance = (one - other) & kGenerationMask;
  return distance != 0 && distance <= kGenerationMask / 2;
}

// A time as a word has it.
using Tick = std::uint32_t;
inline constexpr Duration kTick = std::chrono::milliseconds(1);

// The first tick that is not before `time`.
inline Tick tick_at(TimePoint time) noexcept {
  const std::int64_t nanoseconds = time.time_since_epoch().count();
  return static_cast<Tick>((nanoseconds + kTick.count() - 1) / kTick.count());
}
// How long until `tick`; zero or less where it is over, or further ahead than `longest`.
inline Duration left_until(Tick tick, TimePoint now, Duration longest) noexcept {
  const std::int64_t nanoseconds = now.time_since_epoch().count();
  const std::int64_t whole = nanoseconds / kTick.count();
  const auto ticks = static_cast<std::int32_t>(tick - static_cast<Tick>(whole));
  const Duration left = ticks * kTick - Duration(nanoseconds - whole * kTick.count());
  return left <= longest ? left : Duration::zero();
}

struct BreakerWord {
  static constexpr std::uint32_t kMostOpenings = 31;  // 1 ms doubled so often is more than a day
  static constexpr unsigned kOpeningsShift = 4;
  static constexpr unsigned kGenerationShift = 9;
  static constexpr unsigned kUntilShift = 32;

  Breaker::State state = Breaker::State::kClosed;
  Breaker::Mode mode = Breaker::Mode::kAutomatic;
  std::uint32_t openings = 0;  // since it was last closed
  Generation generation = 0;
  Tick until = 0;  // of an open one

  static constexpr Breaker::State state_of(std::uint64_t word) noexcept {
    return static_cast<Breaker::State>(std::min<std::uint64_t>(word & 3, 2));
  }
  static constexpr Breaker::Mode mode_of(std::uint64_t word) noexcept {
    return static_cast<Breaker::Mode>(word >> 2 & 3);
  }
  static constexpr Generation generation_of(std::uint64_t word) noexcept {
    return static_cast<Generation>(word >> kGenerationShift) & kGenerationMask;
  }
  static constexpr Tick until_of(std::uint64_t word) noexcept {
    return static_cast<Tick>(word >> kUntilShift);
  }
  static constexpr BreakerWord unpack(std::uint64_t word) noexcept {
    return {.state = state_of(word),
            .mode = mode_of(word),
            .openings = static_cast<std::uint32_t>(word >> kOpeningsShift) & kMostOpenings,
            .generation = generation_of(word),
            .until = until_of(word)};
  }
  constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{until} << kUntilShift | std::uint64_t{generation} << kGenerationShift |
           std::uint64_t{openings} << kOpeningsShift | static_cast<std::uint64_t>(mode) << 2 |
           static_cast<std::uint64_t>(state);
  }
};

struct ProbeWord {
  enum class Kind : std::uint8_t { kFree, kLeased, kReported };
  static constexpr std::uint32_t kPlaces = 64;

  Kind kind = Kind::kFree;
  std::uint32_t place = 0;
  Generation generation = 0;
  Tick until = 0;  // of a lease; of a report: 1 it failed, 2 it was slow

  static constexpr ProbeWord unpack(std::uint64_t word) noexcept {
    return {.kind = static_cast<Kind>(std::min<std::uint64_t>(word & 3, 2)),
            .place = static_cast<std::uint32_t>(word >> 2) % kPlaces,
            .generation = static_cast<Generation>(word >> 9) & kGenerationMask,
            .until = static_cast<Tick>(word >> 32)};
  }
  constexpr std::uint64_t pack() const noexcept {
    return std::uint64_t{until} << 32 | std::uint64_t{generation} << 9 | std::uint64_t{place} << 2 |
           static_cast<std::uint64_t>(kind);
  }
};

// `tag`: of which generation and which twentieth the counts are, in short.
struct BucketWord {
  static constexpr unsigned kCountBits = 17;
  static constexpr std::uint64_t kMost = (std::uint64_t{1} << kCountBits) - 1;

  static constexpr std::uint64_t tag(Generation generation, std::uint64_t index) noexcept {
    return ((generation & 15) << 9 | (index & 511)) << (3 * kCountBits);
  }
  static constexpr bool has(std::uint64_t word, std::uint64_t tag) noexcept {
    return (word ^ tag) >> (3 * kCountBits) == 0;
  }
  static constexpr CallCounts counts(std::uint64_t word) noexcept {
    return {.calls = word & kMost,
            .failures = word >> kCountBits & kMost,
            .slow = word >> (2 * kCountBits) & kMost};
  }
  // The same, and one call more.
  static constexpr std::uint64_t added(std::uint64_t word, bool failed, bool slow) noexcept {
    if ((word & kMost) == kMost) [[unlikely]]
      word = halved(word);
    return word + 1 + (std::uint64_t{failed} << kCountBits) +
           (std::uint64_t{slow} << (2 * kCountBits));
  }

 private:
  static constexpr std::uint64_t halved(std::uint64_t word) noexcept {
    const CallCounts all = counts(word);
    return (word >> (3 * kCountBits)) << (3 * kCountBits) |
           (std::min(all.slow, all.calls) / 2) << (2 * kCountBits) |
           (std::min(all.failures, all.calls) / 2) << kCountBits | all.calls / 2;
  }
};

struct OpeningWord {
  static constexpr std::uint64_t kMost = (std::uint64_t{1} << 19) - 1;

  static std::uint64_t pack(Generation generation, Breaker::Reason reason,
                            CallCounts counts) noexcept {
    while (counts.calls > kMost) {
      counts = {
          .calls = counts.calls / 2, .failures = counts.failures / 2, .slow = counts.slow / 2};
    }
    // Of probes there are few.
    const std::uint64_t some = reason == Breaker::Reason::kProbes
                                   ? (counts.failures & 255) << 8 | (counts.slow & 255)
                               : reason == Breaker::Reason::kSlow ? counts.slow
                                                                  : counts.failures;
    return std::min(some, kMost) << 45 | counts.calls << 26 |
           static_cast<std::uint64_t>(reason) << 23 | generation;
  }
  static constexpr Generation generation_of(std::uint64_t word) noexcept {
    return static_cast<Generation>(word) & kGenerationMask;
  }
  static Breaker::Opening unpack(std::uint64_t word) noexcept {
    const auto reason = static_cast<Breaker::Reason>(std::min<std::uint64_t>(word >> 23 & 7, 5));
    const std::uint64_t some = word >> 45;
    Breaker::Opening opening{
        .reason = reason, .counts = {.calls = word >> 26 & kMost}, .lasts = {}};
    if (reason == Breaker::Reason::kProbes) {
      opening.counts.failures = some >> 8 & 255;
      opening.counts.slow = some & 255;
    } else if (reason == Breaker::Reason::kSlow) {
      opening.counts.slow = some;
    } else {
      opening.counts.failures = some;
    }
    return opening;
  }
};

}  // namespace tidegate::policy
