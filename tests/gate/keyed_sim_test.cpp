// SPDX-License-Identifier: Apache-2.0
// A keyed limiter in virtual time, beside one plain limiter for each key.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gate/keyed_core.hpp"
#include "gate/limiter_core.hpp"
#include "support/seeds.hpp"
#include "support/sim_loop.hpp"
#include "support/turn.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::Limit;
using test::failure;
using test::SimLoop;
using test::waited;

constexpr TimePoint kStart = SimLoop::kStart;
constexpr KeyedCore::Bounds kRoomy{.keys = 100'000, .waiting = 100'000, .waiting_of_key = 1000};

std::shared_ptr<KeyedCore> keyed(Loop& loop, const policy::Limiter& limiter,
                                 const KeyedCore::Bounds& bounds = kRoomy) {
  return std::make_shared<KeyedCore>(loop, limiter, "keyed sim", bounds, HashSeed{1, 2});
}

policy::Limiter limits(std::initializer_list<Limit> limits) { return {kStart, limits}; }

std::string user(std::uint64_t number) { return "user-" + std::to_string(number); }

// One of each, which are asked for the same.
struct Pair {
  Operation<Duration> keyed;
  Operation<Duration> plain;
};

const policy::Limiter kLimiters[] = {
    limits({Limit::rate(10, 1s)}),
    limits({Limit::rate(10, 1s, 5)}),
    limits({Limit::strict(10, 1s, 4)}),
    limits({Limit::pace({.interval = 70ms})}),
    limits({Limit::rate(10, 1s, 5), Limit::strict(40, 10s, 20)}),
};

TEST_CASE("Each key is let through as by a limiter of its own whatever is forgotten") {
  test::each_seed(40, 2000, [](std::uint64_t seed) {
    for (const policy::Limiter& limiter : kLimiters) {
      SimLoop loop;
      Rng& rng = loop.rng();
      rng = Rng(seed);
      const auto core = keyed(loop, limiter, {.keys = 30, .waiting = 1000, .waiting_of_key = 1000});
      const std::uint64_t crowded_before = core->metrics().crowded.value();
      const std::uint64_t forgotten_before = core->metrics().forgotten.value();
      std::map<std::string, std::shared_ptr<LimiterCore>> plain;
      std::vector<Pair> waiting;
      for (int step = 0; step < 400; ++step) {
        const std::string key = user(rng.below(30));
        auto& own = plain[key];
        if (!own) own = std::make_shared<LimiterCore>(loop, limiter, "plain sim", 1000);
        const auto weight = static_cast<std::uint32_t>(1 + rng.below(limiter.burst()));
        const std::uint64_t what = rng.below(10);
        if (what < 5) {
          const Duration wait = own->take(loop.now(), weight);
          REQUIRE(core->take(key, loop.now(), weight) == wait);
        } else if (what < 8) {
          const Deadline until = Deadline::at(loop.now() + rng.between(0ns, 2s));
          waiting.push_back({core->acquire(key, loop.now(), weight, until),
                             own->acquire(loop.now(), weight, until)});
        } else if (what == 8 && !waiting.empty()) {
          const Pair& given_up = waiting[rng.below(waiting.size())];
          given_up.keyed.cancel();
          given_up.plain.cancel();
        } else if (rng.chance(20)) {
          const TimePoint until = loop.now() + rng.between(0ns, 500ms);
          own->penalize(loop.now(), until);
          core->penalize(key, loop.now(), until);
        }
        if (rng.chance(60)) loop.drive(Deadline::at(loop.now() + rng.between(0ns, 200ms)));
      }
      loop.drive();
      for (const Pair& each : waiting) {
        REQUIRE(each.keyed.done());
        const auto is = each.keyed.wait();
        const auto should_be = each.plain.wait();
        REQUIRE(is.status().cause() == should_be.status().cause());
        if (is.ok()) REQUIRE(*is == *should_be);
        REQUIRE(is.status().retry_after() == should_be.status().retry_after());
      }
      REQUIRE(core->waiting() == 0);
      REQUIRE(core.use_count() == 1);
      REQUIRE(core->metrics().forgotten.value() > forgotten_before);
      REQUIRE(core->metrics().crowded.value() == crowded_before);
    }
  });
}

