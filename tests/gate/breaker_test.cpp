// SPDX-License-Identifier: Apache-2.0
#include "tidegate/breaker.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "tidegate/metrics.hpp"

using namespace tidegate;
using namespace std::chrono_literals;

namespace {

void trip(Breaker& breaker) {
  for (int i = 0; i < 20; ++i) breaker.try_enter().failure(Cause::kConnect);
  REQUIRE(breaker.state() == BreakerState::kOpen);
}

TEST_CASE("ARefusalIsACircuitThatIsOpenAndNamesTheBreaker") {
  Breaker breaker("encar");
  CHECK(breaker.enter().ok());
  trip(breaker);
  const Status refused = breaker.enter().status();
  CHECK(refused.cause() == Cause::kCircuitOpen);
  CHECK(refused.code() == Code::kUnavailable);
  CHECK(refused.retryable());
  CHECK(refused.message().starts_with("breaker 'encar' is open for another "));
}

TEST_CASE("ACallGivesWhatItReturnsAndCountsWhatItCameTo") {
  Breaker breaker("call");
  CHECK(breaker.call([] { return 3; }).value() == 3);
  CHECK(breaker.call([] {}).ok());
  CHECK(breaker.call([]() -> Result<int> { return 4; }).value() == 4);
  CHECK(breaker.stats().failures == 0);
  CHECK(breaker.call([]() -> Result<int> { return Status(Cause::kConnect, "no"); })
            .status()
            .cause() == Cause::kConnect);
  CHECK(breaker.call([] { return Status(Cause::kTls, "no"); }).cause() == Cause::kTls);
  CHECK_THROWS_AS((void)breaker.call([]() -> int { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(breaker.stats().calls == 6);
  CHECK(breaker.stats().failures == 3);
}

TEST_CASE("WhatIsRefusedIsNotCalled") {
  Breaker breaker("refuses");
  trip(breaker);
  bool was_called = false;
  const auto result = breaker.call([&] { was_called = true; });
  CHECK(result.cause() == Cause::kCircuitOpen);
  CHECK_FALSE(was_called);
}

TEST_CASE("ACopyIsTheSameBreaker") {
  Breaker breaker("copied");
  Breaker copy = breaker;
  trip(copy);
  CHECK(breaker.state() == BreakerState::kOpen);
}

TEST_CASE("APermitOutlivesItsBreaker") {
  BreakerPermit permit = Breaker("gone").try_enter();
  CHECK(permit);
  permit.success();
  CHECK_FALSE(permit);
}

TEST_CASE("APermitThatMovesIsSaidOnce") {
  Breaker breaker("moved");
  BreakerPermit first = breaker.try_enter();
  BreakerPermit second = std::move(first);
  CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move)
  second.failure(Cause::kConnect);
  second = breaker.try_enter();
  second.success();
  CHECK(breaker.stats().calls == 2);
}

TEST_CASE("AChildHasABreakerOfItsOwnAndAPermitOfTheParentsDoesNothingThere") {
  Breaker breaker("forked");
  BreakerPermit permit = breaker.try_enter();
  trip(breaker);
  CHECK(test::in_child([&] {
          if (breaker.state() != BreakerState::kClosed) return 1;
          permit.failure(Cause::kConnect);
          if (breaker.stats().calls != 0) return 2;
          return breaker.try_enter() ? 0 : 3;
        }) == 0);
  CHECK(breaker.state() == BreakerState::kOpen);
}

TEST_CASE("WhatItRefusesAndHowItChangesIsCounted") {
  Breaker breaker("counted");
  breaker.try_enter().success();
  trip(breaker);
  CHECK_FALSE(breaker.try_enter());
  const Stats now = stats();
  CHECK(now.value("breaker.counted.calls.success") == 1);
  CHECK(now.value("breaker.counted.calls.failure") == 19);
  // The last failure came after it had opened, and was refused.
  CHECK(now.value("breaker.counted.refused") == 2);
  CHECK(now.value("breaker.counted.changes.open") == 1);
  CHECK(now.value("breaker.counted.state") == 1);
}

TEST_CASE("EverySettingOfABreakerReachesIt") {
  Config config;
  REQUIRE(config
              .load_json(R"({"services": {"encar": {"breaker": {
                "failure_rate": 0.25, "slow_rate": 0.5, "slow_after": "4s", "min_calls": 10,
                "window": "30s", "consecutive": 5, "probes": 2, "probe_timeout": "7s",
                "open_for": "2s", "max_open_for": "1m", "share": "host"}}},
                "gate": {"state_dir": "/run/tidegate"}})")
              .ok());
  const auto encar = BreakerOptions::from(Service::from(config, "encar")).values();
  CHECK(encar.name == "encar");
  CHECK(encar.failure_rate == 0.25);
  CHECK(encar.slow_rate == 0.5);
  CHECK(encar.slow_after == 4s);
  CHECK(encar.min_calls == 10);
  CHECK(encar.window == 30s);
  CHECK(encar.consecutive == 5);
  CHECK(encar.probes == 2);
  CHECK(encar.probe_timeout == 7s);
  CHECK(encar.open_for == 2s);
  CHECK(encar.max_open_for == 1min);
  CHECK(encar.share == Share::kHost);
  CHECK(encar.state_dir == "/run/tidegate");
}

