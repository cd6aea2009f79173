// SPDX-License-Identifier: Apache-2.0
// What a cache does while its Redis is down, slow, or not heard, and afterwards.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cache/tier.hpp"
#include "support/shared_cache.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::Growth;
using test::SharedCache;
using test::SimCache;
using namespace std::chrono_literals;

const Status kDown(Cause::kEngineUnavailable, "the backend is down");

TEST_CASE("While Redis is down loads go on, few at a time and in the order of their coming") {
  SharedCache sim(1, SimCache::quiet(), {.loaders_when_down = 4});
  sim.settle(0, "other");
  sim.redis.go_down();
  sim.at(0).loader->latency = 1s;
  sim.at(0).loader->most_running = 0;
  std::vector<Asked> asked;
  for (int i = 0; i < 12; ++i) asked.push_back(sim.at(0).ask(std::to_string(i)));
  sim.pass(500ms);
  CHECK(sim.at(0).loader->most_running == 4);
  CHECK(sim.at(0).stats().waiting_loads == 8);
  sim.pass(10s);
  CHECK(sim.at(0).loader->most_running == 4);
  for (int i = 0; i < 12; ++i) {
    REQUIRE(asked[static_cast<std::size_t>(i)].done());
    CHECK(asked[static_cast<std::size_t>(i)].number() == i + 2);
  }
  CHECK(sim.at(0).stats().waiting_loads == 0);
}

TEST_CASE("A load that waits in line ends by its own deadline") {
  SharedCache sim(1, SimCache::quiet(), {.loaders_when_down = 1});
  sim.settle(0, "other");
  sim.redis.go_down();
  sim.at(0).loader->latency = 1h;
  sim.at(0).ask("a");
  const Asked waits = sim.at(0).ask("b");
  sim.pass(15s);
  REQUIRE(waits.done());
  CHECK(waits.cause() == Cause::kDeadline);
  sim.pass(2h);
  CHECK(sim.at(0).core->tier()->line().running() == 0);
}

TEST_CASE("When Redis is back, the loads that wait in line all begin") {
  SharedCache sim(1, SimCache::quiet(), {.loaders_when_down = 1});
  sim.settle(0, "other");
  sim.redis.go_down();
  sim.at(0).loader->latency = 10s;
  for (int i = 0; i < 5; ++i) sim.at(0).ask(std::to_string(i));
  sim.pass(1s);
  CHECK(sim.at(0).loader->running == 1);
  sim.redis.come_up();
  sim.pass(1s);
  CHECK(sim.at(0).loader->running == 5);
}

TEST_CASE("A slow Redis costs a load its timeout and no more") {
  SharedCache sim(1);
  sim.settle(0, "other");
  sim.redis.latency = {10s, 10s};
  const Asked asked = sim.at(0).ask("k");
  sim.pass(49ms);
  CHECK_FALSE(asked.done());
  sim.pass(2ms);
  REQUIRE(asked.done());
  CHECK(asked.number() == 2);
}

TEST_CASE("The first load of a process waits for Redis, so that it need not load") {
  SharedCache sim(2);
  sim.redis.latency = {5ms, 5ms};
  sim.settle(0, "k");
  const Asked first = sim.at(1).ask("k");
  sim.pass(40ms);
  REQUIRE(first.done());
  CHECK(first.number() == 1);
}

TEST_CASE("Invalidations made while Redis is down are told when it is back, before all else") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(1, "k");
  sim.at(0).kv->cut_off();
  sim.at(0).core->invalidate("k", 0, false);
  sim.pass(10s);
  CHECK(sim.at(0).stats().pending_invalidations == 1);
  CHECK(sim.at(1).fresh("k") == 1);
  sim.at(0).kv->reconnect();
  const Asked anew = sim.at(0).ask("k");
  sim.pass(5s);
  CHECK(anew.number() == 2);
  CHECK(sim.at(1).fresh("k") == 0);
  CHECK(sim.at(0).stats().pending_invalidations == 0);
}