// A key may have to wait for others where there is no room; what it starts its own limit would let
// start.
TEST_CASE("However few keys are kept none starts more often than it may") {
  test::each_seed(30, 2000, [](std::uint64_t seed) {
    for (const policy::Limiter& limiter : kLimiters) {
      SimLoop loop;
      Rng rng(seed);
      const auto core = keyed(loop, limiter,
                              {.keys = 1 + rng.below(40), .waiting = 1000, .waiting_of_key = 1000});
      std::map<std::string, policy::Limiter::State> models;
      struct Asked {
        std::string key;
        TimePoint begun;
        std::uint32_t weight;
        Operation<Duration> turn;
      };
      struct Start {
        TimePoint when;
        std::string key;
        std::uint32_t weight;
      };
      std::vector<Asked> asked;
      std::vector<Start> starts;
      for (int step = 0; step < 500; ++step) {
        const std::string key = user(rng.below(100));
        const auto weight = static_cast<std::uint32_t>(1 + rng.below(limiter.burst()));
        if (rng.chance(70)) {
          if (core->take(key, loop.now(), weight) == 0ns) {
            starts.push_back({loop.now(), key, weight});
          }
        } else {
          asked.push_back({key, loop.now(), weight,
                           core->acquire(key, loop.now(), weight,
                                         Deadline::at(loop.now() + rng.between(0ns, 3s)))});
          if (rng.chance(30)) asked[rng.below(asked.size())].turn.cancel();
        }
        if (rng.chance(30)) loop.drive(Deadline::at(loop.now() + rng.between(0ns, 50ms)));
        REQUIRE(core->keys() <= 40);
      }
      loop.drive();
      for (const Asked& each : asked) {
        if (const auto wait = waited(each.turn)) {
          starts.push_back({each.begun + *wait, each.key, each.weight});
        }
      }
      REQUIRE(core->waiting() == 0);
      std::stable_sort(starts.begin(), starts.end(),
                       [](const Start& a, const Start& b) { return a.when < b.when; });
      for (const Start& start : starts) {
        auto& state = models[start.key];
        const auto booking = limiter.reserve(state, start.when, start.weight, 0ns);
        REQUIRE(booking.granted());
        state = booking.after;
      }
      REQUIRE(starts.size() > 50);
    }
  });
}

TEST_CASE("A million keys take the memory of ten thousand and those that are busy stay") {
  SimLoop loop;
  constexpr std::size_t kKeys = 10'000;
  const auto core = keyed(loop, limits({Limit::rate(1, 1s)}),
                          {.keys = kKeys, .waiting = 10, .waiting_of_key = 10});
  TimePoint now = loop.now();
  REQUIRE(core->take("busy", now, 1) == 0ns);
  std::size_t most_bytes = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    now += 90us;  // more are busy than there is room for
    static_cast<void>(core->take(user(i) + " with a name that is not short", now, 1));
    if (i % 10'000 == 0) {
      REQUIRE(core->keys() <= kKeys);
      most_bytes = std::max(most_bytes, core->bytes());
      // It had its start in this second, however many came since.
      const Duration wait = core->take("busy", now, 1);
      REQUIRE((wait == 0ns || core->take("busy", now, 1) > 0ns));
    }
  }
  CHECK(most_bytes < kKeys * 250);
  CHECK(core->keys() <= kKeys);
}

TEST_CASE("While a flood comes who has a place is let through as if it were alone") {
  SimLoop loop;
  const auto core = keyed(loop, limits({Limit::rate(10, 1s)}),
                          {.keys = 1000, .waiting = 10, .waiting_of_key = 10});
  TimePoint now = loop.now();
  std::uint64_t others = 0;
  for (int start = 0; start < 50; ++start) {
    REQUIRE(core->take("a user", now, 1) == 0ns);
    for (int i = 0; i < 5000; ++i) {
      now += 19us;
      static_cast<void>(core->take(user(++others), now, 1));
    }
    REQUIRE(core->take("a user", now, 1) > 0ns);
    now += 5ms;
  }
  CHECK(core->metrics().crowded.value() > 0);
}

