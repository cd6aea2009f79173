// SPDX-License-Identifier: Apache-2.0
// What hedging is for, in virtual time: the slowest requests become much faster, for few more.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "base/sleep.hpp"
#include "gate/gate_core.hpp"
#include "http/fetch.hpp"
#include "support/flow.hpp"
#include "support/loop_clock.hpp"
#include "support/seeds.hpp"
#include "support/sim_limits.hpp"
#include "support/sim_loop.hpp"
#include "support/timed_transport.hpp"

namespace tidegate::internal {
namespace {

using test::Flow;
using test::SimLoop;
using test::TimedTransport;
using namespace std::chrono_literals;

// 30 to 70 ms, and one in fifty takes twenty times as long.
Duration straggling(SimLoop& loop) {
  const Duration usual = loop.rng().between(Duration(30ms), Duration(70ms));
  return loop.rng().chance(2) ? 20 * usual : usual;
}

struct Load {
  Load(std::uint64_t seed, bool hedges, bool asks_for_starts = false)
      : loop(seed),
        transport(std::make_shared<TimedTransport>(
            loop, [this](const TransportRequest&, TransportReply&) { return straggling(loop); })) {
    if (asks_for_starts) {
      const policy::Limiter limiter(SimLoop::kStart, {policy::Limit::rate(10'000, 1s, 100)});
      store.emplace(loop, limiter);
      gate = GateCore::make(loop, GateCore::Clocks{.clock = clock, .coarse = clock},
                            GateOptions("hedge-sim").values(), limiter, GateCore::Shared{}, seed,
                            RemoteSetup{.limits = std::make_shared<test::SimLimitsClient>(*store),
                                        .promised = limiter,
                                        .down = ShareDown::kRefuse});
    }
    options.name = "hedge-sim";
    options.hedge = hedges;
    defaults = std::make_unique<HttpDefaults>(options);
    core = std::make_shared<HttpCore>(loop, transport, options, seed);
    Flow flow(loop, ask(this));
    loop.drive();
    for (const auto& each : operations) times.push_back(each.wait()->timings.total);
    std::sort(times.begin(), times.end());
    CHECK(core->pool().out() == 0);
    CHECK(loop.timers() == 0);
  }
  static Task<void> ask(Load* load) {
    Request::Values request;
    request.method = "GET";
    request.url = "http://a.test/";
    for (std::size_t i = 0; i < kCount; ++i) {
      auto plan = make_plan(request, *load->defaults);
      REQUIRE(plan.ok());
      plan->gate = load->gate;
      const TimePoint now = load->loop.now();
      load->operations.push_back(Fetch::start(load->core, std::move(plan).value(), now));
      const TimePoint next = now + 5ms;
      co_await sleep_until(next);
    }
  }
  std::size_t begun() const { return transport->begun.size(); }
  Duration at(double share) const {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size()))];
  }

  static constexpr std::size_t kCount = 3000;
  SimLoop loop;
  test::LoopClock clock{loop};
  std::optional<test::SimLimits> store;
  std::shared_ptr<GateCore> gate;
  std::shared_ptr<TimedTransport> transport;
  ClientOptions::Values options;
  std::unique_ptr<HttpDefaults> defaults;
  std::shared_ptr<HttpCore> core;
  std::vector<Operation<Response>> operations;
  std::vector<Duration> times;
};

TEST_CASE("The slowest in a hundred are five times as fast for a tenth more requests") {
  test::each_seed(5, 50, [](std::uint64_t seed) {
    const Load plain(seed, false);
    const Load hedged(seed, true);
    CHECK(plain.begun() == Load::kCount);
    CHECK(hedged.begun() <= Load::kCount * 110 / 100);
    CHECK(hedged.at(0.99) * 5 < plain.at(0.99));
    CHECK(hedged.at(0.5) < plain.at(0.5) + 2ms);
  });
}

TEST_CASE("Through a gate that asks for its starts a hedge asks for its own") {
  const Load hedged(1, true, true);
  CHECK(hedged.begun() > Load::kCount);
  CHECK(hedged.store->questions == hedged.begun());
  CHECK(hedged.gate->stats().inside == 0);
}

}  // namespace
}  // namespace tidegate::internal
