// SPDX-License-Identifier: Apache-2.0
#include "cache/tier.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/shared_cache.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::Growth;
using test::SharedCache;
using test::SimCache;
using namespace std::chrono_literals;

const Status kDown(Cause::kEngineUnavailable, "the backend is down");

Duration rounded(Duration time) { return std::chrono::round<std::chrono::milliseconds>(time); }

TEST_CASE("What one process loaded, another one restores") {
  SharedCache sim(2);
  CHECK(sim.settle(0, "k").number() == 1);
  sim.pass(20s);
  const Asked restored = sim.settle(1, "k");
  CHECK(restored.number() == 1);
  CHECK(restored.answer()->source == Source::kCached);
  CHECK(rounded(restored.answer()->age) == 21s);
  CHECK(sim.numbers == 1);
  CHECK(sim.at(1).loader->restored == 1);
}

TEST_CASE("A restored value lives for what is left of it, and is not written back") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.pass(49s);
  sim.settle(1, "k");
  const int commands = sim.redis.commands;
  sim.pass(8s);
  CHECK(sim.at(1).fresh("k") == 1);
  sim.pass(2s);
  CHECK(sim.at(1).fresh("k") == 0);
  CHECK(sim.redis.commands == commands);
  CHECK(sim.settle(1, "k").number() == 2);
}

TEST_CASE("A restored value lives no longer than its own cache lets it") {
  auto settings = SimCache::quiet();
  SharedCache sim(1, settings);
  sim.settle(0, "k");
  settings.entry.ttl = 10s;
  test::SharedProcess hasty(sim.loop, sim.clock, sim.redis, settings, {.sender = 7}, &sim.numbers);
  hasty.ask("k");
  sim.pass(9s);
  CHECK(hasty.fresh("k") == 1);
  sim.pass(2s);
  CHECK(hasty.fresh("k") == 0);
}

TEST_CASE("A value that is stale in Redis serves where the load fails, to its own end") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.pass(59min);
  sim.at(1).loader->failure = kDown;
  const Asked stale = sim.settle(1, "k");
  CHECK(stale.number() == 1);
  CHECK(stale.answer()->source == Source::kStale);
  CHECK(stale.answer()->reason.cause() == Cause::kEngineUnavailable);
  CHECK(rounded(stale.answer()->age) == 59min + 1s);
  sim.pass(2min);
  CHECK(sim.settle(1, "k").cause() == Cause::kEngineUnavailable);
}

TEST_CASE("A value that is stale in Redis does not keep what is loaded from its place") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.pass(30min);
  CHECK(sim.settle(1, "k").number() == 2);
  CHECK(sim.at(1).loader->offered == 1);
  CHECK(sim.at(1).fresh("k") == 2);
  CHECK(sim.settle(0, "k").number() == 2);
}

TEST_CASE("A caller whose deadline comes during the load has the stale value of Redis") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.pass(30min);
  sim.at(1).loader->latency = 10s;
  const Asked asked = sim.at(1).ask("k", sim.in(1s));
  sim.pass(1s);
  REQUIRE(asked.done());
  CHECK(asked.number() == 1);
  CHECK(asked.answer()->source == Source::kStale);
}

TEST_CASE("That there is none is shared for its own time") {
  SharedCache sim(2);
  sim.at(0).loader->about = [](Loaded& loaded) { loaded.negative = true; };
  CHECK(sim.settle(0, "k").answer()->negative);
  const Asked other = sim.settle(1, "k");
  CHECK(other.answer()->negative);
  CHECK(sim.numbers == 1);
  sim.pass(4s);
  sim.settle(1, "k");
  CHECK(sim.numbers == 2);
}

TEST_CASE("What the loader keeps for itself is not shared") {
  SharedCache sim(2);
  sim.at(0).loader->about = [](Loaded& loaded) { loaded.uncached = true; };
  sim.settle(0, "k");
  CHECK(sim.settle(1, "k").number() == 2);
}

TEST_CASE("A value that comes after its load timeout is not shared") {
  SharedCache sim(2);
  sim.at(0).loader->latency = 20s;
  sim.settle(0, "k");
  sim.pass(30s);
  CHECK(sim.redis.state().values.empty());
}

