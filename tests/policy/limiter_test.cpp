// SPDX-License-Identifier: Apache-2.0
#include "policy/limiter.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "base/ports/rng.hpp"

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};
constexpr Duration kForever = Duration::max();

// A limiter with its state, as a gate has one.
class Book {
 public:
  Book(std::initializer_list<Limit> limits) : limiter(kStart, limits) {}

  Limiter::Booking reserve(TimePoint now, std::uint32_t weight, Duration most_wait) {
    const auto booking = limiter.reserve(state, now, weight, most_wait);
    if (booking.granted()) state = booking.after;
    return booking;
  }
  bool takes(TimePoint now, std::uint32_t weight = 1) {
    return reserve(now, weight, 0ns).granted();
  }
  int takes_at_most(int tries, TimePoint now) {
    int granted = 0;
    for (int i = 0; i < tries; ++i) granted += takes(now) ? 1 : 0;
    return granted;
  }
  bool cancel(const Limiter::Booking& booking, TimePoint now) {
    const auto undone = limiter.cancelled(state, booking, now);
    if (undone) state = *undone;
    return undone.has_value();
  }
  void penalize(TimePoint now, TimePoint until) { state = limiter.penalized(state, now, until); }

  Limiter limiter;
  Limiter::State state{};
};

TEST_CASE("ABurstStartsAtOnceAndThenOneForEachInterval") {
  Book book{Limit::rate(10, 1s, 3)};
  CHECK(book.takes_at_most(5, kStart) == 3);
  CHECK_FALSE(book.takes(kStart + 100ms - 1ns));
  CHECK(book.takes_at_most(5, kStart + 100ms) == 1);
  CHECK(book.takes_at_most(5, kStart + 250ms) == 1);
  CHECK(book.takes_at_most(5, kStart + 300ms) == 1);
  CHECK(book.takes_at_most(5, kStart + 1h) == 3);
}

TEST_CASE("TheFirstOfAFreshLimiterIsGrantedAtOnce") {
  for (const Limit& limit : {Limit::rate(1, 1h), Limit::strict(3, 1h),
                             Limit::pace({.interval = 1h, .jitter = 1h, .every = 1})}) {
    Book book{limit};
    CHECK(book.takes(kStart));
    CHECK_FALSE(book.takes(kStart));
  }
}

TEST_CASE("AStrictLimitAdmitsAtMostItsNumberInAnySecond") {
  for (std::uint32_t burst = 1; burst <= 10; ++burst) {
    CAPTURE(burst);
    Book book{Limit::strict(10, 1s, burst)};
    std::vector<TimePoint> starts;
    for (TimePoint now = kStart; now < kStart + 5s; now += 1ms) {
      while (book.takes(now)) starts.push_back(now);
    }
    REQUIRE(starts.size() > 10);
    for (std::size_t i = 10; i < starts.size(); ++i) REQUIRE(starts[i] - starts[i - 10] >= 1s);
  }
}

