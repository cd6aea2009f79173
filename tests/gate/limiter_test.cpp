// SPDX-License-Identifier: Apache-2.0
// The public limiter, on the library's own threads: the same for one process, for a host and through
// Redis.
#include "tidegate/limiter.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/redis_server.hpp"
#include "support/temp_directory.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

struct Process {
  static constexpr Share kShare = Share::kProcess;
};
struct Host {
  static constexpr Share kShare = Share::kHost;
};
struct Redis {
  static constexpr Share kShare = Share::kRedis;
};

// Of a name that no other test has.
template <class Home>
LimiterOptions options() {
  static const test::TempDirectory directory;
  static std::atomic<int> number{0};
  LimiterOptions options;
  options.name(std::to_string(static_cast<int>(Home::kShare)) + " " + std::to_string(++number))
      .share(Home::kShare)
      .state_dir(directory.path("state"));
  if constexpr (Home::kShare == Share::kRedis) {
    static const test::RedisServer server;
    options.redis(server.url()).redis_timeout(20s).share_down(ShareDown::kRefuse);
  }
  return options;
}

TEST_CASE_TEMPLATE("ATryNeverWaitsAndARefusalSaysWhenToComeBack", Home, Process, Host, Redis) {
  const Limiter limiter(options<Home>().rate(1, 1h, 2));
  CHECK(limiter.status().ok());
  CHECK(limiter.try_acquire());
  CHECK(limiter.try_acquire());
  const Verdict refused = limiter.try_acquire();
  CHECK_FALSE(refused);
  CHECK(refused.retry_after() > 59min);
  CHECK(refused.retry_after() <= 1h);
  CHECK(limiter.try_acquire(3).retry_after() == Duration::max());
}

TEST_CASE_TEMPLATE("AnAcquireWaitsForItsTurn", Home, Process, Host, Redis) {
  const Limiter limiter(options<Home>().rate(1000, 1s));
  for (int i = 0; i < 5; ++i) {
    const auto turn = limiter.acquire(1min);
    CHECK(turn.wait().ok());
  }
  CHECK(limiter.stats().granted >= 5);
  CHECK(limiter.stats().waiting == 0);
}

TEST_CASE_TEMPLATE("AnAcquireThatWouldBeTooLateHasEndedAtOnce", Home, Process, Host, Redis) {
  const Limiter limiter(options<Home>().rate(1, 1h));
  CHECK(limiter.try_acquire());
  const auto turn = limiter.acquire(10s);
  REQUIRE(turn.done());
  CHECK(turn.wait().status().cause() == Cause::kRateLimited);
  CHECK(turn.wait().status().retry_after().value() > 59min);
}

TEST_CASE_TEMPLATE("AReservationThatIsCancelledGivesItsSlotBack", Home, Process, Host, Redis) {
  const Limiter limiter(options<Home>().rate(1, 1h));
  CHECK(limiter.try_acquire());
  auto first = limiter.reserve(2h);
  REQUIRE(first);
  const TimePoint start = first.start();
  CHECK_FALSE(limiter.reserve(1h));
  first.cancel();
  first.cancel();
  auto second = limiter.reserve(2h);
  REQUIRE(second);
  // Through Redis a start is as much later as its answer took.
  const bool is_exact = Home::kShare != Share::kRedis;
  CHECK(second.start() >= start - (is_exact ? 0s : 1min));
  CHECK(second.start() <= start + (is_exact ? 0s : 1min));
  CHECK(limiter.reserve(0s, 2).retry_after() == Duration::max());
}

TEST_CASE_TEMPLATE("AfterAPenaltyNothingStarts", Home, Process, Host, Redis) {
  const Limiter limiter(options<Home>().rate(1000, 1s, 1000));
  limiter.penalize(30min);
  CHECK(limiter.try_acquire().retry_after() > 29min);
  limiter.penalize(-1s);
  limiter.penalize(24h * 365);  // no longer than an hour
  CHECK(limiter.try_acquire().retry_after() <= 1h);
}

TEST_CASE_TEMPLATE("SeveralLimitsHoldTogetherAndCopiesShareThem", Home, Process, Host, Redis) {
  const Limiter limiter(options<Home>().rate(1000, 1h, 5).strict(3, 1h, 3));
  const Limiter copy = limiter;
  int granted = 0;
  for (int i = 0; i < 10; ++i) granted += (i % 2 == 0 ? limiter : copy).try_acquire() ? 1 : 0;
  CHECK(granted == 3);
}

TEST_CASE_TEMPLATE("WhatCannotWorkSaysWhyAndRefusesAll [L4]", Home, Process, Host, Redis) {
  const LimiterOptions wrong[] = {
      options<Home>(),
      options<Home>().rate(0, 1s),
      options<Home>().rate(1, 0s),
      options<Home>().rate(1, -1s),
      options<Home>().rate(1, Duration::max()),
      options<Home>().strict(0, 1s),
      options<Home>().rate(1, 1s, 0),
      options<Home>().strict(3, 1s, 4),
      options<Home>().rate(1, 24h * 300, 2),
      options<Home>().pace(0s),
      options<Home>().pace(-1s),
      options<Home>().pace(Duration::max()),
      options<Home>().pace(1s, Duration::max()),
      options<Home>().pace(1s, -1s),
      options<Home>().pause_every(20, 1s, 3s),
      options<Home>().pace(1s).pause_every(70'000, 1s, 3s),
      options<Home>().pace(1s).pause_every(20, 3s, 1s),
      options<Home>().rate(1, 1s).rate(1, 2s).rate(1, 3s).rate(1, 4s).pace(1s),
  };
  for (const auto& each : wrong) {
    const Limiter limiter(each);
    CHECK(limiter.status().cause() == Cause::kConfig);
    CHECK_FALSE(limiter.try_acquire());
    CHECK_FALSE(limiter.reserve(1h));
    const auto turn = limiter.acquire();
    CHECK(turn.wait().status().cause() == Cause::kConfig);
    limiter.penalize(1s);
    CHECK(limiter.stats().granted == 0);
  }
}

TEST_CASE_TEMPLATE("ThreadsTogetherGetNoMoreThanTheBurst", Home, Process, Host, Redis) {
  for (const bool is_single : {true, false}) {
    LimiterOptions wanted = options<Home>();
    wanted.rate(1, 24h, 365);
    if (!is_single) wanted.rate(1, 12h, 400);
    const Limiter limiter(wanted);
    std::atomic<int> granted{0};
    std::vector<std::thread> threads;
    const int tries = Home::kShare == Share::kRedis ? 150 : 1000;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < tries; ++j) granted += limiter.try_acquire() ? 1 : 0;
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(granted == 365);
  }
}

TEST_CASE_TEMPLATE("AcquiresOfManyThreadsAllEnd", Home, Process, Host, Redis) {
  const Limiter limiter(options<Home>().rate(100'000, 1s, 3));
  std::atomic<int> granted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 200; ++j) {
        const auto turn = limiter.acquire(1min);
        if ((i + j) % 3 == 0) turn.cancel();
        const auto waited = turn.wait();
        const bool is_known = waited.ok() || waited.status().cause() == Cause::kCancelled;
        granted += is_known ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(granted == 800);
}

}  // namespace
}  // namespace tidegate