TEST_CASE("What a full Redis refuses makes nobody else forget and is told once it has room") {
  SharedCache sim(2);
  for (int i = 0; i < 2; ++i) sim.settle(i, "k");
  const auto heard = [&] { return sim.at(1).stats().invalidations_heard; };
  const auto before = heard();
  sim.redis.is_full = true;
  sim.at(0).core->invalidate_all(false);
  sim.at(0).core->invalidate("k", 0, false);
  sim.pass(30s);
  CHECK(heard() == before);
  CHECK(sim.at(1).fresh("k") == 1);
  CHECK(sim.at(0).fresh("k") == 0);
  CHECK(sim.at(0).stats().pending_invalidations == 2);
  sim.redis.is_full = false;
  sim.pass(5s);
  CHECK(heard() == before + 2);
  CHECK(sim.at(1).fresh("k") == 0);
  CHECK(sim.at(0).stats().pending_invalidations == 0);
}

TEST_CASE("Too many invalidations become one of everything") {
  SharedCache sim(2, SimCache::quiet(), {.outbox = {.store_bytes = 1000, .invalidations = 3}});
  for (int i = 0; i < 5; ++i) sim.settle(1, std::to_string(i));
  sim.settle(0, "0");
  sim.at(0).kv->cut_off();
  for (int i = 0; i < 4; ++i) sim.at(0).core->invalidate(std::to_string(i), 0, false);
  CHECK(sim.at(0).stats().pending_invalidations == 1);
  sim.at(0).kv->reconnect();
  sim.pass(5s);
  for (int i = 0; i < 5; ++i) CHECK(sim.at(1).fresh(std::to_string(i)) == 0);
  CHECK_FALSE(KvNumber::has_begun(sim.redis.state().numbers[redis_epoch("sim")]));
}

TEST_CASE("A process that heard nothing for a while serves nothing from before as fresh") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(1, "k");
  sim.at(1).kv->cut_off();
  sim.at(0).core->invalidate("k", 0, false);
  sim.pass(1s);
  CHECK(sim.at(1).fresh("k") == 1);
  sim.at(1).kv->reconnect();
  sim.pass(1s);
  CHECK(sim.at(1).fresh("k") == 0);
  sim.at(1).loader->failure = kDown;
  CHECK(sim.settle(1, "k").answer()->source == Source::kStale);
}

TEST_CASE("A process that missed that everything was forgotten finds out by the number") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(1, "k");
  sim.at(1).kv->cut_off();
  sim.at(0).core->invalidate_all(false);
  sim.pass(1s);
  sim.at(1).kv->reconnect();
  sim.pass(1s);
  sim.at(1).loader->failure = kDown;
  CHECK(sim.settle(1, "k").cause() == Cause::kEngineUnavailable);
}

TEST_CASE(
    "What was forgotten unheard stays forgotten, whatever was asked when the connection broke") {
  SharedCache sim(2, SimCache::quiet(), {}, 1);
  sim.settle(0, "k");
  sim.settle(1, "k");
  sim.redis.latency = {10ms, 10ms};
  sim.at(0).core->invalidate_all(false);
  sim.pass(25ms);  // it has heard of it, and asks for the number
  sim.at(1).kv->cut_off();
  sim.pass(1s);
  sim.settle(1, "k");
  sim.at(0).core->invalidate_all(false);
  sim.pass(1s);
  sim.at(1).kv->reconnect();
  sim.pass(1s);
  sim.at(1).loader->failure = kDown;
  CHECK(sim.settle(1, "k").cause() == Cause::kEngineUnavailable);
}

TEST_CASE("What could not be posted is told with what comes next") {
  SharedCache sim(2);
  sim.settle(0, "a");
  sim.settle(1, "a");
  sim.loop.refuses_posts = true;
  sim.at(0).core->invalidate("a", 0, false);
  sim.loop.refuses_posts = false;
  sim.at(0).core->invalidate("b", 0, false);
  sim.pass(1s);
  CHECK(sim.at(1).fresh("a") == 0);
  CHECK(sim.at(0).stats().pending_invalidations == 0);
}

