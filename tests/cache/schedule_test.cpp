// SPDX-License-Identifier: Apache-2.0
#include "cache/schedule.hpp"

#include <doctest/doctest.h>

#include <deque>

#include "support/shared_cache.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::SharedCache;
using test::SimCache;
using test::SimLoop;
using namespace std::chrono_literals;

// Stops with its scope, and leaves nothing on the loop.
class Refresh {
 public:
  template <class Process>
  Refresh(SimLoop& loop, const Process& process, Duration period, std::uint64_t seed = 1)
      : loop_(loop) {
    const auto schedule = std::make_shared<Schedule>(process.core, "k", process.loader,
                                                     process.core->settings().entry, period, seed);
    Schedule::start(schedule);
    handle_ = CacheRefresh(schedule);
  }
  Refresh(const Refresh&) = delete;
  Refresh& operator=(const Refresh&) = delete;
  ~Refresh() { stop(); }
  void stop() {
    handle_.stop();
    loop_.drive(Deadline::after(std::chrono::minutes(1), loop_.now()));
  }

 private:
  SimLoop& loop_;
  CacheRefresh handle_;
};

TEST_CASE("A scheduled refresh loads now and about every period, and nobody waits for it") {
  SimCache sim;
  sim.loader->latency = 1s;
  Refresh handle(sim.loop, sim, 30s);
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
  Refresh handle(sim.loop, sim, 30s);
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
  const Refresh handle(sim.loop, sim, 60s);
  sim.pass(5s);
  CHECK(sim.loader->begun == 1);
}

TEST_CASE("Between two runs it is a timer, and stopped it is nothing") {
  SimCache sim;
  Refresh handle(sim.loop, sim, 30s);
  sim.pass(5s);
  CHECK(sim.loop.roots() == 0);
  CHECK(sim.loop.timers() == 1);
  handle.stop();
  handle.stop();
  CHECK(sim.loop.timers() == 0);
  CHECK(sim.loader->begun == 1);
  const std::weak_ptr<CacheCore> core = sim.core;
  {
    const Refresh keeps(sim.loop, sim, 30s);
    sim.core.reset();
    sim.pass(5s);
    CHECK_FALSE(core.expired());
  }
  CHECK(core.expired());
}

TEST_CASE("Processes that refresh the same key load it once a period") {
  SharedCache sim(3);
  std::deque<Refresh> handles;
  for (const auto& process : sim.all) {
    handles.emplace_back(sim.loop, process, 30s, handles.size() + 1);
    sim.pass(1s);
  }
  sim.pass(10min);
  CHECK(sim.numbers >= 18);
  CHECK(sim.numbers <= 26);
}

}  // namespace
}  // namespace tidegate::internal
