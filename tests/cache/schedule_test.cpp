// SPDX-License-Identifier: Apache-2.0
#include "cache/schedule.hpp"

#include <doctest/doctest.h>

#include "support/shared_cache.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::SharedCache;
using test::SimCache;
using namespace std::chrono_literals;

template <class Process>
CacheRefresh refresh(const Process& process, Duration period, std::uint64_t seed = 1) {
  const auto schedule = std::make_shared<Schedule>(process.core, "k", process.loader,
                                                   process.core->settings().entry, period, seed);
  Schedule::start(schedule);
  return CacheRefresh(schedule);
}

TEST_CASE("A scheduled refresh loads now and about every period, and nobody waits for it") {
  SimCache sim;
  sim.loader->latency = 1s;
  const CacheRefresh handle = refresh(sim, 30s);
  sim.pass(5s);
  CHECK(sim.loader->begun == 1);
  sim.pass(10min);
  CHECK(sim.loader->begun >= 19);
  CHECK(sim.loader->begun <= 23);
  CHECK(sim.ask("k").answer()->source == Source::kCached);
}

TEST_CASE("A run that fails does not end the others") {
  SimCache sim;
  sim.loader->failure = Status(Cause::kEngineUnavailable, "down");
  const CacheRefresh handle = refresh(sim, 30s);
  sim.pass(2min);
  CHECK(sim.loader->begun >= 4);
  sim.loader->failure = Status();
  sim.pass(1min);
  CHECK(sim.ask("k").answer()->source == Source::kCached);
}

TEST_CASE("A run joins a load that is under way") {
  SimCache sim;
  sim.loader->latency = 10s;
  const Asked asked = sim.ask("k");
  sim.pass(1s);
  CacheRefresh handle = refresh(sim, 60s);
  sim.pass(5s);
  CHECK(sim.loader->begun == 1);
  handle.stop();
  sim.loop.drive();
}

TEST_CASE("Between two runs it is a timer, and stopped it is nothing") {
  SimCache sim;
  CacheRefresh handle = refresh(sim, 30s);
  sim.pass(5s);
  CHECK(sim.loop.roots() == 0);
  CHECK(sim.loop.timers() == 1);
  handle.stop();
  handle.stop();
  sim.loop.drive();
  CHECK(sim.loop.timers() == 0);
  CHECK(sim.loader->begun == 1);
  const std::weak_ptr<CacheCore> core = sim.core;
  {
    const CacheRefresh keeps = refresh(sim, 30s);
    sim.core.reset();
    sim.pass(5s);
    CHECK_FALSE(core.expired());
  }
  sim.loop.drive();
  CHECK(core.expired());
}

TEST_CASE("Processes that refresh the same key load it once a period") {
  SharedCache sim(3);
  std::vector<CacheRefresh> handles;
  for (const auto& process : sim.all) {
    handles.push_back(refresh(process, 30s, handles.size() + 1));
    sim.pass(1s);
  }
  sim.pass(10min);
  CHECK(sim.numbers >= 18);
  CHECK(sim.numbers <= 26);
  handles.clear();
}

}  // namespace
}  // namespace tidegate::internal
