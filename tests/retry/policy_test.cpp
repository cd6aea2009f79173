// SPDX-License-Identifier: Apache-2.0
// The settings retry.*: what they set, and that their defaults are the policy's.
#include <doctest/doctest.h>

#include "tidegate/retry.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ThePolicyOfAnEmptyConfigurationIsTheDefault") {
  const Config config;
  CHECK(RetryPolicy::from(config).values() == RetryPolicy().values());
  CHECK(RetryPolicy::from(Service::from(config, "encar")).values() == RetryPolicy().values());
}

TEST_CASE("EveryKeySetsThePartOfItsName") {
  Config config;
  REQUIRE(config
              .load_json(R"({"services": {"encar": {"retry": {"attempts": 3, "backoff": "1s",
    "max_backoff": "4s", "max_retry_after": "5s", "methods": "every", "budget": 0.5,
    "budget_per_second": 7, "budget_most": 9}}}})")
              .ok());
  CHECK(RetryPolicy::from(Service::from(config, "encar")).values() == RetryPolicy()
                                                                          .attempts(3)
                                                                          .backoff(1s, 4s)
                                                                          .max_retry_after(5s)
                                                                          .every_method(true)
                                                                          .budget(0.5, 7, 9)
                                                                          .values());
  CHECK(RetryPolicy::from(config).values() == RetryPolicy().values());
}

TEST_CASE("WhatIsOutOfRangeIsBroughtIntoIt") {
  CHECK(RetryPolicy().attempts(0).values().attempts == 1);
  CHECK(RetryPolicy().attempts(1'000'000).values().attempts == 100);
  CHECK(RetryPolicy().backoff(-1s, 1000h).values().backoff == 0s);
  CHECK(RetryPolicy().backoff(-1s, 1000h).values().max_backoff == 24h);
  CHECK(RetryPolicy().budget(-1, -1, -1).values().budget_most == 0);
  CHECK(RetryPolicy::none().values().attempts == 1);
}

}  // namespace
}  // namespace tidegate
