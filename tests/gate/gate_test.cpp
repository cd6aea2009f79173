// SPDX-License-Identifier: Apache-2.0
// The public gate, on the library's own threads.
#include "tidegate/gate.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/deep.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ATryNeverWaitsAndSaysWhichOfTheFourRefused") {
  const Gate gate(GateOptions("four").concurrency(1).rate(1, 1h, 2).breaker({}));
  GatePermit first = gate.try_enter();
  REQUIRE(first);
  CHECK(gate.try_enter().cause() == Cause::kPoolTimeout);
  first.success();
  CHECK(gate.try_enter());
  const GatePermit limited = gate.try_enter();
  CHECK(limited.cause() == Cause::kRateLimited);
  CHECK(limited.retry_after() > 59min);
  CHECK(gate.refusal(limited).message().starts_with("gate 'four': its turn would come in "));
  gate.force(BreakerMode::kForcedOpen);
  const auto open = gate.enter();
  CHECK(open.status().cause() == Cause::kCircuitOpen);
  CHECK(open.status().message() == "gate 'four': the breaker is open for another 5 s");
}

TEST_CASE("AnAcquireWaitsForAReleaseFromAnotherThread") {
  const Gate gate(GateOptions("release").concurrency(1));
  GatePermit inside = gate.try_enter();
  const auto waits = gate.acquire(1min);
  std::thread other([permit = std::move(inside)]() mutable { permit.success(); });
  auto permit = waits.wait();
  other.join();
  REQUIRE(permit.ok());
  CHECK(gate.stats().inside == 1);
}

