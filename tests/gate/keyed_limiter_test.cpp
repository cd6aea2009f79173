// SPDX-License-Identifier: Apache-2.0
// The public keyed limiter, on the library's own threads.
#include "tidegate/keyed_limiter.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gate/keyed_core.hpp"
#include "net/runtime.hpp"
#include "support/child.hpp"
#include "support/deep.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

// Of a name that no other test has.
KeyedLimiterOptions options() {
  static std::atomic<int> number{0};
  return KeyedLimiterOptions("keyed " + std::to_string(++number));
}

TEST_CASE("EachKeyCountsByItselfAndARefusalSaysWhenToComeBack") {
  const KeyedLimiter limiter(options().rate(1, 1h, 2));
  REQUIRE(limiter.status().ok());
  CHECK(limiter.try_acquire("ann", 2));
  CHECK(limiter.try_acquire("bob"));
  const Verdict refused = limiter.try_acquire("ann");
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() > 59min);
  CHECK(refused.retry_after() <= 1h);
  CHECK(limiter.try_acquire("bob"));
  CHECK(limiter.try_acquire("ann", 3).retry_after() == Duration::max());
  CHECK(limiter.try_acquire(std::string(1025, 'k')).retry_after() == Duration::max());
  const KeyedLimiterStats stats = limiter.stats();
  CHECK(stats.granted == 3);
  CHECK(stats.refused == 1);
  CHECK(stats.keys == 2);
  CHECK(stats.crowded == 0);
}

TEST_CASE("KeysThatDifferInTheirLastByteOrHaveZeroesInThemAreOthers") {
  const KeyedLimiter limiter(options().rate(1, 1h));
  using namespace std::string_view_literals;
  for (const auto key : {""sv, "\0"sv, "\0\0"sv, "a"sv, "a\0"sv, "a\0b"sv, "a\0c"sv}) {
    CHECK(limiter.try_acquire(key));
    CHECK_FALSE(limiter.try_acquire(key));
  }
  CHECK(limiter.stats().keys == 7);
}

TEST_CASE("AnAcquireWaitsForTheTurnOfItsKey") {
  const KeyedLimiter limiter(options().rate(1000, 1s));
  for (int i = 0; i < 5; ++i) CHECK(limiter.acquire("key", 1min).wait().ok());
  const KeyedLimiter slow(options().rate(1, 1h));
  CHECK(slow.acquire("key").wait().ok());
  const auto late = slow.acquire("key", 10s);
  REQUIRE(late.done());
  CHECK(late.wait().status().cause() == Cause::kRateLimited);
  CHECK(late.wait().status().retry_after().value() > 59min);
}

TEST_CASE("APenaltyHoldsForItsKeyAlone") {
  const KeyedLimiter limiter(options().rate(1000, 1s, 1000));
  limiter.penalize("token", 30min);
  CHECK(limiter.try_acquire("token").retry_after() > 29min);
  CHECK(limiter.try_acquire("other"));
  CHECK(limiter.stats().penalties == 1);
}

TEST_CASE("WhatCannotWorkSaysWhyAndRefusesEveryKey") {
  const std::pair<KeyedLimiterOptions, const char*> kBad[] = {
      {options(), "has 0 limits, not 1 to 4"},
      {options().rate(0, 1s), "lets nothing start"},
      {options().limits(LimiterOptions().pace(1s).pause_every(20, 1s, 3s)), "have no pauses"},
      {options().limits(LimiterOptions().rate(1, 1s).share(Share::kHost)), "a process's own"},
      {options().rate(1, 1s).max_keys(0), "max_keys of 0 is not from 1 to 16777216"},
      {options().rate(1, 1s).max_keys(KeyedLimiterOptions::kMostKeys + 1), "is not from 1"},
  };
  for (const auto& [bad, why] : kBad) {
    const KeyedLimiter limiter(bad);
    CHECK(limiter.status().cause() == Cause::kConfig);
    CHECK(limiter.status().message().find(why) != std::string::npos);
    CHECK_FALSE(limiter.try_acquire("key"));
    CHECK(limiter.acquire("key").wait().status().cause() == Cause::kConfig);
    limiter.penalize("key", 1s);
    CHECK(limiter.stats().granted == 0);
  }
}

