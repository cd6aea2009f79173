// SPDX-License-Identifier: Apache-2.0
// A breaker's openings in a real Redis: its script beside the rule that it is written after.
#include "gate/redis_openings.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/redis_in_test.hpp"
#include "support/redis_server.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using policy::BreakerNews;
using policy::BreakerRecord;
using test::RedisInTest;
using test::RedisServer;
using Answer = RemoteOpenings::Answer;
using State = policy::Breaker::State;
using Mode = policy::Breaker::Mode;

// A client of the test's own behind a store.
class Store {
 public:
  explicit Store(const RedisServer& server, const std::string& name = "encar")
      : redis_(server.url()),
        openings_(std::shared_ptr<RedisClient>(&redis_.client(), [](RedisClient*) {}),
                  BreakerOptions().name(name).values()) {}

  Answer exchange(const std::string& known, std::optional<RemoteOpenings::News> news = {}) {
    const auto answer =
        redis_.start<Answer>([this, known, news] { return openings_.exchange(known, news); })
            .wait();
    INFO(answer.status().to_string());
    REQUIRE(answer.ok());
    return *answer;
  }

 private:
  RedisInTest redis_;
  RedisOpenings openings_;
};

RemoteOpenings::News news(const std::string& id, const BreakerRecord& is, bool was_closed = true) {
  return {.id = id, .what = {.is = is, .was_closed = was_closed, .is_order = false}};
}

TEST_CASE("TheHashOfABreakersScriptIsTheOneThatRedisComputes") {
  const RedisServer server;
  CHECK(server({"SCRIPT", "LOAD", std::string(kRedisOpeningsScript.text)}).text ==
        kRedisOpeningsScript.hash);
}

TEST_CASE("WhatIsKeptComesBackAsItWasAndItsTimeRunsDown") {
  const RedisServer server;
  Store store(server);
  CHECK(store.exchange("").id.empty());
  const BreakerRecord open{.state = State::kOpen,
                           .mode = Mode::kAutomatic,
                           .openings = 31,
                           .left = 1h,
                           .why = UINT64_MAX >> 23};
  Answer answer = store.exchange("", news("0a1b", open));
  CHECK(answer.id == "0a1b");
  CHECK(answer.is == open);
  answer = store.exchange("");
  CHECK(answer.is.left <= 1h);
  CHECK(answer.is.left > 59min);
  answer.is.left = 1h;
  CHECK(answer.is == open);
  const std::string key = RedisOpenings::key_of("encar");
  const RedisReply life = server({"PTTL", key});
  CHECK(life.integer > 3'600'000);  // and is known for a while after it
  CHECK(life.integer < 5'000'000);
  CHECK(server({"PEXPIRE", key, "1000"}).integer == 1);
  answer = store.exchange("");
  CHECK(answer.id == "0a1b");
  CHECK(answer.is.left == 0s);  // its time is over
}

TEST_CASE("AnOrderStaysUntilTheNextAndWhatNobodyWroteCountsAsNone") {
  const RedisServer server;
  Store store(server);
  const std::string key = RedisOpenings::key_of("encar");
  auto order = news("aa", {.state = State::kOpen, .mode = Mode::kForcedOpen});
  order.what.is_order = true;
  CHECK(store.exchange("", order).id == "aa");
  CHECK(server({"PTTL", key}).integer == -1);
  CHECK(store.exchange("bb").is.mode == Mode::kForcedOpen);
  for (const char* const broken :
       {"", "x", "aa", "zz 1 0 1 0 1000", "aa 3 0 1 0 1000", "aa 1 4 1 0 1000", "aa 1 0 1 0",
        "aa 1 0 1 0 1000 1", "aa 1 0 -1 0 1000"}) {
    CAPTURE(broken);
    CHECK(server({"SET", key, broken}).text == "OK");
    CHECK(store.exchange("").id.empty());
  }
  CHECK(store.exchange("", news("cc", {.state = State::kOpen, .left = 1s})).id == "cc");
}

TEST_CASE("TheScriptKeepsWhatTheRuleSaysThatItKeeps") {
  const RedisServer server;
  Store store(server);
  int number = 0;
  for (const bool is_over : {false, true}) {
    for (int kept_state = 0; kept_state < 3; ++kept_state) {
      for (int kept_mode = 0; kept_mode < 4; ++kept_mode) {
        for (int bits = 0; bits < 24; ++bits) {
          const bool was_closed = bits % 2 == 1, is_order = bits / 2 % 2 == 1;
          const bool is_known = bits / 4 % 2 == 1;
          const auto state = static_cast<State>(bits / 8);
          CAPTURE(kept_state);
          CAPTURE(kept_mode);
          CAPTURE(bits);
          CAPTURE(is_over);
          const BreakerRecord kept{.state = static_cast<State>(kept_state),
                                   .mode = static_cast<Mode>(kept_mode),
                                   .left = is_over || kept_mode != 0 || kept_state == 0 ? 0ms : 1h};
          RemoteOpenings::News first = news("aaaa", kept);
          first.what.is_order = true;
          REQUIRE(store.exchange("", first).id == "aaaa");
          const BreakerNews what{.is = {.state = state, .openings = 7, .left = 5s, .why = 3},
                                 .was_closed = was_closed,
                                 .is_order = is_order};
          const std::string id = "b" + std::to_string(++number);
          const Answer answer = store.exchange(is_known ? "aaaa" : "ffff", {{id, what}});
          const bool is_kept = is_known || policy::takes(kept, what);
          REQUIRE(answer.id == (is_kept ? id : "aaaa"));
          CHECK(answer.is.state == (is_kept ? state : kept.state));
          CHECK(answer.is.openings == (is_kept ? 7 : 0));
        }
      }
    }
  }
}

}  // namespace
}  // namespace tidegate::internal
