// SPDX-License-Identifier: Apache-2.0
// Limits in a real Redis: its script beside the policy that it is written after, and what becomes of
// it on servers that are old, forgetful or broken.
#include "gate/redis_limits.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "gate/limiter_home.hpp"
#include "support/fake_redis.hpp"
#include "support/redis_in_test.hpp"
#include "support/redis_server.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using test::FakeRedis;
using test::RedisAdmin;
using test::RedisInTest;
using test::RedisServer;
using Answer = RemoteLimits::Answer;

std::int64_t us(Duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

// The script by a clock that the test has.
class Script {
 public:
  Script(const RedisServer& server, const LimiterOptions& options)
      : admin_(server.port()), options_(options.values()) {}

  std::vector<std::int64_t> book(TimePoint now, std::uint32_t weight, Duration most,
                                 Duration hold) {
    return call({"book", std::to_string(us(now.time_since_epoch())), RedisLimits::pace_of(options_),
                 RedisLimits::rates_of(options_), std::to_string(weight), std::to_string(us(most)),
                 std::to_string(us(hold))});
  }
  // The booking that was made last.
  bool back(TimePoint now) {
    return call({"back", std::to_string(us(now.time_since_epoch())), RedisLimits::pace_of(options_),
                 RedisLimits::rates_of(options_), after_, before_})[0] == 1;
  }
  std::string value() { return admin_({"GET", key()}).text; }
  std::string key() const { return RedisLimits::key_of(options_.name); }
  RedisAdmin& admin() { return admin_; }

 private:
  std::vector<std::int64_t> call(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{"EVAL", std::string(kRedisLimitsScript.text), "1", key()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const RedisReply reply = admin_(command);
    INFO(reply.text);
    REQUIRE(reply.kind == RedisReply::Kind::kArray);
    std::vector<std::int64_t> numbers;
    for (const RedisReply& each : reply.elements) numbers.push_back(each.integer);
    if (numbers[0] == 1 && reply.elements.size() > 4) {
      before_ = reply.elements[3].text;
      after_ = reply.elements[4].text;
    }
    return numbers;
  }

  RedisAdmin admin_;
  const LimiterOptions::Values options_;
  std::string before_;
  std::string after_;
};

TEST_CASE("TheHashOfALimitersScriptIsTheOneThatRedisComputes") {
  const RedisServer server;
  CHECK(server({"SCRIPT", "LOAD", std::string(kRedisLimitsScript.text)}).text ==
        kRedisLimitsScript.hash);
}

// With whole microseconds both count the same.
TEST_CASE("TheScriptDecidesAsThePolicyDoes") {
  const RedisServer server;
  const LimiterOptions cases[] = {
      LimiterOptions().rate(10, 1s, 3),
      LimiterOptions().strict(100, 1s, 21),
      LimiterOptions().rate(5, 1s, 5).rate(20, 8s, 10),
      LimiterOptions().pace(50ms).pause_every(7, 20ms, 20ms),
      LimiterOptions().pace(10ms).rate(20, 1s, 4).strict(10, 1s),
  };
  Rng rng(1);
  int number = 0;
  for (LimiterOptions options : cases) {
    const int which = ++number;
    CAPTURE(which);
    Script script(server, options.name("case " + std::to_string(which)));
    const TimePoint epoch{1'699'999'999s};
    const policy::Limiter limiter = limiter_of(options.values(), epoch, 0);
    policy::Limiter::State state{};
    TimePoint now{1'700'000'000s};
    TimePoint held_until = epoch;
    policy::Limiter::Booking last;
    for (int i = 0; i < 400; ++i) {
      now += rng.below(100'000) * 1us;
      const auto weight = static_cast<std::uint32_t>(1 + rng.below(limiter.burst()));
      const Duration most = rng.chance(50) ? 0us : static_cast<int>(rng.below(400'000)) * 1us;
      const Duration hold = rng.chance(3) ? 300ms : 0ms;
      if (hold > 0s) held_until = std::max(held_until, now + hold);
      const auto held = [&](const policy::Limiter::State& words) {
        return held_until == epoch ? words : limiter.penalized(words, now, held_until);
      };
      if (last.granted() && rng.chance(20)) {
        CHECK(script.back(now));
        state = last.before;
        last = {};
      }
      const auto booking = limiter.reserve(held(state), now, weight, most);
      const auto answer = script.book(now, weight, most, hold);
      REQUIRE((answer[0] == 1) == booking.granted());
      REQUIRE(answer[1] == us(booking.wait));
      REQUIRE(answer[2] == us(std::max(Duration::zero(), held_until - now)));
      if (booking.granted()) {
        last = booking;
        last.before = state;
        state = booking.after;
      }
    }
  }
}

TEST_CASE("TheJitterOfAPaceIsOneForAllWhoShareItAndWithinItsBounds") {
  const RedisServer server;
  const LimiterOptions options =
      LimiterOptions().name("paced").pace(100ms, 50ms).pause_every(5, 1s, 3s);
  Script one(server, options);
  Script other(server, options);
  TimePoint now{1'700'000'000s};
  std::vector<Duration> gaps;
  for (int i = 0; i < 60; ++i) {
    Script& script = i % 3 == 0 ? other : one;
    const auto answer = script.book(now, 1, 1h, 0s);
    REQUIRE(answer[0] == 1);
    if (i > 0) gaps.push_back(answer[1] * 1us);
    now += answer[1] * 1us;
  }
  Duration least = 1h;
  Duration most{};
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const bool is_pause = (i + 1) % 5 == 0;
    CHECK(gaps[i] >= (is_pause ? 1100ms : 100ms));
    CHECK(gaps[i] <= (is_pause ? 3150ms : 150ms));
    if (is_pause) continue;
    least = std::min(least, gaps[i]);
    most = std::max(most, gaps[i]);
  }
  CHECK(most - least > 10ms);  // they are drawn
}

TEST_CASE("AnIdleKeyGoesAndOneThatHoldsWhatNobodyWroteStartsOneAtATime") {
  const RedisServer server;
  Script script(server, LimiterOptions().name("encar").rate(10, 1s, 5));
  const TimePoint now{1'700'000'000s};
  CHECK(script.book(now, 5, 0s, 0s)[0] == 1);
  const RedisReply life = script.admin()({"PTTL", script.key()});
  CHECK(life.integer > 1000);
  CHECK(life.integer <= 1500);
  const std::string broken[] = {"",
                                "x",
                                "1",
                                "-5 -5 -5 -5",
                                "0 0 0 99999999999999999999999999",
                                "0 0 0 8999999999999999",
                                "9007199254740991 0 0 8999999999999999",
                                std::string(10'000, '7')};
  for (const std::string& value : broken) {
    CAPTURE(value.substr(0, 50));
    script.admin()({"SET", script.key(), value});
    CHECK(script.book(now, 1, 0s, 0s)[0] == 1);
    CHECK(script.book(now, 1, 0s, 0s)[1] == 100'000);
    CHECK(script.book(now + 100ms, 1, 0s, 0s)[0] == 1);
  }
}

TEST_CASE("ProcessesWhoseLimitsDifferCountTogether") {
  const RedisServer server;
  Script old(server, LimiterOptions().name("encar").rate(10, 1s));
  Script fresh(server, LimiterOptions().name("encar").rate(5, 1s).rate(100, 1min, 2).pace(10ms));
  const TimePoint now{1'700'000'000s};
  CHECK(old.book(now, 1, 0s, 0s)[0] == 1);
  CHECK(fresh.book(now, 1, 0s, 0s)[1] == 100'000);
  CHECK(fresh.book(now + 100ms, 1, 0s, 0s)[0] == 1);
  CHECK(old.book(now + 100ms, 1, 0s, 0s)[1] == 200'000);
  CHECK(old.book(now + 300ms, 1, 0s, 0s)[0] == 1);
  // What the old ones do not know of stays.
  CHECK(fresh.book(now + 400ms, 1, 0s, 0s)[0] == 1);
  CHECK(fresh.book(now + 600ms, 1, 0s, 0s)[1] == 100'000);  // by its second limit
}

struct Asking {
  Asking(const std::string& url, const LimiterOptions& options)
      : redis(url),
        limits(redis.shard(), std::shared_ptr<RedisClient>(&redis.client(), [](RedisClient*) {}),
               options.values()) {}

  Result<Answer> book(Duration most = 0s, Duration hold = 0s) {
    return redis.start<Answer>([this, most, hold] { return limits.book(1, most, hold); }).wait();
  }
  Result<bool> give_back(const RemoteLimits::Ticket& ticket) {
    return redis.start<bool>([this, ticket] { return limits.give_back(ticket); }).wait();
  }
  Result<Duration> held(Duration hold) {
    return redis.start<Duration>([this, hold] { return limits.held(hold); }).wait();
  }

  Status began_late(const RemoteLimits::Ticket& ticket, Duration by) {
    const auto telling = redis.start<bool>([this, ticket, by] { return told(this, ticket, by); });
    return telling.wait().status();
  }
  static Task<Result<bool>> told(Asking* self, RemoteLimits::Ticket ticket, Duration by) {
    auto telling = self->limits.began_late(std::move(ticket), by);
    const Status status = co_await std::move(telling);
    if (!status.ok()) co_return status;
    co_return true;
  }

  RedisInTest redis;
  RedisLimits limits;
};

LimiterOptions one_an_hour() { return LimiterOptions().name("encar").rate(1, 1h); }

TEST_CASE("ADecisionIsOneCommandAndTheScriptMayBeForgotten") {
  const RedisServer server;
  Asking asking(server.url(), one_an_hour());
  const auto first = asking.book();
  REQUIRE(first.ok());
  CHECK(first->granted);
  CHECK(first->due[0] > 59min);
  CHECK(server({"SCRIPT", "FLUSH"}).text == "OK");
  auto second = asking.book();
  REQUIRE(second.ok());
  CHECK_FALSE(second->granted);
  CHECK(second->wait > 59min);
  CHECK(second->wait <= 1h);
  CHECK(server({"CONFIG", "RESETSTAT"}).text == "OK");
  REQUIRE(asking.book().ok());
  const std::string stats = server({"INFO", "commandstats"}).text;
  CHECK(stats.find("cmdstat_evalsha:calls=1,") != std::string::npos);
  CHECK(stats.find("cmdstat_eval:") == std::string::npos);
}

TEST_CASE("WhatIsGivenBackIsTheNextOnesUnlessSomebodyHasBookedBehindIt") {
  const RedisServer server;
  Asking asking(server.url(), one_an_hour());
  const auto first = asking.book();
  CHECK(asking.give_back(first->ticket).value_or(false));
  const auto again = asking.book();
  CHECK(again->granted);
  const auto behind = asking.book(2h);
  CHECK(behind->granted);
  CHECK_FALSE(asking.give_back(again->ticket).value_or(true));
  CHECK(asking.give_back(behind->ticket).value_or(false));
}

TEST_CASE("WhatBeganLateCountsFromThereInAStrictLimitAndAPaceAndNotInARate") {
  const RedisServer server;
  const LimiterOptions cases[] = {
      LimiterOptions().name("strict").strict(1, 1h),
      LimiterOptions().name("pace").pace(1h),
      LimiterOptions().name("rate").rate(1, 1h),
      LimiterOptions().name("all").rate(1, 1h).strict(1, 1h).pace(1h),
  };
  for (const LimiterOptions& options : cases) {
    CAPTURE(options.values().name);
    Asking asking(server.url(), options);
    const auto booked = asking.book();
    REQUIRE(booked->granted);
    CHECK(asking.began_late(booked->ticket, 30min).ok());
    const Duration wait = asking.book()->wait;
    const bool is_rate = options.values().name == "rate";
    CHECK(wait > (is_rate ? 59min : 89min));
    CHECK(wait <= (is_rate ? 60min : 90min));
  }
}

TEST_CASE("APenaltyIsOneForAllAndStaysWhereABookingIsGivenBack") {
  const RedisServer server;
  Asking one(server.url(), one_an_hour());
  Asking other(server.url(), one_an_hour());
  const auto booked = one.book();
  CHECK(booked->granted);
  CHECK(other.held(30min).value_or(0s) > 29min);
  CHECK(one.give_back(booked->ticket).value_or(false));
  const auto refused = one.book();
  CHECK_FALSE(refused->granted);
  CHECK(refused->wait > 29min);
  CHECK(refused->wait <= 30min);
  CHECK(refused->held > 29min);
}

TEST_CASE("WhereScriptsHaveNoTimeTheCallersClockIsSetByTheServers") {
  const RedisServer server;
  const auto allow = [&](const std::string& name, const std::string& without) {
    CHECK(server({"ACL", "SETUSER", name, "on", ">pw", "~*", "&*", "+@all", without}).text == "OK");
    return "redis://" + name + ":pw@127.0.0.1:" + std::to_string(server.port());
  };
  Asking usual(server.url(), one_an_hour());
  CHECK(usual.book()->granted);
  // Without the command at all it is the host's clock, which is the server's here.
  Asking timeless(allow("timeless", "-time"), one_an_hour());
  const auto refused = timeless.book();
  REQUIRE(refused.ok());
  CHECK_FALSE(refused->granted);
  CHECK(refused->wait > 59min);
  CHECK(refused->wait <= 1h + 1s);

  // An old server, whose clock stands at ten o'clock of some day.
  std::string now;
  FakeRedis old([&](FakeRedis::Peer& peer, const FakeRedis::Command& command) {
    if (command[0] == "TIME") {
      peer.send("*2\r\n$10\r\n1700000000\r\n$6\r\n250000\r\n");
      return true;
    }
    if (command[0] != "EVALSHA") return false;
    now = command[5];
    peer.send(now.empty() ? "-ERR Error running script: Write commands not allowed after non "
                            "deterministic commands\r\n"
                          : "*6\r\n:1\r\n:0\r\n:0\r\n$0\r\n\r\n$0\r\n\r\n:7\r\n");
    return true;
  });
  {
    Asking asking(old.url(), one_an_hour());
    for (int i = 0; i < 3; ++i) {
      const auto answer = asking.book();
      REQUIRE(answer.ok());
      CHECK(answer->granted);
      CHECK(answer->due[0] == 7us);
    }
  }
  CHECK(old.count("TIME") == 1);
  CHECK(old.count("EVALSHA") == 4);
  CHECK(std::stoll(now) >= 1'700'000'000'250'000);
  CHECK(std::stoll(now) < 1'700'000'060'000'000);
}

TEST_CASE("WhatIsNoAnswerOfTheScriptIsNotBelieved") {
  const char* const garbage[] = {
      "+OK\r\n",
      ":1\r\n",
      "$-1\r\n",
      "*0\r\n",
      "*1\r\n:1\r\n",
      "*6\r\n:1\r\n:-5\r\n:0\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n",
      "*6\r\n:1\r\n:9223372036854775807\r\n:0\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n",
      "*6\r\n:1\r\n:0\r\n$1\r\n0\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n",
      "*6\r\n:1\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
      "*6\r\n:1\r\n:0\r\n:0\r\n$0\r\n\r\n$0\r\n\r\n:9223372036854775807\r\n",
      "*7\r\n:1\r\n:0\r\n:0\r\n$0\r\n\r\n$0\r\n\r\n:0\r\n:0\r\n",
  };
  for (const char* const each : garbage) {
    CAPTURE(each);
    FakeRedis fake([&](FakeRedis::Peer& peer, const FakeRedis::Command& command) {
      if (command[0] != "EVALSHA") return false;
      peer.send(each);
      return true;
    });
    Asking asking(fake.url(), one_an_hour());
    CHECK(asking.book().status().cause() == Cause::kDecode);
    CHECK(asking.held(0s).status().cause() == Cause::kDecode);
  }
  FakeRedis wrong([](FakeRedis::Peer& peer, const FakeRedis::Command& command) {
    if (command[0] != "EVALSHA") return false;
    peer.send("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    return true;
  });
  Asking asking(wrong.url(), one_an_hour());
  CHECK_FALSE(asking.book().ok());
}

}  // namespace
}  // namespace tidegate::internal
