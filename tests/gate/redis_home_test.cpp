// SPDX-License-Identifier: Apache-2.0
// Limiters and gates that share through a real Redis: what several processes start together, and what
// they do when it dies.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/fake_redis.hpp"
#include "support/redis_server.hpp"
#include "tidegate/config.hpp"
#include "tidegate/gate.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using test::FakeRedis;
using test::RedisServer;

LimiterOptions through(const std::string& url, const char* name) {
  return LimiterOptions().name(name).share(Share::kRedis).redis(url).redis_timeout(20s);
}

TEST_CASE("WhatNeedsARedisSaysSoAndAPasswordIsNotShown") {
  const LimiterOptions wrong[] = {
      LimiterOptions().name("encar").rate(1, 1s).share(Share::kRedis),
      through("http://:s3cret@127.0.0.1", "encar").rate(1, 1s),
      through("redis://127.0.0.1", "limiter").rate(1, 1s),
      through("redis://127.0.0.1", "").rate(1, 1s),
  };
  for (const LimiterOptions& each : wrong) {
    const Limiter limiter(each);
    CHECK(limiter.status().cause() == Cause::kConfig);
    CHECK(limiter.status().message().find("s3cret") == std::string_view::npos);
    CHECK_FALSE(limiter.try_acquire());
    GateOptions options;
    options.limits(each).name(each.values().name);
    CHECK(Gate(options).status().cause() == Cause::kConfig);
  }
  const Breaker breaker(BreakerOptions().name("encar").share(Share::kRedis));
  CHECK(breaker.status().cause() == Cause::kConfig);
}

TEST_CASE("WhatSharesThroughRedisIsMadeWithoutAsking") {
  const tidegate::Limiter limiter(tidegate::LimiterOptions()
                                      .name("encar")
                                      .rate(5, 1s)
                                      .share(tidegate::Share::kRedis)
                                      .redis("redis://10.0.0.1")
                                      .share_down(tidegate::ShareDown::kLocal)
                                      .share_workers(8));
  CHECK(limiter.status().ok());
}

TEST_CASE("TheSettingsOfAGateThatSharesThroughRedis") {
  Config config;
  const GateOptions plain = GateOptions::from(config);
  CHECK(plain.values().limits.values().share == Share::kProcess);
  CHECK(plain.values().limits.values().redis_timeout == 50ms);
  CHECK(plain.values().limits.values().share_down == ShareDown::kLocal);
  CHECK(plain.values().limits.values().share_workers == 1);
  REQUIRE(config.set("gate.share", "redis").ok());
  REQUIRE(config.set("gate.redis", "redis://10.0.0.1").ok());
  REQUIRE(config.set("gate.redis_timeout", "20ms").ok());
  REQUIRE(config.set("gate.share_down", "refuse").ok());
  REQUIRE(config.set("gate.share_workers", "4").ok());
  REQUIRE(config.set("gate.rate", "5").ok());
  const GateOptions gate = GateOptions::from(Service::from(config, "encar"));
  const LimiterOptions::Values& limits = gate.values().limits.values();
  CHECK(limits.share == Share::kRedis);
  CHECK(limits.redis == "redis://10.0.0.1");
  CHECK(limits.redis_timeout == 20ms);
  CHECK(limits.share_down == ShareDown::kRefuse);
  CHECK(limits.share_workers == 4);
  CHECK(limits.name == "encar");
  CHECK(limits.rates.size() == 1);
  REQUIRE(config.set("gate.share_down", "open").ok());
  CHECK(LimiterOptions::from(config).values().share_down == ShareDown::kOpen);
}

TEST_CASE("LimitersAndGatesOfOneNameAreOneThroughRedisAndOtherNamesAreOthers") {
  const RedisServer server;
  const Limiter limiter(through(server.url(), "encar").rate(1, 1h, 2));
  const Gate gate(GateOptions("encar").limits(through(server.url(), "encar").rate(1, 1h, 2)));
  const Limiter other(through(server.url(), "che168").rate(1, 1h, 2));
  CHECK(limiter.try_acquire());
  auto permit = gate.enter();
  REQUIRE(permit.ok());
  permit->success();
  CHECK_FALSE(limiter.try_acquire());
  const GatePermit refused = gate.try_enter();
  CHECK(refused.cause() == Cause::kRateLimited);
  CHECK(refused.retry_after() > 59min);
  const auto late = gate.acquire(10s);
  CHECK(late.wait().status().cause() == Cause::kRateLimited);
  CHECK(other.try_acquire());
  gate.penalize(1min);
  CHECK(limiter.try_acquire().retry_after() > 59min);
  const auto inside =
      Gate(GateOptions("third").limits(through(server.url(), "third").rate(10, 1s, 5))).call([] {
        return 7;
      });
  CHECK(inside.value_or(0) == 7);
}