TEST_CASE("What was put is there for the others") {
  SharedCache sim(2);
  sim.settle(0, "other");
  sim.at(0).put("k", 42);
  sim.pass(1s);
  CHECK(sim.settle(1, "k").number() == 42);
  sim.at(0).put("k", 43);
  sim.at(0).put("k", 44);
  sim.pass(61s);
  CHECK(sim.redis.state().values.contains(sim.name_of("k")));
}

TEST_CASE("Redis has what was put last, however slow it is") {
  SharedCache sim(2, SimCache::quiet(), {}, 3);
  for (int i = 0; i < 2; ++i) sim.settle(i, "other");
  sim.redis.latency = {1ms, 20ms};
  for (int i = 1; i <= 50; ++i) {
    sim.at(0).put("k", 100 + i);
    sim.pass(3ms);
  }
  sim.pass(1s);
  CHECK(sim.settle(1, "k").number() == 150);
}

TEST_CASE(
    "A value that was put and invalidated at once is not written, however late its guard is read") {
  SharedCache sim(1);
  sim.settle(0, "other");
  sim.redis.latency = {30ms, 30ms};
  sim.at(0).put("k", 42);
  sim.pass(1ms);
  sim.redis.latency = {1ms, 1ms};
  sim.at(0).core->invalidate("k", 0, false);
  sim.pass(1s);
  CHECK_FALSE(sim.redis.state().values.contains(sim.name_of("k")));
}

TEST_CASE("After an invalidation and its message nobody has what was loaded before") {
  SharedCache sim(3);
  for (int i = 0; i < 3; ++i) sim.settle(i, "k");
  CHECK(sim.numbers == 1);
  sim.at(0).core->invalidate("k", 0, false);
  CHECK(sim.at(0).fresh("k") == 0);
  sim.pass(1s);
  for (int i = 0; i < 3; ++i) CHECK(sim.at(i).fresh("k") == 0);
  for (const int i : {1, 0, 2}) CHECK(sim.settle(i, "k").number() == 2);
}

TEST_CASE("A load that began before another process' invalidation is not written") {
  SharedCache sim(2);
  sim.settle(0, "other");
  sim.settle(1, "other");
  sim.at(0).loader->latency = 5s;
  sim.at(0).ask("k");
  sim.pass(1s);
  sim.redis.message_delay = 1h;  // so that only the guard can tell
  sim.at(1).core->invalidate("k", 0, false);
  sim.pass(10s);
  CHECK_FALSE(sim.redis.state().values.contains(sim.name_of("k")));
}

TEST_CASE("What is loaded right after an invalidation is shared") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.redis.latency = {5ms, 5ms};
  sim.at(0).core->invalidate("k", 0, false);
  const Asked anew = sim.at(0).ask("k");
  sim.pass(45ms);
  REQUIRE(anew.done());
  CHECK(anew.number() == 2);
  CHECK(sim.settle(1, "k").number() == 2);
}

TEST_CASE("An invalidation with a version leaves a successor alone, everywhere") {
  SharedCache sim(2);
  const std::uint64_t version = sim.settle(0, "k").answer()->version;
  sim.settle(1, "k");
  CHECK_FALSE(sim.at(0).core->invalidate("k", version + 100, false));
  sim.pass(1s);
  CHECK(sim.at(1).fresh("k") == 1);
  CHECK(sim.at(0).core->invalidate("k", version, false));
  sim.pass(1s);
  CHECK(sim.at(1).fresh("k") == 0);
}

TEST_CASE("One number forgets everything, in all processes and in Redis") {
  SharedCache sim(2);
  for (int i = 0; i < 20; ++i) sim.settle(0, std::to_string(i));
  for (int i = 0; i < 20; ++i) sim.settle(1, std::to_string(i));
  const int commands = sim.redis.commands;
  sim.at(0).core->invalidate_all(false);
  CHECK(sim.at(0).fresh("1") == 0);
  sim.pass(1s);
  CHECK(sim.redis.commands <= commands + 3);
  CHECK(sim.at(1).fresh("1") == 0);
  CHECK(sim.settle(1, "1").number() == 21);
  CHECK(sim.settle(0, "1").number() == 21);
}

