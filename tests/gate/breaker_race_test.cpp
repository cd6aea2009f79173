// SPDX-License-Identifier: Apache-2.0
//
// A breaker of words while all change them at once, and after somebody has left or spoiled them.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "base/ports/rng.hpp"
#include "gate/shared_breaker.hpp"
#include "support/deep.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::BreakerRules;
using policy::BreakerWord;
using policy::CallOutcome;
using policy::Generation;
using policy::ProbeWord;
using State = SharedBreaker::State;
using Mode = SharedBreaker::Mode;

constexpr TimePoint kStart(1h);
constexpr Generation kChanges = 200;

BreakerRules quick_rules() {
  BreakerRules rules;
  rules.min_calls = 4;
  rules.consecutive = 3;  // sooner or later it opens, however many calls there were
  rules.open_for = 1ms;
  rules.max_open_for = 4ms;
  rules.probe_lease = 1h;  // none is over in a test
  return rules;
}

bool is_legal(const SharedBreaker::Change& change) {
  switch (change.from) {
    case State::kClosed: return change.to == State::kOpen;
    case State::kOpen: return change.to == State::kHalfOpen;
    case State::kHalfOpen: return change.to != State::kHalfOpen;
  }
  return false;
}

// What all threads of a test agree about.
struct Ground {
  BreakerWords words;
  std::atomic<std::int64_t> time{kStart.time_since_epoch().count()};
  // By generation: calls with a place of a probe, and those of them that have reported.
  std::array<std::atomic<std::uint32_t>, 1 << 16> probes{};
  std::atomic<int> faults{0};
  std::latch begin{3};  // all at once, or the first has made all changes when the last one comes

  TimePoint now() const { return TimePoint(Duration(time.load())); }
};

// Calls of which some fail and some are cancelled, until there were enough changes. Gives back those
// that are under way at the end. Each moves the time, so that none has to make way for another.
std::vector<SharedBreaker::Entry> call_around(Ground& ground, SharedBreaker& breaker,
                                              std::uint64_t seed) {
  Rng rng(seed);
  std::vector<SharedBreaker::Entry> running;
  ground.begin.arrive_and_wait();
  while (breaker.generation() < kChanges) {
    if (rng.chance(20)) ground.time += Duration(200us).count();
    if (running.empty() || (running.size() < 5 && rng.chance(60))) {
      const SharedBreaker::Entry entry = breaker.enter(ground.now());
      if (!entry.entered) {
        if (entry.retry_after <= 0ns) ++ground.faults;
        continue;
      }
      if (entry.permit.lease != 0) {
        const Generation generation = BreakerWord::generation_of(entry.permit.word);
        auto& probes = ground.probes[generation % ground.probes.size()];
        if (++probes > 3) ++ground.faults;
      }
      running.push_back(entry);
      continue;
    }
    const auto index = static_cast<std::size_t>(rng.below(running.size()));
    const SharedBreaker::Entry entry = running[index];
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(index));
    const bool cancelled = rng.chance(10);
    if (cancelled && entry.permit.lease != 0) {
      --ground.probes[BreakerWord::generation_of(entry.permit.word) % ground.probes.size()];
    }
    breaker.leave(entry.permit,
                  cancelled        ? CallOutcome::kNothing
                  : rng.chance(40) ? CallOutcome::kFailed
                                   : CallOutcome::kSucceeded,
                  1ms, ground.now());
  }
  return running;
}