TEST_CASE("ByDefaultAHundredThousandKeysAreKeptAndThousandStartsMayWaitOfWhich64OfOneKey") {
  const KeyedLimiterOptions::Values values = options().rate(1, 1s).values();
  CHECK(values.max_keys == 100'000);
  CHECK(values.limits.values().queue == 1024);
  CHECK(values.queue_of_key == 64);
}

// Nobody's place comes free in an hour, so that each key has exactly its burst, whoever asks for it.
TEST_CASE("ThreadsThatAskForTheSameKeysTogetherHaveWhatOneWouldHave") {
  constexpr std::uint32_t kBurst = 20;
  constexpr std::size_t kKeys = 300;
  const KeyedLimiter limiter(options().rate(1, 24h, kBurst).max_keys(kKeys));
  std::array<std::atomic<std::uint32_t>, kKeys> granted{};
  const auto work = [&](std::size_t first) {
    for (std::size_t i = 0; i < kKeys * (kBurst + 5); ++i) {
      const std::size_t key = (first + i * 7) % kKeys;
      if (limiter.try_acquire(std::to_string(key))) ++granted[key];
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) threads.emplace_back(work, i * 71);
  for (auto& thread : threads) thread.join();
  for (const auto& each : granted) REQUIRE(each == kBurst);
  CHECK(limiter.stats().keys == kKeys);
}

// By a clock of their own, on which they are never quite agreed: as threads that were interrupted
// between reading the clock and asking.
TEST_CASE("WhileOthersForgetKeysNoneStartsMoreOftenThanItMay") {
  constexpr std::size_t kKeys = 64;
  constexpr Duration kEvery = 100ns;
  const TimePoint start = Deadline::now();
  const auto core = std::make_shared<internal::KeyedCore>(
      internal::Runtime::current().shard(),
      policy::Limiter(start, {policy::Limit::rate(1, kEvery)}), "keyed race",
      internal::KeyedCore::Bounds{.keys = 16, .waiting = 10, .waiting_of_key = 10});
  std::array<std::atomic<std::int64_t>, kKeys> granted{};
  std::atomic<std::int64_t> clock{0};
  const auto work = [&](std::size_t first) {
    const int turns = test::repeat(50'000, 1'000'000);
    for (int i = 0; i < turns; ++i) {
      const TimePoint now = start + Duration(clock.fetch_add(1));
      const std::size_t key = (first + static_cast<std::size_t>(i) * 11) % kKeys;
      if (core->take(std::to_string(key), now, 1) == 0ns) ++granted[key];
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 3; ++i) threads.emplace_back(work, i * 17);
  for (auto& thread : threads) thread.join();
  for (const auto& each : granted) REQUIRE(each <= 1 + clock / kEvery.count());
  CHECK(core->keys() <= 16);
  CHECK(core->metrics().forgotten.value() > 0);
}

TEST_CASE("ThreadsThatWaitForManyKeysAllHaveTheirTurns") {
  const KeyedLimiter limiter(options().rate(5000, 1s).max_keys(8));
  std::atomic<int> granted{0};
  const auto work = [&](int first) {
    std::vector<Operation<Duration>> turns;
    for (int i = 0; i < 60; ++i) {
      turns.push_back(limiter.acquire(std::to_string((first + i) % 20)));
      if (i % 10 == 3) turns.back().cancel();
    }
    for (const auto& turn : turns) {
      const auto ended = turn.wait();
      if (ended.ok()) ++granted;
      CHECK((ended.ok() || ended.status().cause() == Cause::kCancelled));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i * 5);
  for (auto& thread : threads) thread.join();
  CHECK(granted >= 4 * 54);
  CHECK(limiter.stats().waiting == 0);
}

TEST_CASE("AChildBeginsAnewAndItsParentsWaitersAreNotItsOwn") {
  if (test::kForkIsBroken) return;
  const KeyedLimiter limiter(options().rate(1, 1h));
  CHECK(limiter.try_acquire("key"));
  const auto waits = limiter.acquire("key");
  CHECK_FALSE(waits.done());
  const int code = test::in_child([&] {
    if (!limiter.try_acquire("key")) return 1;
    if (limiter.try_acquire("key")) return 2;
    if (!limiter.acquire("other").wait().ok()) return 3;
    return limiter.acquire("key", 1s).wait().status().cause() == Cause::kRateLimited ? 0 : 4;
  });
  CHECK(code == 0);
  CHECK_FALSE(limiter.try_acquire("key"));
  waits.cancel();
  CHECK(waits.wait().status().cause() == Cause::kCancelled);
}

}  // namespace
}  // namespace tidegate