TEST_CASE("What expires still serves where there is no better") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(1, "k");
  for (const bool everything : {false, true}) {
    CAPTURE(everything);
    if (everything) {
      sim.at(0).core->invalidate_all(true);
    } else {
      sim.at(0).core->invalidate("k", 0, true);
    }
    CHECK(sim.at(0).fresh("k") == 0);
    sim.pass(1s);
    for (int i = 0; i < 2; ++i) {
      sim.at(i).loader->failure = kDown;
      const Asked stale = sim.settle(i, "k");
      REQUIRE(stale.answer().ok());
      CHECK(stale.answer()->source == Source::kStale);
      sim.at(i).loader->failure = Status();
    }
    sim.pass(10s);
    const int next = sim.settle(1, "k").number();
    CHECK(next == sim.numbers);
    CHECK(sim.settle(0, "k").number() == next);
  }
}

TEST_CASE("Whatever stands under the name, what cannot be used is a miss") {
  SharedCache sim(2);
  sim.settle(0, "k");
  auto& stored = sim.redis.state().values[sim.name_of("k")];
  const std::string sound = stored.bytes;
  const Growth misses(sim, &CacheStats::Tier::misses);
  std::vector<std::string> wrong = {"", "somebody else's", sound.substr(0, sound.size() - 1)};
  wrong.push_back(sound);
  wrong.back()[20] = static_cast<char>(wrong.back()[20] ^ 1);
  wrong.push_back(*seal({.key = "another", .payload = "1", .life = 1h}));
  wrong.push_back(*seal({.key = "k", .payload = "no number", .life = 1h}));
  for (const std::string& bytes : wrong) {
    sim.redis.state().values[sim.name_of("k")].bytes = bytes;
    sim.at(1).core->store().new_epoch();
    CHECK(sim.settle(1, "k").number() == sim.numbers);
  }
  CHECK(misses() == wrong.size());
}

TEST_CASE("A refusal of Redis is a miss of a read and a loss of a write") {
  SharedCache sim(1);
  sim.settle(0, "other");
  const Growth failed(sim, &CacheStats::Tier::failed);
  sim.redis.forbidden = "set";
  CHECK(sim.settle(0, "k").number() == 2);
  CHECK(failed() == 1);
  CHECK(sim.at(0).stats().pending_stores == 0);
  sim.redis.forbidden = "get";
  CHECK(sim.settle(0, "l").number() == 3);
}

TEST_CASE("A value too large for Redis stays in its process") {
  SharedCache sim(2, SimCache::quiet(), {.max_value = 40});
  CHECK(sim.settle(0, "k").number() == 1);
  CHECK(sim.redis.state().values.empty());
  CHECK(sim.at(0).fresh("k") == 1);
}

TEST_CASE("A refresh ahead of the end of a ttl is no value that is due itself") {
  auto settings = SimCache::quiet();
  settings.refresh_ahead = 0.5;
  SharedCache sim(2, settings);
  sim.settle(0, "k");
  sim.settle(1, "k");
  sim.pass(40s);
  sim.settle(0, "k");
  CHECK(sim.numbers == 2);
  sim.settle(1, "k");  // finds the younger one there
  CHECK(sim.numbers == 2);
  CHECK(sim.at(1).fresh("k") == 2);
}

