// SPDX-License-Identifier: Apache-2.0
// Breakers whose openings are shared through a real Redis.
#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/fake_redis.hpp"
#include "support/redis_server.hpp"
#include "support/temp_directory.hpp"
#include "tidegate/breaker.hpp"
#include "tidegate/config.hpp"
#include "tidegate/gate.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::FakeRedis;
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

TEST_CASE("OneThatSharesThroughRedisIsMadeWithoutAsking") {
  Breaker breaker(BreakerOptions()
                      .name("encar")
                      .share(Share::kRedis)
                      .redis("redis://10.0.0.1")
                      .redis_timeout(20ms));
  CHECK(breaker.status().ok());
  CHECK(breaker.options().redis_timeout == 20ms);
}

TEST_CASE("ABreakerThatNeedsARedisSaysSoAndAPasswordIsNotShown") {
  const BreakerOptions wrong[] = {
      BreakerOptions().name("encar").share(Share::kRedis),
      BreakerOptions().share(Share::kRedis).redis("redis://127.0.0.1"),
      BreakerOptions().name("").share(Share::kRedis).redis("redis://127.0.0.1"),
      BreakerOptions().name("encar").share(Share::kRedis).redis("http://:s3cret@127.0.0.1"),
  };
  for (const BreakerOptions& each : wrong) {
    Breaker breaker(each);
    CHECK(breaker.status().cause() == Cause::kConfig);
    CHECK(breaker.status().message().find("s3cret") == std::string_view::npos);
    CHECK_FALSE(breaker.try_enter());
    CHECK(breaker.enter().status().cause() == Cause::kConfig);
  }
}

TEST_CASE("TheSettingsOfABreakerThatSharesThroughRedis") {
  Config config;
  CHECK(BreakerOptions::from(config).values().share == Share::kProcess);
  REQUIRE(config.set("breaker.share", "redis").ok());
  REQUIRE(config.set("gate.redis", "redis://10.0.0.1").ok());
  REQUIRE(config.set("gate.redis_timeout", "20ms").ok());
  const auto values = BreakerOptions::from(Service::from(config, "encar")).values();
  CHECK(values.share == Share::kRedis);
  CHECK(values.redis == "redis://10.0.0.1");
  CHECK(values.redis_timeout == 20ms);
}

TEST_CASE("AGateThatSharesThroughRedisTakesItsBreakerAlongUnlessThatIsTheHosts") {
  const test::TempDirectory directory;
  const auto share_of = [&](const GateOptions& options) {
    const Gate gate(options);
    REQUIRE(gate.status().ok());
    return gate.options().breaker->values();
  };
  const auto gate = [] {
    return GateOptions("encar").share(Share::kRedis).redis("redis://10.0.0.1").redis_timeout(1s);
  };
  const auto along = share_of(gate().breaker(BreakerOptions()));
  CHECK(along.share == Share::kRedis);
  CHECK(along.name == "encar");
  CHECK(along.redis == "redis://10.0.0.1");
  CHECK(along.redis_timeout == 1s);
  const auto on_host = BreakerOptions().share(Share::kHost).state_dir(directory.path());
  CHECK(share_of(gate().breaker(on_host)).share == Share::kHost);
  const auto alone = BreakerOptions().share(Share::kRedis).redis("redis://10.0.0.2");
  CHECK(share_of(GateOptions("encar").breaker(alone)).redis == "redis://10.0.0.2");
}

TEST_CASE("AGatesBreakerOpensAndClosesWithTheOthersOfItsName") {
  const RedisServer server;
  const auto options = BreakerOptions().consecutive(3).open_for(1ms, 1h).probes(1);
  Gate gate(GateOptions("encar")
                .rate(1000, 1s, 1000)
                .share(Share::kRedis)
                .redis(server.url())
                .redis_timeout(20s)
                .breaker(options));
  Breaker breaker(BreakerOptions(through(server, "encar")).consecutive(3).open_for(1h, 1h));
  for (int i = 0; i < 3; ++i) breaker.try_enter().failure(Cause::kConnect);
  CHECK(eventually([&] { return gate.try_enter().cause() == Cause::kCircuitOpen; }));
  CHECK(gate.stats().breaker->state == BreakerState::kOpen);
  breaker.force(BreakerMode::kForcedClosed);
  CHECK(eventually([&] { return static_cast<bool>(gate.try_enter()); }));
  gate.force(BreakerMode::kAutomatic);
  CHECK(eventually([&] {
    breaker.try_enter().cancel();
    return breaker.stats().mode == BreakerMode::kAutomatic;
  }));
}

TEST_CASE("ThroughRedisTheFirstWhoseProbesSucceedClosesItForAll") {
  const RedisServer server;
  const auto options = through(server, "closes").consecutive(3).open_for(300ms, 1h).probes(1);
  Breaker one(options);
  Breaker other(options);
  Breaker third(options);
  for (int i = 0; i < 3; ++i) one.try_enter().failure(Cause::kConnect);
  std::vector<Breaker*> all = {&one, &other, &third};
  // Whoever is let in succeeds.
  CHECK(eventually([&] {
    for (Breaker* const each : all) each->try_enter().success();
    return std::all_of(all.begin(), all.end(), [](Breaker* each) {
      return each->state() == BreakerState::kClosed && each->stats().redis_answers > 5;
    });
  }));
}