TEST_CASE("TheDefaultsOfTheSettingsAreThoseOfTheOptions") {
  const auto set = BreakerOptions::from(Config()).values();
  const BreakerOptions::Values usual;
  CHECK(set.name == usual.name);
  CHECK(set.failure_rate == usual.failure_rate);
  CHECK(set.slow_rate == usual.slow_rate);
  CHECK(set.slow_after == usual.slow_after);
  CHECK(set.min_calls == usual.min_calls);
  CHECK(set.window == usual.window);
  CHECK(set.consecutive == usual.consecutive);
  CHECK(set.probes == usual.probes);
  CHECK(set.probe_timeout == usual.probe_timeout);
  CHECK(set.open_for == usual.open_for);
  CHECK(set.max_open_for == usual.max_open_for);
  CHECK(set.share == usual.share);
  CHECK(set.state_dir == usual.state_dir);
}

TEST_CASE("TheDefaultsOfABreakerAreWhatThePageSays") {
  const char* root = std::getenv("TIDEGATE_SOURCE_DIR");
  REQUIRE_MESSAGE(root != nullptr, "TIDEGATE_SOURCE_DIR must name the source tree");
  std::ifstream file(std::string(root) + "/docs/concepts/breaker.md");
  REQUIRE(file.good());
  std::ostringstream page;
  page << file.rdbuf();
  const BreakerOptions::Values usual;
  const std::string window = format_duration(usual.window);
  const std::string open_for = format_duration(usual.open_for);
  const std::vector<std::string> sentences = {
      "Half of at least " + std::to_string(usual.min_calls) + " calls in " + window +
          " failed: open for " + open_for + ", then three calls try.",
      "of at least " + std::to_string(usual.min_calls) + " (`breaker.min_calls`) in the last " +
          window,
      "Or 80 % of them (`breaker.slow_rate`) took longer than `breaker.slow_after`",
      "For " + open_for + " the first time",
      "up to " + format_duration(usual.max_open_for) + " (`breaker.max_open_for`)",
      "Three calls enter (`breaker.probes`)",
      "says nothing for " + format_duration(usual.probe_timeout) + " (`breaker.probe_timeout`)",
  };
  CHECK(usual.failure_rate == 0.5);
  CHECK(usual.slow_rate == 0.8);
  CHECK(usual.slow_after == 0s);
  CHECK(usual.consecutive == 0);
  CHECK(usual.probes == 3);
  for (const std::string& sentence : sentences) {
    CHECK_MESSAGE(page.str().find(sentence) != std::string::npos,
                  "docs/concepts/breaker.md: ", sentence);
  }
}

TEST_CASE("WhatIsOutOfRangeIsBroughtIntoIt") {
  const auto values = BreakerOptions()
                          .failure_rate(7)
                          .slow(-1, -1s)
                          .min_calls(0)
                          .window(0s)
                          .consecutive(-1)
                          .probes(0)
                          .probe_timeout(-1s)
                          .open_for(10s, 5s)
                          .values();
  CHECK(values.failure_rate == 1);
  CHECK(values.slow_rate == 0);
  CHECK(values.slow_after == 0s);
  CHECK(values.min_calls == 1);
  CHECK(values.window == 1ms);
  CHECK(values.consecutive == 0);
  CHECK(values.probes == 1);
  CHECK(values.probe_timeout == 1ms);
  CHECK(values.open_for == 10s);
  CHECK(values.max_open_for == 10s);
}

}  // namespace
