// SPDX-License-Identifier: Apache-2.0
// Breakers whose openings are shared through a real Redis.
#include <doctest/doctest.h>

#include <string>

#include "support/event.hpp"
#include "support/redis_server.hpp"
#include "tidegate/breaker.hpp"
#include "tidegate/gate.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RedisServer;

BreakerOptions through(const RedisServer& server, const char* name) {
  return BreakerOptions().name(name).share(Share::kRedis).redis(server.url()).redis_timeout(20s);
}

void trip(Breaker& breaker) {
  for (int i = 0; i < 20; ++i) breaker.try_enter().failure(Cause::kConnect);
  REQUIRE(breaker.state() == BreakerState::kOpen);
}

TEST_CASE("WhatOneHasOpenedIsOpenForAllOfItsNameForAsLong") {
  const RedisServer server;
  Breaker one(through(server, "encar").open_for(1h, 1h));
  Breaker other(through(server, "encar").open_for(1h, 1h));
  Breaker third(through(server, "che168"));
  REQUIRE(one.status().ok());
  trip(one);
  CHECK(eventually([&] {
    other.try_enter().success();
    return other.state() == BreakerState::kOpen;
  }));
  const BreakerPermit refused = other.try_enter();
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() > one.stats().retry_after - 1min);
  CHECK(refused.retry_after() < one.stats().retry_after * 12 / 10);
  CHECK(eventually([&] {
    third.try_enter().success();
    return third.stats().redis_answers > 0;
  }));
  CHECK(third.state() == BreakerState::kClosed);
}

}  // namespace
}  // namespace tidegate