TEST_CASE("NoEdgeOfACycleLetsTwiceTheRateIn") {
  Book book{Limit::rate(10, 1s)};
  CHECK(book.takes_at_most(100, kStart + 999'500us) == 1);
  CHECK(book.takes_at_most(100, kStart + 1'000'500us) == 0);
}

TEST_CASE("StartsAreNeverCloserThanTheirInterval") {
  Book book{Limit::rate(5, 1s)};
  CHECK(book.takes(kStart + 196'100us));
  CHECK_FALSE(book.takes(kStart + 200ms));
  CHECK_FALSE(book.takes(kStart + 396'099us));
  CHECK(book.takes(kStart + 396'100us));
}

TEST_CASE("AWaitThatIsTooLongIsRefusedWithTheTimeItTakes") {
  Book book{Limit::rate(1, 10s)};
  CHECK(book.takes(kStart));
  const auto state = book.state;
  const auto refused = book.reserve(kStart + 1s, 1, 500ms);
  CHECK(refused.answer == Limiter::Answer::kLater);
  CHECK(refused.wait == 9s);
  CHECK(book.state == state);
  CHECK_FALSE(book.takes(kStart + 10s - 1ns));
  CHECK(book.takes(kStart + 10s));
}

TEST_CASE("AWeightBeyondTheBurstIsRefusedForGood") {
  Book book{Limit::rate(10, 1s, 5), Limit::rate(100, 1h, 3)};
  CHECK(book.limiter.burst() == 3);
  CHECK(book.reserve(kStart, 4, kForever).answer == Limiter::Answer::kNever);
  CHECK(book.reserve(kStart, 0, kForever).answer == Limiter::Answer::kNever);
  CHECK(book.state == Limiter::State{});
  CHECK(book.takes(kStart, 3));
}

TEST_CASE("WhatFollowsALargeWeightPaysForItselfAlone") {
  Book book{Limit::rate(10, 1s, 50)};
  CHECK(book.takes(kStart, 50));
  CHECK(book.reserve(kStart, 1, 0ns).wait == 100ms);
  const auto heavy = book.reserve(kStart, 50, kForever);
  CHECK(heavy.wait == 5s);
  CHECK(book.reserve(kStart, 1, kForever).wait == 5s + 100ms);
}

TEST_CASE("AHeavyReservationIsNotOvertakenByLightOnes") {
  Book book{Limit::rate(10, 1s, 5)};
  CHECK(book.takes(kStart, 5));
  const auto heavy = book.reserve(kStart, 5, kForever);
  CHECK(heavy.wait == 500ms);
  for (TimePoint now = kStart; now < heavy.start; now += 10ms) REQUIRE_FALSE(book.takes(now));
  CHECK(book.reserve(kStart, 1, kForever).start == heavy.start + 100ms);
}

TEST_CASE("AWaitBehindOthersIsWhatItWouldBeIfTheyWereBooked") {
  Book book{Limit::rate(10, 1s, 5), Limit::strict(100, 1min, 20)};
  CHECK(book.takes(kStart, 5));
  const Duration behind = book.limiter.wait(book.state, kStart, 2, 7);
  CHECK(book.reserve(kStart, 4, kForever).granted());
  CHECK(book.reserve(kStart, 3, kForever).granted());
  CHECK(book.limiter.wait(book.state, kStart, 2) == behind);
}

TEST_CASE("ReservationsThatAreCancelledFromTheLastOnLeaveNothingBehind") {
  Book book{Limit::rate(2, 1s)};
  CHECK(book.takes(kStart));
  const auto state = book.state;
  std::vector<Limiter::Booking> bookings;
  for (int i = 0; i < 5; ++i) bookings.push_back(book.reserve(kStart, 1, kForever));
  CHECK(bookings.back().wait == 2500ms);
  for (auto each = bookings.rbegin(); each != bookings.rend(); ++each) {
    REQUIRE(book.cancel(*each, kStart + 100ms));
  }
  CHECK(book.state == state);
  CHECK(book.reserve(kStart, 1, 500ms).wait == 500ms);
}

TEST_CASE("ACancelledReservationThatIsNotTheLastKeepsItsSlot") {
  Book book{Limit::rate(2, 1s)};
  const auto first = book.reserve(kStart, 1, kForever);
  const auto second = book.reserve(kStart, 1, kForever);
  CHECK_FALSE(book.cancel(first, kStart));
  CHECK(second.wait == 500ms);
  CHECK(book.reserve(kStart, 1, kForever).wait == 1s);
}

TEST_CASE("AReservationWhoseTimeHasPassedIsNotTakenBack") {
  Book book{Limit::rate(2, 1s)};
  CHECK(book.takes(kStart));
  const auto booking = book.reserve(kStart, 1, kForever);
  CHECK_FALSE(book.cancel(booking, kStart + 500ms + 1ns));
  CHECK(book.cancel(booking, kStart + 500ms));
  CHECK_FALSE(book.cancel(Limiter::Booking{}, kStart));
}

TEST_CASE("SeveralLimitsAreBookedTogetherOrNotAtAll") {
  Book book{Limit::rate(5, 1s, 5), Limit::rate(10, 1h, 8)};
  CHECK(book.takes_at_most(10, kStart) == 5);
  CHECK(book.takes_at_most(10, kStart + 1s) == 3);
  const auto state = book.state;
  const auto refused = book.reserve(kStart + 1s, 1, 1min);
  CHECK(refused.answer == Limiter::Answer::kLater);
  CHECK(refused.wait == 6min - 1s);
  CHECK(book.state == state);
  CHECK(book.takes(kStart + 6min));
  CHECK_FALSE(book.takes(kStart + 6min));
}

TEST_CASE("NothingStartsDuringAPenaltyAndAfterItOneAtATime") {
  Book book{Limit::rate(10, 1s, 5)};
  book.penalize(kStart, kStart + 30s);
  CHECK(book.reserve(kStart, 1, 0ns).wait == 30s);
  CHECK_FALSE(book.takes(kStart + 30s - 1ns));
  CHECK(book.takes_at_most(5, kStart + 30s) == 1);
  CHECK(book.takes_at_most(5, kStart + 30s + 100ms) == 1);
  book.penalize(kStart + 31s, kStart + 20s);  // an earlier one takes nothing back
  CHECK(book.takes_at_most(10, kStart + 31s) == 5);
}

TEST_CASE("WordByWordABookingGoesOnWhereItMayStillStartAndNotElsewhere") {
  const Limiter limiter(kStart, {Limit::rate(10, 1s, 3), Limit::rate(1, 1s)});
  auto booking = limiter.reserve({}, kStart, 1, 0ns);
  const Limit::Word one = limiter[0].booked(0, 0ns, 1);
  CHECK(limiter.rebook(booking, 0, one, 1));
  CHECK(booking.before[0] == one);
  CHECK(booking.after[0] == limiter[0].booked(one, 0ns, 1));
  CHECK_FALSE(limiter.rebook(booking, 0, limiter[0].booked(one, 0ns, 2), 1));
  CHECK_FALSE(limiter.rebook(booking, 1, limiter[1].booked(0, 0ns, 1), 1));
  CHECK(booking.before[0] == one);  // as it was before it was refused
}

TEST_CASE("OnlyAWordThatNoBookingCanHaveMadeIsMended") {
  const Limiter limiter(
      kStart,
      {Limit::rate(10, 1s, 3),
       Limit::pace(
           {.interval = 1s, .jitter = 1s, .every = 2, .least_pause = 1s, .most_pause = 5s})});
  for (std::size_t i = 0; i < limiter.size(); ++i) {
    Limit::Word word = 0;
    const TimePoint now = kStart + 1min;
    for (;;) {  // as far as an hour ahead
      const Duration wait = limiter[i].wait(word, 1min, 1);
      if (wait > 1h) break;
      word = limiter[i].booked(word, 1min + wait, 1);
      REQUIRE_FALSE(limiter.mended(i, word, now, 1h));
    }
    const auto mended = limiter.mended(i, word, now - 10s, 1h);
    REQUIRE(mended.has_value());
    CHECK(limiter[i].wait(*mended, 50s, 1) == 0ns);
    CHECK(limiter[i].wait(limiter[i].booked(*mended, 50s, 1), 50s, 1) >= 100ms - 1us);
  }
}

TEST_CASE("APenaltyMovesAPaceAndKeepsItsCount") {
  Book book{Limit::pace({.interval = 1s, .every = 2, .least_pause = 5s, .most_pause = 5s})};
  CHECK(book.takes(kStart));
  book.penalize(kStart, kStart + 10s);
  CHECK_FALSE(book.takes(kStart + 10s - 1ns));
  CHECK(book.takes(kStart + 10s));
  CHECK_FALSE(book.takes(kStart + 16s - 1ns));
  CHECK(book.takes(kStart + 16s));
}

TEST_CASE("WhatIsCancelledAfterAPenaltyIsTakenBackAndThePenaltyStays") {
  const Limit::Pace pace{.interval = 10ms, .every = 2, .least_pause = 1s, .most_pause = 1s};
  Book book{Limit::pace(pace), Limit::rate(1, 300ms)};
  CHECK(book.takes(kStart));
  const auto given_up = book.reserve(kStart, 1, 1s);
  book.penalize(kStart, kStart + 400ms);  // beyond the booking of the pace, not beyond the rate's
  const auto undone = book.limiter.cancelled(book.state, given_up, kStart, kStart + 400ms);
  REQUIRE(undone);
  book.state = *undone;
  CHECK(book.reserve(kStart, 1, 1s).start == kStart + 400ms);   // the second start
  CHECK(book.reserve(kStart, 1, 2s).start == kStart + 1410ms);  // and the pause after it
}

TEST_CASE("AClockThatStandsOrGoesBackGrantsNothingMoreAndBlocksNoLonger") {
  Book book{Limit::rate(10, 1s, 2)};
  CHECK(book.takes_at_most(9, kStart + 10s) == 2);
  for (const Duration back : {0s, 1s, 9s, 10s, 3600s}) {
    CHECK_FALSE(book.takes(kStart + 10s - back));
  }
  CHECK(book.takes_at_most(9, kStart + 10s + 100ms) == 1);
}

TEST_CASE("APaceKeepsItsIntervalAndPausesAfterEachTwenty") {
  Book book{Limit::pace(
      {.interval = 500ms, .every = 20, .least_pause = 1s, .most_pause = 3s, .seed = 7})};
  TimePoint last{};
  Duration least = 3s, most = 0s;
  for (int start = 1; start <= 2000; ++start) {
    const auto booking = book.reserve(kStart, 1, kForever);
    REQUIRE(booking.granted());
    if (start > 1) {
      const Duration gap = booking.start - last;
      if ((start - 1) % 20 == 0) {
        least = std::min(least, gap - 500ms);
        most = std::max(most, gap - 500ms);
      } else {
        REQUIRE(gap == 500ms);
      }
    }
    last = booking.start;
  }
  CHECK(least >= 1s);
  CHECK(least < 1200ms);
  CHECK(most <= 3s + 1us);
  CHECK(most > 2800ms);
}

TEST_CASE("APaceAndAStrictLimitCountFromWhenItReallyStartedAndARateMakesUpForIt") {
  for (const Limit& limit :
       {Limit::pace({.interval = 500ms}), Limit::strict(2, 1s), Limit::rate(2, 1s)}) {
    Book book{limit};
    CHECK(book.takes(kStart));
    const auto booking = book.reserve(kStart, 1, 1s);
    const auto moved = book.limiter.started(book.state, booking, booking.start + 100ms);
    REQUIRE(moved.has_value() == limit.keeps_real_starts());
    if (moved) book.state = *moved;
    CHECK(book.reserve(kStart + 600ms, 1, 1s).wait == (limit.keeps_real_starts() ? 500ms : 400ms));
    CHECK_FALSE(book.limiter.started(book.state, booking, booking.start + 100ms));
  }
}

TEST_CASE("ARateMakesUpForNoStartThatWasLateByAnIntervalOrMore [L2]") {
  Book book{Limit::rate(10, 1s, 3)};
  CHECK(book.takes(kStart, 3));
  const auto booking = book.reserve(kStart, 2, 1s);
  CHECK_FALSE(book.limiter.started(book.state, booking, booking.start + 100ms - 1ns));
  const auto moved = book.limiter.started(book.state, booking, booking.start + 60s);
  REQUIRE(moved);
  book.state = *moved;
  CHECK(book.takes_at_most(5, booking.start + 60s) == 1);
}

TEST_CASE("TheJitterOfAPaceComesOnTopAndIsTheSameForTheSameSeed") {
  const auto starts = [](std::uint64_t seed) {
    Book book{Limit::pace({.interval = 1s, .jitter = 200ms, .seed = seed})};
    std::vector<Duration> gaps;
    TimePoint last = book.reserve(kStart, 1, kForever).start;
    for (int i = 0; i < 100; ++i) {
      const TimePoint start = book.reserve(kStart, 1, kForever).start;
      gaps.push_back(start - last);
      last = start;
    }
    return gaps;
  };
  const auto gaps = starts(1);
  for (const Duration gap : gaps) {
    REQUIRE(gap >= 1s);
    REQUIRE(gap <= 1200ms + 1us);
  }
  CHECK(gaps == starts(1));
  CHECK(gaps != starts(2));
}

TEST_CASE("TheCountOfAPaceGoesRoundWithoutAMissingPause") {
  Book book{Limit::pace({.interval = 1ms, .every = 20, .least_pause = 1s, .most_pause = 1s})};
  TimePoint last{};
  for (int start = 1; start <= 140'000; ++start) {
    const auto booking = book.reserve(kStart, 1, kForever);
    if (start > 1) REQUIRE(booking.start - last == ((start - 1) % 20 == 0 ? 1001ms : 1ms));
    last = booking.start;
  }
}

TEST_CASE("TheRateIsNeverPassedByRounding") {
  Book book{Limit::rate(3, 1s)};  // 333,333,333.3… ns
  TimePoint start{};
  for (int i = 0; i <= 300'000; ++i) start = book.reserve(kStart, 1, kForever).start;
  CHECK(start >= kStart + 100'000s);
  CHECK(start < kStart + 100'000s + 10ms);
}

TEST_CASE("ExtremeLimitsNeitherOverflowNorDivideByZero") {
  const auto most = std::numeric_limits<std::uint32_t>::max();
  for (const Limit& limit :
       {Limit::rate(~std::uint64_t{0}, 1ns, most), Limit::rate(1, Duration::max(), most),
        Limit::rate(1, 1ns),
        Limit::pace({.interval = Duration::max(), .jitter = Duration::max()})}) {
    Book book{limit};
    CHECK(book.takes(kStart, limit.burst()));
    const auto next = book.reserve(kStart + 24h * 3650, limit.burst(), kForever);
    CHECK(next.wait >= 0ns);
    CHECK(next.wait <= 2 * Limit::kLongest);
    book.penalize(kStart, TimePoint::max());
    CHECK(book.reserve(kStart, 1, 0ns).wait >= Limit::kLongest);
  }
}

TEST_CASE("TheWaitBehindMoreThanAYearIsAYear") {
  for (const Limit& limit : {Limit::rate(1, 30 * 24h), Limit::rate(1, 24h * 365),
                             Limit::pace({.interval = 24h * 365})}) {
    for (const std::uint64_t ahead : {20ull, 223ull, 1'024ull, ~0ull}) {
      CHECK(limit.wait({}, 0ns, 1, ahead) >= Limit::kLongest - limit.interval());
      CHECK(limit.wait({}, 0ns, 1, ahead) <= Limit::kLongest);
    }
  }
}

// A trace of starts, each of one permit, in the order of time.
Duration span(const std::vector<TimePoint>& starts, std::size_t first, std::size_t permits) {
  return starts[first + permits - 1] - starts[first];
}

TEST_CASE("EveryWindowOfARandomTraceHoldsWhatIsPromisedAndNoRefusalLies") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    internal::Rng rng(seed);
    const auto permits = 1 + rng.below(50);
    const auto burst = static_cast<std::uint32_t>(1 + rng.below(permits));
    const Duration per = rng.between(1ms, 5s);
    const bool is_strict = rng.chance(50);
    const Limit limit =
        is_strict ? Limit::strict(permits, per, burst) : Limit::rate(permits, per, burst);
    Book book{limit};

    std::vector<TimePoint> starts;
    TimePoint now = kStart;
    for (int i = 0; i < 400; ++i) {
      now += rng.chance(70) ? rng.between(0ns, per / static_cast<int>(permits)) : Duration{};
      const auto weight = static_cast<std::uint32_t>(1 + rng.below(burst));
      const Duration most_wait = rng.chance(50) ? Duration{} : rng.between(0ns, per);
      const auto state = book.state;
      const auto booking = book.reserve(now, weight, most_wait);
      if (!booking.granted()) {
        REQUIRE(booking.answer == Limiter::Answer::kLater);
        REQUIRE(book.state == state);
        REQUIRE_FALSE(book.limiter.reserve(state, now + booking.wait - 1ns, weight, 0ns).granted());
        REQUIRE(book.limiter.reserve(state, now + booking.wait, weight, 0ns).granted());
      } else if (rng.chance(20)) {
        REQUIRE(book.cancel(booking, now));
        REQUIRE(book.state == state);
      } else {
        REQUIRE(booking.start >= now);
        REQUIRE(booking.wait <= most_wait);
        starts.insert(starts.end(), weight, booking.start);
      }
    }
    REQUIRE(starts.size() > burst);
    for (std::size_t first = 0; first < starts.size(); ++first) {
      if (is_strict && first + permits < starts.size()) {
        REQUIRE(span(starts, first, permits + 1) >= per);
      }
      for (std::size_t last = first; last < starts.size(); ++last) {
        const std::size_t held = last - first + 1;
        const auto whole = static_cast<std::size_t>(span(starts, first, held) / limit.interval());
        // interval() is rounded up once more, to nanoseconds: hence one more.
        REQUIRE(held <= burst + whole + 1);
      }
    }
  }
}

// Not only that it decides the same: also that nothing later is said to be idle too late.
TEST_CASE("AStateIsIdleFromTheMomentOnInWhichItLetsStartWhatAFreshOneDoes") {
  internal::Rng rng(7);
  for (int round = 0; round < 2000; ++round) {
    const auto burst = static_cast<std::uint32_t>(1 + rng.below(5));
    Book book{Limit::rate(1 + rng.below(20), 1s, burst), Limit::strict(20, 3s, burst)};
    TimePoint now = kStart;
    for (int i = 0; i < 10; ++i) {
      now += rng.between(0ns, 300ms);
      book.reserve(now, 1 + static_cast<std::uint32_t>(rng.below(burst)), 0ns);
    }
    const TimePoint later = now + rng.between(0ns, 5s);
    Limiter::State used = book.state;
    Limiter::State fresh{};
    bool is_same = true;
    for (int i = 0; i < 40 && is_same; ++i) {
      const auto of_used = book.limiter.reserve(used, later, 1, kForever);
      const auto of_fresh = book.limiter.reserve(fresh, later, 1, kForever);
      is_same = of_used.wait == of_fresh.wait;
      used = of_used.after;
      fresh = of_fresh.after;
    }
    CAPTURE(round);
    if (book.limiter.is_idle(book.state, later)) {
      REQUIRE(is_same);
    } else {
      REQUIRE_FALSE(is_same);
    }
  }
}

TEST_CASE("UnderSteadyDemandNoSlotIsLost") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    internal::Rng rng(seed);
    Book book{Limit::rate(100, 1s), Limit::rate(5000, 1s, 10)};
    std::size_t granted = 0;
    TimePoint now = kStart;
    while (now < kStart + 10s) {
      const auto booking = book.reserve(now, 1, rng.between(0ns, 100ms));
      if (booking.granted() && booking.wait > 0ns && rng.chance(50)) {
        REQUIRE(book.cancel(booking, now));
        continue;
      }
      granted += booking.granted() && booking.start < kStart + 10s ? 1 : 0;
      now += booking.wait;
    }
    CHECK(granted == 1000);
  }
}

}  // namespace
}  // namespace tidegate::policy
