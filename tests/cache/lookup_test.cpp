// SPDX-License-Identifier: Apache-2.0
#include "cache/lookup.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support/scripted_cache.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::SimCache;
using namespace std::chrono_literals;

const Status kDown(Cause::kEngineUnavailable, "the backend is down");

TEST_CASE("A thousand callers of one cold key make one load") {
  SimCache sim;
  sim.loader->latency = 10ms;
  std::vector<Asked> callers;
  for (int i = 0; i < 1000; ++i) callers.push_back(sim.ask("k"));
  sim.loop.drive();
  CHECK(sim.loader->begun == 1);
  for (const Asked& caller : callers) {
    REQUIRE(caller.done());
    CHECK(caller.number() == 1);
    CHECK(caller.answer()->source == Source::kFresh);
  }
  CHECK(sim.loop.roots() == 0);
  CHECK(live_frames() == 0);
}

TEST_CASE("A failing load is one load, and everyone has its error at the same time") {
  SimCache sim;
  sim.loader->latency = 100ms;
  sim.loader->failure = kDown;
  std::vector<Asked> callers;
  for (int i = 0; i < 100; ++i) callers.push_back(sim.ask("k"));
  sim.loop.drive();
  CHECK(sim.loader->begun == 1);
  CHECK(sim.loop.elapsed() == 100ms);
  for (const Asked& caller : callers) CHECK(caller.cause() == Cause::kEngineUnavailable);
}

TEST_CASE("A cancelled leader fails nobody else") {
  SimCache sim;
  sim.loader->latency = 10ms;
  const Asked leader = sim.ask("k");
  const Asked follower = sim.ask("k");
  sim.pass(1ms);
  leader.cancel();
  sim.loop.drive();
  CHECK(leader.cause() == Cause::kCancelled);
  CHECK(follower.number() == 1);
  CHECK(sim.loader->begun == 1);
}

TEST_CASE("Each caller ends by its own deadline; the load goes on and is kept") {
  SimCache sim;
  sim.loader->latency = 10s;
  const Asked hurried = sim.ask("k", sim.in(2s));
  const Asked patient = sim.ask("k");
  sim.pass(2s);
  REQUIRE(hurried.done());
  CHECK(hurried.cause() == Cause::kDeadline);
  CHECK(hurried.answer().status().message().find("2 s") != std::string::npos);
  CHECK_FALSE(patient.done());
  sim.loop.drive();
  CHECK(patient.number() == 1);
  CHECK(sim.ask("k").answer()->source == Source::kCached);
}

TEST_CASE("A fresh value answers at once, with its age") {
  SimCache sim;
  sim.ask("k");
  sim.loop.drive();
  sim.pass(59s);
  const Asked hit = sim.ask("k");
  REQUIRE(hit.done());
  CHECK(hit.answer()->source == Source::kCached);
  CHECK(hit.answer()->age == 59s);
  CHECK(sim.loader->begun == 1);
  sim.pass(1s);
  CHECK_FALSE(sim.ask("k").done());
  sim.loop.drive();
  CHECK(sim.loader->begun == 2);
}

TEST_CASE("A stale value answers where the load fails, and for a while without trying again") {
  SimCache sim;
  sim.ask("k");
  sim.pass(61s);
  sim.loader->failure = kDown;
  const Asked first = sim.ask("k");
  sim.loop.drive();
  CHECK(first.number() == 1);
  CHECK(first.answer()->source == Source::kStale);
  CHECK(first.answer()->reason.cause() == Cause::kEngineUnavailable);
  CHECK(sim.loader->begun == 2);
  sim.pass(4s);
  const Asked throttled = sim.ask("k");
  sim.pass(0s);
  CHECK(throttled.answer()->source == Source::kStale);
  CHECK(sim.loader->begun == 2);
  sim.pass(1s);
  sim.ask("k");
  sim.loop.drive();
  CHECK(sim.loader->begun == 3);
}

