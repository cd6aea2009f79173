// SPDX-License-Identifier: Apache-2.0

#include "net/redis_command.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports/rng.hpp"
#include "net/redis_reply.hpp"
#include "support/seeds.hpp"

using namespace std::chrono_literals;
using namespace tidegate::internal;
using tidegate::Duration;

namespace {

template <class Append>
std::string appended(Append append) {
  std::string out = "before";
  append(out);
  REQUIRE(out.starts_with("before"));
  return out.substr(6);
}

// A command is a reply too: an array of strings.
std::vector<std::string> read_back(std::string_view bytes) {
  RedisReplyReader reader;
  REQUIRE(reader.feed(bytes).ok());
  auto next = reader.next();
  REQUIRE(next.ok());
  REQUIRE(next->has_value());
  CHECK(reader.between_replies());
  std::vector<std::string> arguments;
  for (RedisReply& element : (*next)->elements) {
    CHECK(element.kind == RedisReply::Kind::kString);
    arguments.push_back(std::move(element.text));
  }
  return arguments;
}

}  // namespace

TEST_CASE("CommandsAreArraysOfStrings") {
  CHECK(appended([](auto& out) { append_ping(out); }) == "*1\r\n$4\r\nPING\r\n");
  CHECK(appended([](auto& out) { append_time(out); }) == "*1\r\n$4\r\nTIME\r\n");
  CHECK(appended([](auto& out) {
          const std::vector<std::string> keys{"k"};
          const std::vector<std::string> arguments{"a", ""};
          append_script(out, "EVAL", "return 1", keys, arguments);
        }) == "*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\na\r\n$0\r\n\r\n");
  CHECK(appended([](auto& out) { append_get(out, "k"); }) == "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
  CHECK(appended([](auto& out) { append_pttl(out, "k"); }) == "*2\r\n$4\r\nPTTL\r\n$1\r\nk\r\n");
  CHECK(appended([](auto& out) { append_auth(out, "", "pw"); }) ==
        "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n");
  CHECK(appended([](auto& out) { append_auth(out, "bob", "pw"); }) ==
        "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$2\r\npw\r\n");
  CHECK(appended([](auto& out) { append_select(out, 15); }) ==
        "*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\n");
  CHECK(appended([](auto& out) { append_subscribe(out, "c"); }) ==
        "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n");
  CHECK(appended([](auto& out) { append_unsubscribe(out, "c"); }) ==
        "*2\r\n$11\r\nUNSUBSCRIBE\r\n$1\r\nc\r\n");
  CHECK(appended([](auto& out) { append_info(out, "memory"); }) ==
        "*2\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n");
}

TEST_CASE("AClientNameHasNoByteThatRedisRefuses") {
  const std::string bytes = appended(
      [](auto& out) { append_client_setname(out, std::string_view("a b\r\n\0c\x7f~!é", 12)); });
  CHECK(read_back(bytes) == std::vector<std::string>{"CLIENT", "SETNAME", "a-b---c-~!--"});
}

TEST_CASE("AnExpiryIsInWholeMillisecondsAndAtLeastOne") {
  struct Row {
    Duration expires;
    std::string_view text;
  };
  const Row rows[] = {{1ms, "1"},
                      {1ns, "1"},
                      {0ns, "1"},
                      {-5s, "1"},
                      {1ms + 1ns, "2"},
                      {60s, "60000"},
                      {Duration::min(), "1"},
                      // Far from where Redis' own sum with the time of day would overflow.
                      {Duration::max(), "9223372036855"}};
  for (const Row& row : rows) {
    CHECK(redis_milliseconds(row.expires) == row.text);
  }
}

TEST_CASE("NoByteOfAnArgumentEndsIt") {
  const std::string_view bad("k\r\n$3\r\nDEL\r\n\0 \"'", 17);
  const std::string bytes =
      appended([&](auto& out) { append_redis_command(out, {"SET", bad, bad}); });
  CHECK(read_back(bytes) == std::vector<std::string>{"SET", std::string(bad), std::string(bad)});
}

TEST_CASE("AnyArgumentsComeBackAsTheyWere") {
  tidegate::test::each_seed(500, 50'000, [](std::uint64_t seed) {
    Rng rng(seed);
    std::vector<std::string> arguments(1 + rng.below(5));
    for (std::string& argument : arguments) {
      argument.resize(rng.below(4) == 0 ? rng.below(5'000) : rng.below(20));
      for (char& c : argument) {
        c = rng.chance(20) ? "\r\n*$"[rng.below(4)] : static_cast<char>(rng.below(256));
      }
    }
    const std::vector<std::string_view> views(arguments.begin(), arguments.end());
    REQUIRE(read_back(appended([&](auto& out) { append_redis_command(out, views); })) == arguments);
  });
}