TEST_CASE("WhateverThreadsDoAtOnceEachChangeIsLegalAndToldOnceAndProbesStayBounded [C11]") {
  const int rounds = test::repeat(20, 300);
  for (int round = 0; round < rounds; ++round) {
    auto ground = std::make_unique<Ground>();
    std::atomic<std::uint32_t> told{0};
    SharedBreaker breaker(ground->words, quick_rules(), 7,
                          [&](const SharedBreaker::Change& change) {
                            ++told;
                            if (!is_legal(change)) ++ground->faults;
                          });
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        for (const auto& entry :
             call_around(*ground, breaker, static_cast<std::uint64_t>(round) * 3 + i)) {
          breaker.leave(entry.permit, CallOutcome::kSucceeded, 1ms, ground->now());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(ground->faults == 0);
    CHECK(told == breaker.generation());
    CHECK(told >= kChanges);
  }
}

// Each has told_ and rules of its own, as processes have.
TEST_CASE("SeveralOnTheSameWordsAgreeAndAreNotWedgedByWhatIsLost [C11]") {
  const int rounds = test::repeat(20, 300);
  for (int round = 0; round < rounds; ++round) {
    auto ground = std::make_unique<Ground>();
    std::vector<std::unique_ptr<SharedBreaker>> breakers;
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 3; ++i) {
      breakers.push_back(std::make_unique<SharedBreaker>(ground->words, quick_rules(), i, nullptr));
    }
    for (std::uint64_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        call_around(*ground, *breakers[i], static_cast<std::uint64_t>(round) * 3 + i);
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(ground->faults == 0);
    for (const auto& breaker : breakers) {
      CHECK(breaker->state() == breakers[0]->state());
      CHECK(breaker->generation() == breakers[0]->generation());
    }
    // What was under way is lost; after their leases the service that works is let in.
    TimePoint now = ground->now() + 2h;
    for (int call = 0; call < 30 && breakers[0]->state() != State::kClosed; ++call) {
      const auto entry = breakers[static_cast<std::size_t>(call) % 3]->enter(now);
      if (entry.entered) breakers[0]->leave(entry.permit, CallOutcome::kSucceeded, 1ms, now);
      now += entry.retry_after;
    }
    CHECK(breakers[0]->state() == State::kClosed);
  }
}

TEST_CASE("WhoHasReportedTheLastProbeAndIsGoneLeavesTheChangeToTheNext") {
  for (const bool failed : {false, true}) {
    BreakerWords words;
    SharedBreaker breaker(words, {}, 7, nullptr);
    words.state = BreakerWord{.state = State::kHalfOpen,
                              .mode = Mode::kAutomatic,
                              .openings = 1,
                              .generation = 2,
                              .until = 0}
                      .pack();
    for (std::uint32_t place = 0; place < 3; ++place) {
      words.probes[place] = ProbeWord{.kind = ProbeWord::Kind::kReported,
                                      .place = place,
                                      .generation = 2,
                                      .until = failed ? 1u : 0u}
                                .pack();
    }
    CHECK(breaker.enter(kStart).entered == !failed);
    CHECK(breaker.state() == (failed ? State::kOpen : State::kClosed));
  }
}

TEST_CASE("WhoHasCountedTheLastFailureAndIsGoneLeavesTheChangeToTheNext") {
  BreakerWords words;
  BreakerRules rules;
  rules.min_calls = 21;
  SharedBreaker counting(words, rules, 7, nullptr);
  for (int i = 0; i < 20; ++i) {
    counting.leave(counting.enter(kStart).permit, CallOutcome::kFailed, 1ms, kStart);
  }
  REQUIRE(counting.state() == State::kClosed);
  SharedBreaker next(words, {}, 7, nullptr);
  next.leave(next.enter(kStart).permit, CallOutcome::kSucceeded, 1ms, kStart);
  CHECK(next.state() == State::kOpen);
}

TEST_CASE("TimesThatCannotBeAreOver") {
  BreakerWords words;
  SharedBreaker breaker(words, {}, 7, nullptr);
  BreakerWord open{.state = State::kOpen,
                   .mode = Mode::kAutomatic,
                   .openings = 1,
                   .generation = 1,
                   .until = policy::tick_at(kStart + 361s)};
  words.state = open.pack();
  CHECK(breaker.retry_after(kStart) == 0ns);
  open.until = policy::tick_at(kStart + 359s);
  words.state = open.pack();
  CHECK(breaker.retry_after(kStart) == 359s);
  CHECK_FALSE(breaker.enter(kStart).entered);
  open.until = policy::tick_at(kStart + 361s);
  words.state = open.pack();
  for (std::uint32_t place = 0; place < 3; ++place) {
    words.probes[place] = ProbeWord{.kind = ProbeWord::Kind::kLeased,
                                    .place = place,
                                    .generation = 2,
                                    .until = policy::tick_at(kStart + 13s)}
                              .pack();
  }
  CHECK(breaker.enter(kStart).entered);
  CHECK(breaker.state() == State::kHalfOpen);
  CHECK(breaker.probing(kStart) == 1);
}

TEST_CASE("AWindowThatIsAheadOfItsClockBeginsAnew") {
  BreakerWords words;
  SharedBreaker breaker(words, {}, 7, nullptr);
  const TimePoint late = kStart + 24h * 365;
  for (int i = 0; i < 19; ++i) {
    breaker.leave(breaker.enter(late).permit, CallOutcome::kFailed, 1ms, late);
  }
  breaker.leave(breaker.enter(kStart).permit, CallOutcome::kFailed, 1ms, kStart);
  CHECK(breaker.state() == State::kClosed);
  CHECK(breaker.counts(kStart).calls == 1);
}

TEST_CASE("WhatIsOfAnotherRoundOfTheShortNumbersDoesNotCount") {
  BreakerWords words;
  SharedBreaker breaker(words, {}, 7, nullptr);
  TimePoint now = kStart;
  for (int i = 0; i < 19; ++i) {
    breaker.leave(breaker.enter(now).permit, CallOutcome::kFailed, 1ms, now);
  }
  now += 512 * 3s;  // the same bucket, with the same tag
  breaker.leave(breaker.enter(now).permit, CallOutcome::kFailed, 1ms, now);
  CHECK(breaker.counts(now).calls == 1);
}

TEST_CASE("WhateverStoodInTheWordsAServiceThatWorksIsLetInAgain") {
  const int seeds = test::repeat(2000, 50'000);
  for (int seed = 0; seed < seeds; ++seed) {
    Rng rng(static_cast<std::uint64_t>(seed));
    BreakerWords words;
    for (BreakerWords::Word* word : {&words.opening, &words.newest, &words.faulty, &words.in_a_row})
      *word = rng.next();
    for (auto& word : words.buckets) word = rng.next();
    BreakerWord state = BreakerWord::unpack(rng.next());
    state.mode = rng.chance(50)   ? Mode::kAutomatic
                 : rng.chance(50) ? Mode::kForcedClosed
                                  : Mode::kDisabled;
    words.state = state.pack() | (rng.chance(20) ? 3u : 0u);
    for (auto& word : words.probes) {
      ProbeWord probe = ProbeWord::unpack(rng.next());
      if (rng.chance(70)) probe.generation = state.generation;
      word = rng.chance(80) ? probe.pack() : rng.next();
    }
    BreakerRules rules;
    rules.consecutive = 5;
    rules.probes = 1 + static_cast<std::uint32_t>(rng.below(64));
    SharedBreaker breaker(words, rules, rng.next(), nullptr);
    TimePoint now = kStart + Duration(static_cast<std::int64_t>(rng.below(1ull << 55)));
    const TimePoint begin = now;
    int in_a_row = 0;
    for (int call = 0; call < 1000 && in_a_row < 100; ++call) {
      const SharedBreaker::Entry entry = breaker.enter(now);
      REQUIRE((entry.entered || entry.retry_after > 0ns));
      in_a_row = entry.entered ? in_a_row + 1 : 0;
      if (entry.entered) breaker.leave(entry.permit, CallOutcome::kSucceeded, 1ms, now);
      now += entry.entered ? 100ms : entry.retry_after;
    }
    REQUIRE(in_a_row == 100);
    REQUIRE(now - begin < 15min);
  }
}

}  // namespace
}  // namespace tidegate::internal