TEST_CASE("A process that was deaf for a moment is not taken for deaf later") {
  SharedCache sim(1);
  sim.settle(0, "k");
  sim.redis.latency = {10ms, 10ms};
  sim.at(0).kv->lose_subscription();
  sim.pass(15ms);
  sim.redis.latency = {100ms, 100ms};
  sim.pass(10ms);  // it hears again, and asks slowly for the number
  sim.redis.latency = {10ms, 10ms};
  sim.at(0).kv->lose_subscription();
  sim.pass(1s);
  CHECK(sim.at(0).stats().up);
  sim.redis.replies_lost = 100;
  sim.settle(0, "other");
  sim.redis.replies_lost = 0;
  sim.pass(10s);
  CHECK(sim.at(0).stats().up);
}

TEST_CASE("After a rest before a fork the next load asks Redis again [F-1]") {
  SharedCache sim(2);
  sim.settle(0, "other");
  sim.settle(1, "k");
  sim.at(0).kv->rest();
  sim.pass(1s);
  CHECK_FALSE(sim.at(0).stats().up);
  const int loads = sim.numbers;
  CHECK(sim.settle(0, "k").number() == sim.at(1).fresh("k"));
  CHECK(sim.numbers == loads);
  CHECK(sim.at(0).stats().up);
}

TEST_CASE("What could not be written is written later, for as long as its guard holds") {
  SharedCache sim(2);
  sim.settle(0, "other");
  sim.at(0).loader->latency = 1s;
  sim.at(0).ask("k");
  sim.pass(500ms);
  sim.redis.go_down();
  sim.pass(1s);
  CHECK(sim.at(0).stats().pending_stores == 1);
  sim.redis.come_up();
  sim.pass(5s);
  CHECK(sim.redis.state().values.contains(sim.name_of("k")));
  CHECK(sim.at(0).stats().pending_stores == 0);
  sim.at(0).ask("late");
  sim.pass(500ms);
  sim.redis.go_down();
  sim.pass(2min);
  sim.redis.come_up();
  sim.pass(5s);
  CHECK_FALSE(sim.redis.state().values.contains(sim.name_of("late")));
  CHECK(sim.at(0).stats().pending_stores == 0);
}

TEST_CASE("Values that wait for Redis are bounded in bytes") {
  SharedCache sim(1, SimCache::quiet(), {.outbox = {.store_bytes = 200, .invalidations = 10}});
  sim.settle(0, "other");
  sim.at(0).loader->latency = 1s;
  for (int i = 0; i < 10; ++i) sim.at(0).ask(std::to_string(i));
  sim.pass(500ms);
  const Growth dropped(sim, &CacheStats::Tier::dropped);
  sim.redis.go_down();
  sim.pass(1s);
  CHECK(sim.at(0).stats().pending_stores == 3);
  CHECK(dropped() == 7);
}

TEST_CASE("What was put and found no room is not hidden by what is there") {
  SharedCache sim(2, SimCache::quiet(), {.outbox = {.store_bytes = 100, .invalidations = 10}});
  sim.settle(0, "other");
  for (const char* const key : {"a", "b", "c"}) sim.settle(1, key);
  for (const char* const key : {"a", "b", "c"}) sim.at(0).put(key, 42);
  sim.pass(1s);
  CHECK(sim.redis.state().values.contains(sim.name_of("a")));
  CHECK_FALSE(sim.redis.state().values.contains(sim.name_of("c")));
  CHECK(sim.at(1).fresh("c") == 0);
}

TEST_CASE("What was put while Redis is down is not hidden by what is there") {
  SharedCache sim(2);
  sim.settle(0, "k");
  sim.settle(1, "k");
  sim.at(0).kv->cut_off();
  sim.at(0).put("k", 42);
  CHECK(sim.at(0).fresh("k") == 42);
  sim.at(0).kv->reconnect();
  sim.pass(1s);
  CHECK(sim.at(1).fresh("k") == 0);
  CHECK_FALSE(sim.redis.state().values.contains(sim.name_of("k")));
}

}  // namespace
}  // namespace tidegate::internal
