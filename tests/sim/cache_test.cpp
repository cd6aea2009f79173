// SPDX-License-Identifier: Apache-2.0
// A cache under random callers, failures, cancels and invalidations in virtual time: whatever the
// order, the promises of cache.hpp hold.
#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/sleep.hpp"
#include "support/flow.hpp"
#include "support/scripted_cache.hpp"
#include "support/seeds.hpp"

namespace tidegate::internal {
namespace {

using test::Asked;
using test::Flow;
using test::SimCache;
using namespace std::chrono_literals;

constexpr std::array<const char*, 4> kKeys = {"a", "b", "c", "d"};

// What one caller asked, and what it may be given.
struct Call {
  Asked asked;
  Deadline deadline;
  int oldest_load;  // the number of the first load that may answer it
};

struct Run {
  explicit Run(std::uint64_t seed) : sim(settings(), seed) {}

  static CacheSettings settings() {
    auto settings = SimCache::quiet();
    settings.entry = {
        .ttl = 2s, .stale_for = 5s, .negative_ttl = 1s, .jitter = 0.1, .sliding = false};
    settings.load_timeout = 3s;
    settings.throttle = 500ms;
    settings.refresh_ahead = 0.7;
    return settings;
  }

  SimCache sim;
  std::vector<Call> calls;
  std::map<std::string, int> invalidated_at;  // the load that was the last to begin before it
};

// The loader's latency and luck change as the run goes on.
Task<void> change_weather(Run* run) {
  Rng& rng = run->sim.loop.rng();
  for (int i = 0; i < 40; ++i) {
    run->sim.loader->latency = rng.between(0ms, 4s);
    const bool down = rng.chance(40);
    run->sim.loader->failure = down ? Status(Cause::kEngineUnavailable, "down") : Status();
    const TimePoint next = run->sim.loop.now() + rng.between(0ms, 1s);
    co_await sleep_until(next);
  }
}

Task<void> ask_again_and_again(Run* run) {
  Rng& rng = run->sim.loop.rng();
  for (int i = 0; i < 40; ++i) {
    const std::string key = kKeys[rng.below(kKeys.size())];
    const Deadline deadline = run->sim.in(rng.between(0ms, 5s));
    std::optional<Duration> soft;
    if (rng.chance(50)) soft = rng.between(0ms, 1s);
    run->calls.push_back(
        {run->sim.ask(key, deadline, soft), deadline, run->invalidated_at[key] + 1});
    const Asked mine = run->calls.back().asked;
    if (rng.chance(20)) mine.cancel();
    if (rng.chance(10)) {
      run->invalidated_at[key] = run->sim.loader->begun;
      run->sim.core->store().erase(key);
    }
    if (rng.chance(3)) {
      for (const char* each : kKeys) run->invalidated_at[each] = run->sim.loader->begun;
      run->sim.core->store().new_epoch();
    }
    const TimePoint next = run->sim.loop.now() + rng.between(0ms, 600ms);
    co_await sleep_until(next);
  }
}

void check(const Run& run) {
  for (const Call& call : run.calls) {
    REQUIRE(call.asked.done());
    if (!call.asked.answer().ok()) continue;
    const CacheAnswer& answer = *call.asked.answer();
    CHECK(call.asked.number() >= call.oldest_load);
    if (answer.source == Source::kCached) CHECK(answer.age <= 2200ms);
    if (answer.source == Source::kStale) {
      CHECK(answer.age <= 7200ms);
      CHECK_FALSE(answer.reason.ok());
    }
  }
  CHECK(run.sim.core->flights() == 0);
  CHECK(run.sim.loop.roots() == 0);
  CHECK(live_frames() == 0);
}

TEST_CASE("A cache keeps its promises in every order of events") {
  test::each_seed(200, 10'000, [](std::uint64_t seed) {
    Run run(seed);
    {
      Flow weather(run.sim.loop, change_weather(&run));
      Flow first(run.sim.loop, ask_again_and_again(&run));
      Flow second(run.sim.loop, ask_again_and_again(&run));
      Flow third(run.sim.loop, ask_again_and_again(&run));
      run.sim.loop.drive();
    }
    check(run);
  });
}

}  // namespace
}  // namespace tidegate::internal