// X14: life in Redis is relative, and how long a value may be stale stands in the value.
TEST_CASE("Neither another clock nor a failover nor an eviction makes a value live longer") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(0, "evicted");
  auto replica = sim.redis.state();
  replica.values.erase(sim.name_of("evicted"));
  sim.at(0).core->invalidate_all(false);
  sim.pass(30s);
  CHECK(sim.settle(0, "k").number() == 3);
  sim.redis.fail_over(replica);  // it knows nothing of the invalidation
  sim.pass(1s);
  for (int i = 0; i < 2; ++i) CHECK(sim.settle(i, "k").number() > 2);
  CHECK(sim.redis.state().numbers[redis_epoch("sim")] >= 1);
  CHECK(sim.settle(1, "evicted").number() > 2);
  // A value from whose life a server took away, or to which it gave more than was asked for, is
  // fresh for what is left before its stale time, never for longer than its cache says.
  for (const Duration left : {Duration(1h + 5s), Duration(48h)}) {
    sim.redis.state().values[sim.name_of("clock")] = {
        *seal({.key = "clock", .payload = "1", .stale_window = 1h, .life = 1h + 60s}),
        sim.loop.now() + left};
    sim.at(1).core->store().new_epoch();
    CHECK(sim.settle(1, "clock").number() == 1);
    sim.pass(61s);
    CHECK(sim.at(1).fresh("clock") == 0);
  }
}

// Every epoch so far has a value of "k" in Redis when the key of the epoch is evicted.
TEST_CASE("An evicted epoch brings back nothing that was forgotten, whoever notices it first") {
  const struct {
    std::string name;
    void (*notice)(SharedCache& sim);
  } rows[] = {
      {"a process that begins", [](SharedCache& sim) { sim.settle(2, "other"); }},
      {"one that listens again", [](SharedCache& sim) { sim.at(1).kv->lose_subscription(); }},
      {"one that forgets a key",
       [](SharedCache& sim) { sim.at(1).core->invalidate("other", 0, false); }},
      {"one that forgets all", [](SharedCache& sim) { sim.at(1).core->invalidate_all(false); }},
      {"two at a time",
       [](SharedCache& sim) {
         sim.at(1).kv->lose_subscription();
         sim.at(2).ask("other");
       }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    SharedCache sim(3);
    sim.redis.latency = {1ms, 5ms};
    for (int i = 1; i <= 3; ++i) {
      if (i > 1) sim.at(0).core->invalidate_all(false);
      sim.pass(1s);
      REQUIRE(sim.settle(0, "k").number() == i);
      REQUIRE(sim.settle(1, "k").number() == i);
    }
    sim.redis.state().numbers.clear();
    row.notice(sim);
    sim.pass(1s);
    const int found = sim.settle(2, "k").number();
    CHECK(found > 2);
    for (const int process : {1, 0}) CHECK(sim.settle(process, "k").number() == found);
    CHECK(sim.redis.state().numbers.size() == 1);
  }
}

TEST_CASE("An epoch that became smaller is raised beyond all that was ever seen") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(1, "k");
  auto replica = sim.redis.state();
  std::int64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    sim.at(0).core->invalidate_all(false);
    sim.settle(0, "k");
    const std::int64_t epoch = sim.redis.state().numbers[redis_epoch("sim")];
    CHECK(epoch > last);
    last = epoch;
  }
  for (const bool is_evicted : {false, true}) {
    if (is_evicted) replica.numbers.clear();
    sim.redis.fail_over(replica);
    sim.pass(1s);
    const int known = sim.numbers;
    CHECK(sim.settle(0, "k").number() > known);
    const std::int64_t epoch = sim.redis.state().numbers[redis_epoch("sim")];
    CHECK(epoch > last);
    last = epoch;
  }
}

TEST_CASE("A Redis that comes back empty leaves every process what it holds, as stale") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(1, "k");
  sim.redis.fail_over({});
  sim.pass(1s);
  for (int i = 0; i < 2; ++i) {
    CHECK(sim.at(i).fresh("k") == 0);
    sim.at(i).loader->failure = kDown;
    CHECK(sim.settle(i, "k").answer()->source == Source::kStale);
  }
}

TEST_CASE("A cache that goes leaves nothing on its loop") {
  SharedCache sim(2);
  sim.redis.latency = {1ms, 5ms};
  sim.settle(0, "k");
  sim.at(0).core->invalidate("k", 0, false);
  sim.at(0).put("l", 5);
  sim.at(0).ask("m");
  sim.all.clear();
  sim.loop.drive();
  CHECK(sim.loop.roots() == 0);
  CHECK(sim.loop.timers() == 0);
  CHECK(live_frames() == 0);
}

}  // namespace
}  // namespace tidegate::internal