TEST_CASE("NoReleaseIsMissedAndNoMoreThanTheLimitIsInside") {
  const Gate gate(GateOptions("threads").concurrency(2));
  const int rounds = test::repeat(500, 20'000);
  std::atomic<int> inside{0}, most{0}, refused{0};
  const auto visit = [&](GatePermit permit) {
    const int now = ++inside;
    int seen = most.load();
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    --inside;
    permit.success();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        if (i == 3) {
          if (GatePermit permit = gate.try_enter()) visit(std::move(permit));
          continue;
        }
        const auto acquired = gate.acquire(Deadline::never(), static_cast<GatePriority>(i));
        if (i == 2 && round % 2 == 0) acquired.cancel();
        auto permit = acquired.wait();
        if (permit.ok())
          visit(std::move(*permit));
        else
          ++refused;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(most <= 2);
  CHECK(refused <= rounds / 2);
  CHECK(gate.stats().waiting == 0);
  CHECK(gate.stats().inside == 0);
}

TEST_CASE("ACallGivesItsValueOrTheRefusalAndTellsTheBreaker") {
  const Gate gate(GateOptions("call").concurrency(1).breaker(BreakerOptions().consecutive(2)));
  CHECK(*gate.call([] { return 7; }) == 7);
  CHECK(gate.call([] {}).ok());
  CHECK(*gate.call(1min, [] { return 8; }) == 8);
  const auto nested = gate.call([&] { return gate.call([] { return 1; }); });
  CHECK(nested.status().cause() == Cause::kPoolTimeout);
  CHECK(gate.stats().breaker->failures == 0);  // a refusal of ours is no failure of the service's
  CHECK_FALSE(gate.call([] { return Status(Cause::kConnect, "refused"); }).ok());
  CHECK_THROWS_AS((void)gate.call([]() -> int { throw std::runtime_error("broken"); }),
                  std::runtime_error);
  CHECK(gate.call([] {}).cause() == Cause::kCircuitOpen);
  CHECK(gate.stats().inside == 0);
}

TEST_CASE("APermitSaysOnceWhatCameOfItsCall") {
  const Gate gate(GateOptions("once").concurrency(1));
  GatePermit permit = gate.try_enter();
  GatePermit moved = std::move(permit);
  permit.success();  // NOLINT(bugprone-use-after-move): it has none any more
  CHECK(gate.stats().inside == 1);
  moved.success();
  moved.failure(Cause::kConnect);
  CHECK(gate.stats().inside == 0);
}

TEST_CASE("WhatAGateHasIsFreedByTheLastOfThoseInsideWhoWaitsAndWhoHasIt") {
  for (int round = 0; round < test::repeat(100, 5'000); ++round) {
    auto owned = std::make_shared<int>();
    const std::weak_ptr<int> alive = owned;
    std::optional<Gate> gate(std::in_place,
                             GateOptions("freed").concurrency(3).breaker(BreakerOptions().on_change(
                                 [owned = std::move(owned)](const BreakerChange&) {})));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([permit = gate->try_enter()]() mutable { permit.success(); });
    }
    GatePermit stays = gate->try_enter();
    std::optional<Operation<GatePermit>> waits(gate->acquire());
    threads.emplace_back([&] { gate.reset(); });
    if (round % 2 == 0) waits->cancel();
    waits.reset();
    for (auto& thread : threads) thread.join();
    if (stays) CHECK(!alive.expired());
    stays.success();
    while (!alive.expired()) std::this_thread::yield();  // a kick or the loop may be the last
  }
}

TEST_CASE("AGateWithoutLimitsLetsEverythingThroughAndAPenaltyHoldsAllTheSame") {
  const Gate gate("open");
  std::vector<GatePermit> permits;
  for (int i = 0; i < 100; ++i) permits.push_back(gate.try_enter());
  for (const auto& permit : permits) CHECK(permit);
  CHECK(gate.stats().inside == 100);
  gate.penalize(30s);
  CHECK(gate.try_enter().cause() == Cause::kRateLimited);
  CHECK(gate.acquire(10s).wait().status().cause() == Cause::kRateLimited);
}

TEST_CASE("WhatCannotWorkSaysWhyAndRefusesAll") {
  const Gate gate(GateOptions("wrong").rate(0, 1s));
  CHECK(gate.status().cause() == Cause::kConfig);
  CHECK(gate.status().message() == "gate 'wrong': a rate of 0 in 1 s lets nothing start");
  CHECK(gate.try_enter().cause() == Cause::kConfig);
  CHECK(gate.enter().status().message() == gate.status().message());
  CHECK(gate.acquire().wait().status().cause() == Cause::kConfig);
  CHECK(Gate(GateOptions("wrong").adaptive_concurrency(2, 1, 3)).status().message() ==
        "gate 'wrong': a concurrency from 2 over 1 to 3 is not 1 to 1,000,000 in this order");
}

TEST_CASE("EverySettingOfAGateReachesIt") {
  Config config;
  REQUIRE(config
              .load_json(R"({"services": {"encar": {"breaker": {"consecutive": 5}, "gate": {
                "rate": 100, "rate_per": "1m", "burst": 5, "strict": true, "pace": "500ms",
                "jitter": "200ms", "pause_every": 20, "least_pause": "1s", "most_pause": "3s",
                "concurrency": 8, "queue": 50, "max_penalty": "30s", "breaker": true}}}})")
              .ok());
  const Gate gate(GateOptions::from(Service::from(config, "encar")));
  CHECK(gate.status().ok());
  const auto& encar = gate.options();
  CHECK(encar.name == "encar");
  const auto& limits = encar.limits.values();
  CHECK(limits.name == "encar");
  REQUIRE(limits.rates.size() == 1);
  CHECK(limits.rates[0].permits == 100);
  CHECK(limits.rates[0].per == 1min);
  CHECK(limits.rates[0].burst == 5);
  CHECK(limits.rates[0].is_strict);
  CHECK(limits.pace.interval == 500ms);
  CHECK(limits.pace.jitter == 200ms);
  CHECK(limits.pace.every == 20);
  CHECK(limits.pace.least_pause == 1s);
  CHECK(limits.pace.most_pause == 3s);
  CHECK(encar.concurrency == 8);
  CHECK(encar.queue == 50);
  CHECK(encar.max_penalty == 30s);
  REQUIRE(encar.breaker);
  CHECK(encar.breaker->values().name == "encar");
  CHECK(encar.breaker->values().consecutive == 5);
}

TEST_CASE("TheDefaultsOfTheSettingsOfAGateAreThoseOfItsOptions") {
  const auto set = GateOptions::from(Config()).values();
  const GateOptions::Values usual;
  CHECK(set.name == usual.name);
  CHECK(set.limits.values().rates.empty());
  CHECK_FALSE(set.limits.values().pace.is_set);
  CHECK(set.concurrency == usual.concurrency);
  CHECK(set.queue == usual.queue);
  CHECK(set.max_penalty == usual.max_penalty);
  CHECK_FALSE(set.breaker);
  CHECK(Gate(GateOptions::from(Config())).status().ok());
}

TEST_CASE("APermitOfTheParentDoesNothingInAChildWhoseGateBeginsAnew" *
          doctest::skip(test::kForkIsBroken)) {
  const Gate gate(GateOptions("fork").concurrency(1));
  GatePermit permit = gate.try_enter();
  REQUIRE(permit);
  CHECK(test::in_child([&] {
          GatePermit own = gate.try_enter();
          permit.success();
          return own && gate.stats().inside == 1 && !gate.try_enter() ? 0 : 1;
        }) == 0);
  CHECK(gate.stats().inside == 1);
}

}  // namespace
}  // namespace tidegate