TEST_CASE("Failures make no stale value live longer than it may") {
  SimCache sim;
  sim.ask("k");
  sim.pass(60s);
  sim.loader->failure = kDown;
  for (int minute = 0; minute < 59; ++minute) {
    const Asked asked = sim.ask("k");
    sim.pass(1min);
    CHECK(asked.answer().ok());
  }
  sim.pass(1min);
  const Asked after = sim.ask("k");
  sim.loop.drive();
  CHECK(after.cause() == Cause::kEngineUnavailable);
}

TEST_CASE("A value that ends while a caller waits for a better one answers nobody any more") {
  SimCache sim;
  sim.ask("k");
  sim.pass(1h + 59s);
  sim.loader->latency = 2s;
  sim.loader->failure = kDown;
  const Asked asked = sim.ask("k");
  sim.loop.drive();
  CHECK(asked.cause() == Cause::kEngineUnavailable);
}

TEST_CASE("After the soft timeout the stale value answers, and the load goes on") {
  SimCache sim;
  sim.ask("k");
  sim.pass(61s);
  sim.loader->latency = 10s;
  const Asked soft = sim.ask("k", Deadline::never(), 200ms);
  sim.pass(200ms);
  REQUIRE(soft.done());
  CHECK(soft.answer()->source == Source::kStale);
  CHECK(soft.number() == 1);
  sim.loop.drive();
  CHECK(sim.ask("k").number() == 2);
}

TEST_CASE("A soft timeout does nothing where there is no stale value") {
  SimCache sim;
  sim.loader->latency = 10s;
  const Asked asked = sim.ask("k", Deadline::never(), 200ms);
  sim.pass(1s);
  CHECK_FALSE(asked.done());
  sim.loop.drive();
  CHECK(asked.number() == 1);
}

TEST_CASE("A load that takes too long is given up and told to stop; what it brings later is kept") {
  SimCache sim;
  sim.loader->latency = 20s;
  const Asked asked = sim.ask("k");
  sim.pass(15s);
  REQUIRE(asked.done());
  CHECK(asked.cause() == Cause::kDeadline);
  CHECK(asked.answer().status().message().find("15 s") != std::string::npos);
  CHECK(sim.core->flights() == 0);
  sim.loop.drive();
  CHECK(sim.ask("k").number() == 1);
  CHECK(sim.core->metrics().late_loads.value() > 0);
}

TEST_CASE("A loader that goes away without an answer hangs nobody") {
  SimCache sim;
  sim.loader->drops_ticket = true;
  const Asked asked = sim.ask("k");
  sim.loop.drive();
  CHECK(asked.cause() == Cause::kCancelled);
  CHECK(sim.loop.elapsed() == 0s);
}

TEST_CASE("What is invalidated does not come back by a load that was under way") {
  SimCache sim;
  sim.loader->latency = 10ms;
  const Asked before = sim.ask("k");
  sim.pass(5ms);
  sim.core->store().erase("k");
  sim.loop.drive();
  CHECK(before.number() == 1);
  CHECK_FALSE(sim.ask("k").done());
  sim.loop.drive();
  CHECK(sim.ask("k").number() == 2);
}

TEST_CASE("A new epoch forgets all, and fences the loads that are under way") {
  SimCache sim;
  sim.ask("old");
  sim.loop.drive();
  sim.loader->latency = 10ms;
  sim.ask("late");
  sim.pass(5ms);
  sim.core->store().new_epoch();
  sim.loop.drive();
  CHECK_FALSE(sim.ask("old").done());
  CHECK_FALSE(sim.ask("late").done());
  sim.loop.drive();
}

TEST_CASE("A load that begins after an invalidation does not join the one before it") {
  SimCache sim;
  sim.loader->latency = 10ms;
  const Asked before = sim.ask("k");
  sim.pass(5ms);
  sim.core->store().erase("k");
  const Asked after = sim.ask("k");
  sim.loop.drive();
  CHECK(before.number() == 1);
  CHECK(after.number() == 2);
}

