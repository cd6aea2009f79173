// SPDX-License-Identifier: Apache-2.0
#include "policy/breaker_word.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "base/ports/rng.hpp"

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;
using Reason = Breaker::Reason;

TEST_CASE("WhatIsPackedComesOutAsItWas") {
  const BreakerWord state{.state = Breaker::State::kHalfOpen,
                          .mode = Breaker::Mode::kDisabled,
                          .openings = 31,
                          .generation = kGenerationMask,
                          .until = 0xfedcba98};
  const BreakerWord again = BreakerWord::unpack(state.pack());
  CHECK(again.state == state.state);
  CHECK(again.mode == state.mode);
  CHECK(again.openings == state.openings);
  CHECK(again.generation == state.generation);
  CHECK(again.until == state.until);
  CHECK(BreakerWord{}.pack() == 0);

  const ProbeWord probe{
      .kind = ProbeWord::Kind::kLeased, .place = 63, .generation = 1, .until = 0xffffffff};
  const ProbeWord same = ProbeWord::unpack(probe.pack());
  CHECK(same.kind == probe.kind);
  CHECK(same.place == probe.place);
  CHECK(same.generation == probe.generation);
  CHECK(same.until == probe.until);
  CHECK(ProbeWord{}.pack() == 0);
}

TEST_CASE("WhyItOpenedKeepsTheCountsOfItsSentence") {
  const CallCounts counts{.calls = 20, .failures = 11, .slow = 17};
  for (const Reason reason : {Reason::kFailures, Reason::kSlow, Reason::kProbes}) {
    const std::uint64_t word = OpeningWord::pack(77, reason, counts);
    const Breaker::Opening opening = OpeningWord::unpack(word);
    CHECK(OpeningWord::generation_of(word) == 77);
    CHECK(opening.reason == reason);
    CHECK(opening.counts.calls == 20);
    CHECK((reason == Reason::kSlow || opening.counts.failures == 11));
    CHECK((reason == Reason::kFailures || opening.counts.slow == 17));
  }
  const auto many = OpeningWord::unpack(OpeningWord::pack(
      0, Reason::kFailures, {.calls = 4'000'000, .failures = 3'000'000, .slow = 0}));
  CHECK(many.counts.calls == 500'000);
  CHECK(many.counts.failures == 375'000);
}

TEST_CASE("ATimeIsRightAcrossTheEndOfItsRound") {
  const Duration round = (Duration{1ms} * 0x100000000);
  for (const TimePoint now : {TimePoint(0ns), TimePoint(round - 1ns), TimePoint(round - 3s),
                              TimePoint(5 * round + 7ns)}) {
    for (const Duration ahead : {Duration(1ms), Duration(5s), Duration(24h)}) {
      const Duration left = left_until(tick_at(now + ahead), now, 25h);
      CHECK(left >= ahead);
      CHECK(left < ahead + 1ms);
      CHECK(left_until(tick_at(now + ahead), now + ahead + 1ms, 25h) <= 0ns);
    }
  }
}

TEST_CASE("WhatIsFurtherAheadThanItCanBeIsOver") {
  const TimePoint now(1h);
  CHECK(left_until(tick_at(now + 10s), now, 10s) == 10s);
  CHECK(left_until(tick_at(now + 10s + 1ms), now, 10s) == 0ns);
  CHECK(left_until(tick_at(now - 20 * 24h), now, 10s) <= 0ns);
  CHECK(left_until(tick_at(now + 30 * 24h), now, 24h) <= 0ns);
}

TEST_CASE("GenerationsGoRound") {
  CHECK(next(kGenerationMask) == 0);
  CHECK(is_later(0, kGenerationMask));
  CHECK(is_later(5, 4));
  CHECK_FALSE(is_later(4, 5));
  CHECK_FALSE(is_later(4, 4));
}

TEST_CASE("AFullBucketKeepsItsShares") {
  const std::uint64_t tag = BucketWord::tag(9, 300);
  std::uint64_t word = tag;
  internal::Rng rng(1);
  for (int i = 0; i < 1'000'000; ++i)
    word = BucketWord::added(word, rng.chance(30), rng.chance(90));
  CHECK(BucketWord::has(word, tag));
  CHECK_FALSE(BucketWord::has(word, BucketWord::tag(9, 301)));
  CHECK_FALSE(BucketWord::has(word, BucketWord::tag(8, 300)));
  const CallCounts counts = BucketWord::counts(word);
  CHECK(counts.calls > BucketWord::kMost / 2);
  const auto share = [&](std::uint64_t some) {
    return static_cast<double>(some) / static_cast<double>(counts.calls);
  };
  CHECK(share(counts.failures) == doctest::Approx(0.3).epsilon(0.05));
  CHECK(share(counts.slow) == doctest::Approx(0.9).epsilon(0.05));
}

}  // namespace
}  // namespace tidegate::policy