TEST_CASE("WhenRedisDiesEachGoesOnAsItWasToldAndWhenItIsBackItDecidesAgain") {
  for (const ShareDown down : {ShareDown::kLocal, ShareDown::kOpen, ShareDown::kRefuse}) {
    CAPTURE(static_cast<int>(down));
    RedisServer server;
    const std::string name = "down " + std::to_string(static_cast<int>(down));
    const Limiter limiter(
        through(server.url(), name.c_str()).rate(1, 1h, 1000).share_down(down).share_workers(2));
    CHECK(limiter.acquire().wait().ok());
    CHECK(limiter.stats().redis_decisions == 1);
    server.kill();
    const auto first = limiter.acquire().wait();
    CHECK(first.ok() == (down != ShareDown::kRefuse));
    if (!first.ok()) CHECK(first.status().cause() == Cause::kEngineUnavailable);
    const Verdict second = limiter.try_acquire();
    CHECK(second.granted() == (down == ShareDown::kOpen));
    if (down == ShareDown::kLocal) CHECK(second.retry_after() > 1h);
    if (down == ShareDown::kRefuse) {
      CHECK(limiter.reserve(1h).status().cause() == Cause::kEngineUnavailable);
    }
    CHECK(limiter.stats().redis_failures >= 2);
    CHECK(limiter.stats().redis_decisions == 1);
    server.start();
    CHECK(test::eventually([&] {
      static_cast<void>(limiter.try_acquire());
      return limiter.stats().redis_decisions > 1;
    }));
    CHECK(limiter.acquire(1min).wait().ok());
  }
}

TEST_CASE("ARedisThatDiesWhileItIsAskedLeavesNobodyWaiting") {
  test::Event asked;
  FakeRedis fake([&](FakeRedis::Peer& peer, const FakeRedis::Command& command) {
    if (command[0] != "EVALSHA") return false;
    asked.set();
    peer.close();
    return true;
  });
  const Limiter limiter(through(fake.url(), "dies").rate(1, 1h).share_down(ShareDown::kRefuse));
  std::vector<Operation<Duration>> turns;
  for (int i = 0; i < 3; ++i) turns.push_back(limiter.acquire());
  CHECK(asked.wait());
  for (const auto& turn : turns) {
    CHECK(turn.wait().status().cause() == Cause::kEngineUnavailable);
  }
  CHECK(limiter.stats().waiting == 0);
}

// What children start, and when at the earliest and at the latest.
struct Starts {
  struct Start {
    TimePoint before;
    TimePoint after;
  };
  std::atomic<std::size_t> count{0};
  std::array<Start, 2000> each{};
};

void start_all(Starts& starts, const LimiterOptions& options, int told) {
  ::alarm(120);
  const Limiter limiter(options);
  for (;;) {
    const TimePoint before = Deadline::now();
    if (!limiter.acquire().wait().ok()) continue;
    const std::size_t mine = starts.count.load();
    if (mine == starts.each.size()) return;
    starts.each[mine] = {before, Deadline::now()};
    starts.count.store(mine + 1);
    if (::write(told, "x", 1) != 1) return;
  }
}

TEST_CASE("ProcessesOnOneRedisTogetherStartNoMoreThanIsPromisedWhoeverIsKilled" *
          doctest::skip(test::kForkIsBroken)) {
  constexpr std::size_t kProcesses = 3;
  const RedisServer server;
  const LimiterOptions options = through(server.url(), "together")
                                     .rate(500, 1s, 20)
                                     .strict(400, 1s, 100)
                                     .share_down(ShareDown::kRefuse);
  void* const memory = ::mmap(nullptr, sizeof(Starts) * kProcesses, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* const starts = static_cast<Starts*>(memory);
  int told[2] = {-1, -1};
  REQUIRE(::pipe(told) == 0);
  std::array<pid_t, kProcesses> children{};
  for (std::size_t i = 0; i < kProcesses; ++i) {
    new (starts + i) Starts;
    children[i] = ::fork();
    if (children[i] == 0) {
      start_all(starts[i], options, told[1]);
      ::_exit(0);
    }
  }
  const auto watch = [&](int count) {
    char byte = 0;
    for (; count > 0; --count) REQUIRE(::read(told[0], &byte, 1) == 1);
  };
  const auto kill = [](pid_t child) {
    ::kill(child, SIGKILL);
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
  };
  const int before = 60, after = test::repeat_processes(200, 1000);
  watch(before);
  kill(children[0]);
  watch(after);
  kill(children[1]);
  kill(children[2]);
  std::vector<Starts::Start> all;
  for (std::size_t i = 0; i < kProcesses; ++i) {
    const auto begin = starts[i].each.begin();
    all.insert(all.end(), begin, begin + static_cast<std::ptrdiff_t>(starts[i].count.load()));
  }
  ::munmap(memory, sizeof(Starts) * kProcesses);
  ::close(told[0]);
  ::close(told[1]);
  REQUIRE(all.size() >= static_cast<std::size_t>(before + after));
  // Of those that certainly lie in a window: the burst, and one more each 2 ms.
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.after < b.after; });
  std::int64_t worst = 0;
  for (const auto& first : all) {
    std::int64_t inside = 0;
    for (const auto& each : all) {
      if (each.before < first.before) continue;
      ++inside;
      worst = std::max(worst, inside - 20 - (each.after - first.before) / 2ms);
    }
  }
  CHECK(worst <= 0);
}

}  // namespace
}  // namespace tidegate