TEST_CASE("WhenRedisDiesEachOpensByItselfAndWhenItIsBackTheyAgree") {
  RedisServer server;
  const auto options = through(server, "dies").consecutive(3).open_for(1h, 1h);
  Breaker one(options);
  Breaker other(options);
  CHECK(eventually([&] {
    one.try_enter().success();
    other.try_enter().success();
    return one.stats().redis_answers >= 2;
  }));
  server.kill();
  for (int i = 0; i < 3; ++i) one.try_enter().failure(Cause::kConnect);
  CHECK(one.state() == BreakerState::kOpen);
  CHECK(eventually([&] {
    other.try_enter().success();
    return other.stats().redis_failures > 0;
  }));
  CHECK(other.state() == BreakerState::kClosed);
  server.start();
  CHECK(eventually([&] {
    static_cast<void>(one.try_enter());
    other.try_enter().success();
    return other.state() == BreakerState::kOpen;
  }));
}

TEST_CASE("WhatRedisAnswersIsBelievedOnlyWhereItCanBe") {
  const std::vector<std::string> broken = {
      "*0\r\n",
      "$2\r\nOK\r\n",
      ":1\r\n",
      "*6\r\n$2\r\nab\r\n$1\r\n9\r\n$1\r\n0\r\n$1\r\n1\r\n$4\r\n5000\r\n$1\r\n0\r\n",
      "*6\r\n$2\r\nab\r\n$1\r\n1\r\n$1\r\n0\r\n$1\r\n1\r\n$12\r\n999999999999\r\n$1\r\n0\r\n",
      "*6\r\n$2\r\nab\r\n$1\r\n1\r\n$1\r\n0\r\n$2\r\n-1\r\n$4\r\n5000\r\n$1\r\n0\r\n",
      "*6\r\n:1\r\n$1\r\n1\r\n$1\r\n0\r\n$1\r\n1\r\n$4\r\n5000\r\n$1\r\n0\r\n",
  };
  for (std::size_t i = 0; i < broken.size(); ++i) {
    CAPTURE(i);
    const std::string reply = broken[i];
    FakeRedis fake([&](FakeRedis::Peer& peer, const FakeRedis::Command& command) {
      if (command[0] != "EVALSHA") return false;
      peer.send(reply);
      return true;
    });
    const std::string name = "believes " + std::to_string(i);
    Breaker breaker(
        BreakerOptions().name(name).share(Share::kRedis).redis(fake.url()).redis_timeout(20s));
    CHECK(eventually([&] {
      breaker.try_enter().success();
      return breaker.stats().redis_failures > 0;
    }));
    CHECK(breaker.state() == BreakerState::kClosed);
    CHECK(breaker.stats().redis_answers == 0);
  }
}

// What the children of a test have come to.
struct Seen {
  std::atomic<int> open{0};
  std::atomic<int> closed{0};
};

TEST_CASE("ProcessesOpenTogetherAndWhoComesLaterIsToldWhoeverWasKilled" *
          doctest::skip(test::kForkIsBroken)) {
  const RedisServer server;
  const auto options = through(server, "processes").consecutive(3).open_for(1h, 1h);
  void* const memory =
      ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* const seen = new (memory) Seen;
  const auto watch = [&](int) {
    Breaker breaker(options);
    while (breaker.state() != BreakerState::kOpen) {
      breaker.try_enter().success();
      if (breaker.stats().redis_answers == 1) ++seen->closed;
      ::sched_yield();
    }
    ++seen->open;
    ::pause();
  };
  const auto fail = [&](int) {
    Breaker breaker(options);
    for (int i = 0; i < 3; ++i) breaker.try_enter().failure(Cause::kConnect);
    // The first may be the answer to a question of before it opened; the second says that it was told.
    while (breaker.stats().redis_answers < 2) {
      static_cast<void>(breaker.try_enter());
      ::sched_yield();
    }
    ::raise(SIGKILL);
  };
  std::vector<pid_t> children;
  const auto start = [&](const auto& body) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(120);
      body(0);
      ::_exit(1);
    }
    children.push_back(child);
    return child;
  };
  start(watch);
  start(watch);
  CHECK(eventually([&] { return seen->closed > 0; }));
  int status = 0;
  const pid_t failing = start(fail);
  CHECK(::waitpid(failing, &status, 0) == failing);
  children.pop_back();
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(eventually([&] { return seen->open == 2; }));
  start(watch);
  CHECK(eventually([&] { return seen->open == 3; }));
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    CHECK(::waitpid(child, &status, 0) == child);
  }
  ::munmap(memory, sizeof(Seen));
}

}  // namespace
}  // namespace tidegate
