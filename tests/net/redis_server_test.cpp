// SPDX-License-Identifier: Apache-2.0
// The Redis client against the real server.
#include "support/redis_server.hpp"

#include <doctest/doctest.h>

#include <csignal>

#include "support/redis_in_test.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::KvFound;
using internal::RedisErrorKind;
using internal::RedisReply;

TEST_CASE("What was set is found with its life, and a miss says the guard") {
  const RedisServer server;
  RedisInTest redis(server.url());
  auto found = redis.get("a");
  REQUIRE(found.ok());
  CHECK_FALSE(found->value);
  CHECK(found->guard.empty());
  CHECK(found->left == 0s);

  const std::string binary("\0\r\n $5\xff", 8);
  CHECK(redis.set("a", binary).value_or(false));
  found = redis.get("a");
  REQUIRE(found.ok());
  CHECK(found->value == binary);
  CHECK(found->left > 59min);
  CHECK(found->left <= 60min);
  CHECK(redis.stats().in_flight == 0);
  CHECK(redis.stats().in_flight_bytes == 0);
}

TEST_CASE("The hash of the script is the one that Redis computes, and is forgotten with impunity") {
  const RedisServer server;
  RedisInTest redis(server.url());
  CHECK(server({"SCRIPT", "LOAD", std::string(internal::kRedisSetScript)}).text ==
        internal::kRedisSetScriptHash);
  CHECK(redis.set("a", "1").value_or(false));
  CHECK(server({"SCRIPT", "FLUSH"}).text == "OK");
  CHECK(redis.set("a", "2").value_or(false));
  CHECK(redis.get("a")->value == "2");
}

TEST_CASE("An invalidation overtakes the writes of loads that began before it, and is heard") {
  const RedisServer server;
  RedisInTest redis(server.url());
  Listener listener;
  redis.listen("channel", listener);
  REQUIRE(eventually([&] { return listener.listens(); }));

  const auto before = redis.get("a");
  REQUIRE(before.ok());
  CHECK(redis.invalidate("a", "token-1").ok());
  CHECK_FALSE(redis.set("a", "late", before->guard).value_or(true));
  const auto after = redis.get("a");
  REQUIRE(after.ok());
  CHECK_FALSE(after->value);
  CHECK(after->guard == "token-1");
  CHECK(redis.set("a", "fresh", after->guard).value_or(false));
  CHECK(redis.get("a")->value == "fresh");
  CHECK(redis.stats().fenced_sets == 1);
  REQUIRE(eventually([&] { return listener.messages().size() == 1; }));
  CHECK(listener.messages()[0] == "gone");
  redis.ignore("channel");
}

TEST_CASE("A number begins at zero, grows, and is told of when it has grown") {
  const RedisServer server;
  RedisInTest redis(server.url());
  Listener listener;
  redis.listen("channel", listener);
  REQUIRE(eventually([&] { return listener.listens(); }));
  CHECK(redis.number("n").value_or(-1) == 0);
  CHECK(redis.raise("n").value_or(-1) == 1);
  CHECK(redis.raise("n").value_or(-1) == 2);
  CHECK(redis.number("n").value_or(-1) == 2);
  REQUIRE(eventually([&] { return listener.messages().size() == 2; }));
  redis.ignore("channel");
}

}  // namespace
}  // namespace tidegate::test