TEST_CASE("Idle keys are forgotten as others come and soon no more are kept than twice the busy") {
  SimLoop loop;
  const auto core = keyed(loop, limits({Limit::rate(1, 1s)}));
  TimePoint now = loop.now();
  for (std::uint64_t i = 0; i < 20'000; ++i) static_cast<void>(core->take(user(i), now, 1));
  CHECK(core->keys() == 20'000);
  std::uint64_t next = 20'000;
  for (int i = 0; i < 30'000; ++i) {  // a thousand of them are busy at a time
    now += 1ms;
    static_cast<void>(core->take(user(next++), now, 1));
  }
  CHECK(core->keys() < 2500);
  CHECK(core->metrics().keys.value() == static_cast<std::int64_t>(core->keys()));
}

TEST_CASE("Those that wait for a key go in their order and hold up no other key") {
  SimLoop loop;
  const auto core = keyed(loop, limits({Limit::rate(1, 1s)}));
  REQUIRE(core->take("slow", loop.now(), 1) == 0ns);
  std::vector<Operation<Duration>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(core->acquire("slow", loop.now(), 1, Deadline::never()));
  }
  loop.drive(Deadline::at(loop.now()));
  const auto other = core->acquire("other", loop.now(), 1, Deadline::never());
  CHECK(waited(other) == 0ns);
  const auto behind = core->acquire("other", loop.now(), 1, Deadline::never());
  CHECK(core->take("slow", loop.now(), 1) == 21s);
  loop.drive(Deadline::at(kStart + 1s));
  CHECK(waited(behind) == 1s);
  loop.drive();
  for (int i = 0; i < 20; ++i) CHECK(waited(slow[static_cast<std::size_t>(i)]) == (i + 1) * 1s);
}

TEST_CASE("Who gives up hands its slot to the next of its key") {
  SimLoop loop;
  const auto core = keyed(loop, limits({Limit::rate(2, 1s)}));
  REQUIRE(core->take("key", loop.now(), 1) == 0ns);
  std::vector<Operation<Duration>> given_up;
  for (int i = 0; i < 5; ++i) {
    given_up.push_back(core->acquire("key", loop.now(), 1, Deadline::never()));
  }
  const auto last = core->acquire("key", loop.now(), 1, Deadline::never());
  loop.drive(Deadline::at(kStart + 100ms));
  for (const auto& each : given_up) each.cancel();
  loop.drive();
  for (const auto& each : given_up) CHECK(failure(each).cause() == Cause::kCancelled);
  CHECK(waited(last) == 500ms);
  CHECK(core->metrics().lost.value() == 0);
  CHECK(core->waiting() == 0);
  CHECK(core.use_count() == 1);
}

TEST_CASE("A refusal says when to come back and one key cannot take all places of the line") {
  SimLoop loop;
  const auto core =
      keyed(loop, limits({Limit::rate(1, 10s)}), {.keys = 100, .waiting = 3, .waiting_of_key = 2});
  for (const char* const key : {"a", "b", "c"}) REQUIRE(core->take(key, loop.now(), 1) == 0ns);
  const Status late = failure(core->acquire("a", loop.now(), 1, Deadline::at(kStart + 500ms)));
  CHECK(late.cause() == Cause::kRateLimited);
  CHECK(late.retry_after() == 10s);
  const auto first = core->acquire("a", loop.now(), 1, Deadline::never());
  const auto second = core->acquire("a", loop.now(), 1, Deadline::never());
  const Status full = failure(core->acquire("a", loop.now(), 1, Deadline::never()));
  CHECK(full.cause() == Cause::kQueueFull);
  CHECK(full.message() == "2 starts of its key wait for their turn");
  const auto other = core->acquire("b", loop.now(), 1, Deadline::never());
  CHECK(failure(core->acquire("c", loop.now(), 1, Deadline::never())).message() ==
        "3 starts wait for their turn");
  loop.drive();
  CHECK(waited(second) == 20s);
  CHECK(waited(other) == 10s);
}

TEST_CASE("What never comes is a bad argument and is not kept") {
  SimLoop loop;
  const auto core = keyed(loop, limits({Limit::rate(10, 1s, 3)}));
  for (const std::uint32_t weight : {0U, 4U}) {
    CHECK(failure(core->acquire("key", loop.now(), weight, Deadline::never())).cause() ==
          Cause::kBadArgument);
  }
  const std::string longest(KeyedCore::kMostKeyBytes, 'k');
  CHECK(failure(core->acquire(longest + "k", loop.now(), 1, Deadline::never())).message() ==
        "a key of 1025 bytes is longer than 1024");
  CHECK(core->keys() == 0);
  CHECK(waited(core->acquire(longest, loop.now(), 3, Deadline::never())) == 0ns);
  CHECK(waited(core->acquire({}, loop.now(), 3, Deadline::never())) == 0ns);
  CHECK(core->keys() == 2);
}

TEST_CASE("Who read the clock before a key was forgotten has no start more") {
  SimLoop loop;
  const auto core =
      keyed(loop, limits({Limit::rate(1, 1s)}), {.keys = 1, .waiting = 1, .waiting_of_key = 1});
  REQUIRE(core->take("first", kStart, 1) == 0ns);
  REQUIRE(core->take("second", kStart + 1s, 1) == 0ns);  // in its place
  CHECK(core->take("first", kStart, 1) == 0ns);          // it counts with others, and as of then
  CHECK(core->take("first", kStart + 1500ms, 1) == 500ms);
}

}  // namespace
}  // namespace tidegate::internal