TEST_CASE("A hit late in the ttl reloads behind, once") {
  auto settings = SimCache::quiet();
  settings.refresh_ahead = 0.8;
  SimCache sim(settings);
  sim.ask("k");
  sim.pass(50s);
  sim.loader->latency = 1s;
  for (int i = 0; i < 10; ++i) CHECK(sim.ask("k").number() == 1);
  sim.loop.drive();
  CHECK(sim.loader->begun == 2);
  CHECK(sim.ask("k").number() == 2);
}

TEST_CASE("A negative value lives for its own time and is never served stale") {
  SimCache sim;
  sim.loader->about = [](Loaded& loaded) { loaded.negative = true; };
  sim.ask("k");
  sim.loop.drive();
  sim.pass(4s);
  CHECK(sim.ask("k").answer()->negative);
  sim.pass(1s);
  sim.loader->failure = kDown;
  const Asked later = sim.ask("k");
  sim.loop.drive();
  CHECK(later.cause() == Cause::kEngineUnavailable);
}

TEST_CASE("A value that is not to be kept answers those who wait for it") {
  SimCache sim;
  sim.loader->about = [](Loaded& loaded) { loaded.uncached = true; };
  const Asked asked = sim.ask("k");
  sim.loop.drive();
  CHECK(asked.number() == 1);
  CHECK_FALSE(sim.ask("k").done());
  sim.loop.drive();
}

TEST_CASE("A fallback answers those who wait for it as what it is, and is not kept") {
  SimCache sim;
  sim.loader->about = [](Loaded& loaded) { loaded.fallback_for = kDown; };
  const Asked first = sim.ask("k");
  const Asked other = sim.ask("k");
  sim.loop.drive();
  for (const Asked& asked : {first, other}) {
    CHECK(asked.number() == 1);
    CHECK(asked.answer()->source == Source::kDefault);
    CHECK(asked.answer()->version == 0);
    CHECK(asked.answer()->reason.cause() == Cause::kEngineUnavailable);
  }
  CHECK(sim.core->stats().entries == 0);
  CHECK_FALSE(sim.ask("k").done());
  sim.loop.drive();
  CHECK(sim.loader->begun == 2);
}

TEST_CASE("A stale value is better than a fallback, at once while the load has just failed") {
  SimCache sim;
  sim.ask("k");
  sim.loop.drive();
  sim.pass(61s);
  sim.loader->about = [](Loaded& loaded) { loaded.fallback_for = kDown; };
  for (int i = 0; i < 2; ++i) {
    const Asked asked = sim.ask("k");
    sim.pass(0s);
    CHECK(asked.number() == 1);
    CHECK(asked.answer()->source == Source::kStale);
    CHECK(asked.answer()->reason.cause() == Cause::kEngineUnavailable);
  }
  CHECK(sim.loader->begun == 2);
}

TEST_CASE("With an error's ttl a key that failed answers with its error at once") {
  auto settings = SimCache::quiet();
  settings.error_ttl = 2s;
  SimCache sim(settings);
  sim.loader->failure = kDown;
  sim.ask("k");
  sim.loop.drive();
  const Asked again = sim.ask("k");
  sim.pass(0s);
  CHECK(again.cause() == Cause::kEngineUnavailable);
  CHECK(sim.loader->begun == 1);
  sim.pass(2s);
  sim.ask("k");
  sim.loop.drive();
  CHECK(sim.loader->begun == 2);
}

TEST_CASE("The end of the loop ends loads and lookups with kClosed") {
  SimCache sim;
  sim.loader->latency = 10s;
  const Asked asked = sim.ask("k");
  sim.pass(1s);
  sim.loop.cancel_roots(Cause::kClosed);
  sim.loop.drive();
  CHECK(asked.cause() == Cause::kClosed);
  CHECK(sim.loop.roots() == 0);
  CHECK(live_frames() == 0);
}

}  // namespace
}  // namespace tidegate::internal
