// SPDX-License-Identifier: Apache-2.0
// The Redis client in a process that has no descriptor left.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include "support/redis_in_test.hpp"
#include "support/redis_server.hpp"

namespace tidegate::test {
namespace {

TEST_CASE("WithoutDescriptorsRedisIsALocalFaultAndComesBack [E1]") {
  const RedisServer server;
  RedisInTest redis(server.url());
  CHECK(redis.get("a").ok());
  RedisAdmin admin = server.admin();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto killed = admin({"CLIENT", "KILL", "TYPE", "normal"}).integer;
  Status last;
  const bool local = eventually([&] {
    last = redis.get("a").status();
    return last.cause() == Cause::kLocalResource;
  });
  const bool restored = ::setrlimit(RLIMIT_NOFILE, &before) == 0;
  REQUIRE(restored);
  CHECK(killed == 1);
  CHECK_MESSAGE(local, last.to_string());
  CHECK_MESSAGE(last.message().find("Too many open files") != std::string_view::npos,
                last.to_string());
  CHECK(eventually([&] { return redis.get("a").ok(); }));
}

}  // namespace
}  // namespace tidegate::test
