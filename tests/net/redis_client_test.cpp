// SPDX-License-Identifier: Apache-2.0
// The Redis client against a server that misbehaves as told.
#include "net/redis_client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/child.hpp"
#include "support/deep.hpp"
#include "support/fake_redis.hpp"
#include "support/redis_in_test.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::KvFound;
using internal::RedisClient;
using internal::RedisErrorKind;
using internal::Shard;
using internal::Task;
using Command = FakeRedis::Command;
using Peer = FakeRedis::Peer;

std::string text_of(const Status& status) { return std::string(status.message()); }

bool contains(const Status& status, std::string_view words) {
  return status.message().find(words) != std::string_view::npos;
}

void check_nothing_is_left(const RedisInTest& redis) {
  REQUIRE(eventually([&] { return redis.stats().in_flight == 0; }));
  CHECK(redis.stats().in_flight_bytes == 0);
}

void check_it_works(RedisInTest& redis) {
  std::string last;
  const bool works = eventually([&] {
    const auto found = redis.get("again");
    last = found.status().to_string();
    return found.ok() && found->value == FakeRedis::value_of("again");
  });
  CHECK_MESSAGE(works, last);
  check_nothing_is_left(redis);
}

TEST_CASE("NothingIsOpenedBeforeTheFirstVerb") {
  const FakeRedis fake;
  RedisInTest redis(fake.url());
  CHECK(redis.client().up());
  CHECK(fake.accepted() == 0);
  const auto found = redis.get("a");
  REQUIRE(found.ok());
  CHECK(found->value == "value of a");
  CHECK(found->guard == "value of guard:a");
  CHECK(found->left == 60s);
  CHECK(fake.accepted() == 1);
  check_nothing_is_left(redis);
}

TEST_CASE("TheGreetingSaysWhoWeAreAndANameMayBeRefused") {
  std::vector<std::string> said;
  const FakeRedis fake([&](Peer& peer, const Command& command) {
    if (command[0] == "GET") return false;
    std::string line;
    for (const std::string& word : command) line += word + " ";
    said.push_back(line);
    if (command[0] != "CLIENT") return false;
    peer.send("-ERR unknown command\r\n");
    return true;
  });
  RedisInTest redis("redis://me:s3cret@127.0.0.1:" + std::to_string(fake.port()) + "/7");
  CHECK(redis.number("a").status().cause() == Cause::kDecode);  // "value of a" is none
  CHECK(said == std::vector<std::string>{"AUTH me s3cret ", "SELECT 7 ", "CLIENT SETNAME tidegate ",
                                         "PING "});
}

TEST_CASE("ANameIsResolvedAndItsAddressesAreTriedInTurn") {
  const FakeRedis fake;  // on 127.0.0.1 alone; "localhost" may begin with ::1
  RedisInTest redis("redis://localhost:" + std::to_string(fake.port()));
  CHECK(redis.get("a").ok());
}

TEST_CASE("WhatIsSaidInOneTurnIsOneWrite") {
  const FakeRedis fake;
  RedisInTest redis(fake.url());
  CHECK(redis.get("a").ok());
  const int reads = fake.reads();
  std::vector<Operation<KvFound>> gets;
  on_loop(redis.shard(), [&] {
    for (int i = 0; i < 50; ++i) gets.push_back(redis.start_get("a"));
  });
  for (const auto& get : gets) CHECK(get.wait().ok());
  CHECK(fake.count("GET") == 102);
  CHECK(fake.reads() == reads + 1);
}

TEST_CASE("AServerThatIsNotThereIsDownAtOnceAndSaysWhy [X1]") {
  internal::RedisOptions options = patient();
  options.first_pause = options.longest_pause = 1h;
  RedisInTest redis("redis://127.0.0.1:" + std::to_string(FakeRedis().port()), options);
  const Status first = redis.get("a").status();
  CHECK(first.cause() == Cause::kEngineUnavailable);
  CHECK_MESSAGE(contains(first, "Connection refused"), text_of(first));
  CHECK_FALSE(redis.client().up());
  const Status second = redis.set("a", "b").status();
  CHECK(second.cause() == Cause::kEngineUnavailable);
  CHECK_MESSAGE(contains(second, "has been down for"), text_of(second));
  CHECK_MESSAGE(contains(second, "next attempt in"), text_of(second));
  CHECK(redis.stats().attempts == 1);
  CHECK(redis.stats().refused_down == 1);
  check_nothing_is_left(redis);
}

TEST_CASE("AReplyInSinglePacketsOfOneByteIsPutTogether [X13]") {
  const FakeRedis fake([](Peer& peer, const Command& command) {
    if (command[0] == "GET") peer.send_bytewise(FakeRedis::bulk(FakeRedis::value_of(command[1])));
    return command[0] == "GET";
  });
  RedisInTest redis(fake.url());
  for (int i = 0; i < 20; ++i) {
    const std::string name = "name" + std::to_string(i);
    const auto found = redis.get(name);
    REQUIRE(found.ok());
    CHECK(found->value == FakeRedis::value_of(name));
  }
  check_nothing_is_left(redis);
}

TEST_CASE("AResetBetweenRepliesLeavesTheAnsweredAnsweredAndTheRestUnknown [X1] [X13]") {
  for (const bool by_reset : {true, false}) {
    CAPTURE(by_reset);
    std::atomic<int> left{0};  // GETs to answer before the end; the guard's is one too
    const FakeRedis fake([&](Peer& peer, const Command& command) {
      if (command[0] != "GET" || left.fetch_sub(1) > 0) return false;
      by_reset ? peer.reset() : peer.close();
      return true;
    });
    RedisInTest redis(fake.url());
    left = 1'000'000;
    CHECK(redis.get("warm").ok());
    left = 20;
    std::vector<Operation<KvFound>> gets;
    for (int i = 0; i < 100; ++i) gets.push_back(redis.start_get(std::to_string(i)));
    std::size_t answered = 0;
    for (std::size_t i = 0; i < gets.size(); ++i) {
      const auto found = gets[i].wait();
      if (found.ok()) {
        CHECK(found->value == FakeRedis::value_of(std::to_string(i)));
        CHECK(answered++ == i);  // the first ones, in order
        continue;
      }
      CHECK(found.status().cause() == Cause::kEngineUnavailable);
      const bool says = contains(found.status(), "is not known") ||
                        contains(found.status(), "was not sent") ||
                        contains(found.status(), " down");
      CHECK_MESSAGE(says, text_of(found.status()));
    }
    CHECK(answered <= 10);
    left = 1'000'000;
    check_it_works(redis);
    CHECK(fake.most_open() == 1);
  }
}

TEST_CASE("AnUnaskedReplyClosesTheConnection [X11]") {
  FakeRedis fake;
  RedisInTest redis(fake.url());
  for (const char* unasked : {"+OK\r\n", "$3\r\n", "$8\r\nvalue of\r\n", "-ERR idle\r\n"}) {
    CAPTURE(unasked);
    CHECK(redis.get("a").ok());
    const auto lost = redis.stats().lost;
    fake.with_peers([&](Peer& peer) { peer.send(unasked); });
    CHECK(eventually([&] { return redis.stats().lost == lost + 1; }));
    check_it_works(redis);
  }
}

TEST_CASE("AReplyTooManyAnswersNobody [X11]") {
  const FakeRedis fake([](Peer& peer, const Command& command) {
    if (command[0] != "PTTL") return false;
    peer.send(":60000\r\n" + FakeRedis::bulk("not yours"));
    return true;
  });
  RedisInTest redis(fake.url());
  // What is one reply too many stands for the guard's; the guard's own answers nobody.
  CHECK(redis.get("a").ok());
  CHECK(eventually([&] { return redis.stats().lost == 1; }));
}

TEST_CASE("WhatIsNoReplyClosesTheConnectionAndTheErrorIsTyped [X10] [X11]") {
  const std::string nested = "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n";
  const struct {
    std::string reply;
    Cause cause;
  } rows[] = {
      {"$4294967296\r\n", Cause::kTooLarge},
      {"*288888288\r\n", Cause::kTooLarge},
      {std::string(5000, 'x'), Cause::kDecode},
      {"+" + std::string(5000, 'x'), Cause::kTooLarge},
      {nested, Cause::kTooLarge},
      {"?1\r\n", Cause::kDecode},
      {"$-2\r\n", Cause::kDecode},
      {":99999999999999999999\r\n", Cause::kDecode},
      {">2\r\n+a\r\n+b\r\n", Cause::kDecode},
      {"%1\r\n+a\r\n+b\r\n", Cause::kDecode},
      {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", Cause::kDecode},
      {"$3\r\nabcdef\r\n", Cause::kDecode},
      {std::string(100, '\0'), Cause::kDecode},
  };
  for (const auto& row : rows) {
    CAPTURE(row.reply.substr(0, 40));
    std::atomic<bool> well{true};
    const FakeRedis fake([&](Peer& peer, const Command& command) {
      if (well || command[0] != "GET") return false;
      peer.send(row.reply);
      return true;
    });
    RedisInTest redis(fake.url());
    check_it_works(redis);
    well = false;
    const auto found = redis.get("a");
    CHECK_MESSAGE(found.status().cause() == row.cause, found.status().to_string());
    CHECK(contains(found.status(), "is not known"));
    well = true;
    check_it_works(redis);
    CHECK(redis.stats().lost >= 1);
    CHECK(fake.most_open() == 1);
  }
}

TEST_CASE("AValueThatCouldNotBeReadAgainIsNotWritten") {
  const FakeRedis fake;
  RedisInTest redis(fake.url());
  const std::size_t most = redis.client().options().limits.string_bytes;
  CHECK(redis.set("a", std::string(most, 'x')).ok());
  CHECK(redis.set("a", std::string(most + 1, 'x')).status().cause() == Cause::kTooLarge);
  check_nothing_is_left(redis);
}

TEST_CASE("AServerOfAClusterIsRefusedWithoutARetryStorm [X7]") {
  for (const char* error : {"MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381",
                            "TRYAGAIN Multiple keys request during rehashing of slot",
                            "CLUSTERDOWN The cluster is down"}) {
    CAPTURE(error);
    const FakeRedis fake([&](Peer& peer, const Command& command) {
      if (command[0] != "GET") return false;
      peer.send("-" + std::string(error) + "\r\n");
      return true;
    });
    RedisInTest redis(fake.url());
    const Status first = redis.get("a").status();
    CHECK(first.cause() == Cause::kConfig);
    CHECK(contains(first, "Cluster, which is not supported"));
    CHECK(eventually([&] { return !redis.client().up(); }));
    const Status second = redis.get("a").status();
    CHECK(second.cause() == Cause::kEngineUnavailable);
    CHECK(contains(second, "Cluster, which is not supported"));
    CHECK(fake.accepted() == 1);
    CHECK(redis.stats().opened == 1);
    check_nothing_is_left(redis);
  }
}

TEST_CASE("AServerThatCannotPersistStillReads [X12]") {
  const FakeRedis fake([](Peer& peer, const Command& command) {
    if (command[0] != "EVALSHA") return false;
    peer.send("-MISCONF Redis is configured to save RDB snapshots\r\n");
    return true;
  });
  RedisInTest redis(fake.url());
  for (int i = 0; i < 20; ++i) {
    CHECK(redis.set("a", "b").status().cause() == Cause::kEngineUnavailable);
    CHECK(redis.get("a").ok());
  }
  CHECK(redis.client().up());
  CHECK(redis.stats().errors_of(RedisErrorKind::kMisconfigured) == 20);
  CHECK(fake.accepted() == 1);
}

TEST_CASE("AServerThatTakesNoMoreClientsIsTriedOneConnectionAtATime [X12] [X15]") {
  std::atomic<bool> full{true};
  const FakeRedis fake(nullptr, [&](Peer& peer) {
    if (full) peer.send("-ERR max number of clients reached\r\n");
    return !full;
  });
  RedisInTest redis(fake.url());
  const Status status = redis.get("a").status();
  CHECK(status.cause() == Cause::kEngineUnavailable);
  CHECK_MESSAGE(contains(status, "takes no more connections"), text_of(status));
  CHECK(eventually([&] { return fake.accepted() > 20; }));
  full = false;
  check_it_works(redis);
  CHECK(fake.most_open() == 1);
  CHECK(redis.stats().attempts == static_cast<std::uint64_t>(fake.accepted()));
  CHECK(redis.stats().opened == 1);
}

TEST_CASE("ASilentServerIsDownAfterSomeTimeoutsAndBackWithOneProbe [X2]") {
  std::atomic<bool> hung{false};
  const FakeRedis fake([&](Peer&, const Command&) { return hung.load(); });
  internal::RedisOptions options = patient();
  options.timeout = 5ms;
  options.connect_timeout = 20ms;
  options.failures = 3;
  RedisInTest redis(fake.url(), options);
  check_it_works(redis);
  hung = true;
  REQUIRE(eventually([&] {
    const Status status = redis.get("a").status();
    const bool typed =
        status.cause() == Cause::kDeadline || status.cause() == Cause::kEngineUnavailable;
    CHECK_MESSAGE(typed, status.to_string());
    return !redis.client().up();
  }));
  CHECK(redis.stats().timeouts >= 3);
  const auto refused = redis.stats().refused_down;
  Status status;
  for (int i = 0; i < 100; ++i) status = redis.get("a").status();
  CHECK(status.cause() == Cause::kEngineUnavailable);
  CHECK(contains(status, "has been down for"));
  CHECK(redis.stats().refused_down == refused + 100);  // nothing was tried
  CHECK(fake.most_open() == 1);
  hung = false;
  check_it_works(redis);
  CHECK(redis.client().up());
}

// As the cache's tier does.
Task<Result<KvFound>> get_within(RedisClient* client, Shard* shard, Duration timeout) {
  const Deadline until = Deadline::after(timeout, shard->now());
  auto getting = client->get("a", "guard:a");
  const auto found = co_await with_deadline(until, std::move(getting));
  co_return found;
}

TEST_CASE("AServerTooSlowForCallersWhoWaitAsLongAsTheClientIsDownToo [X3]") {
  std::atomic<bool> hung{false};
  const FakeRedis fake([&](Peer&, const Command& command) { return hung && command[0] == "GET"; });
  internal::RedisOptions options = patient();
  options.timeout = 500ms;  // two that are late while it is well would be the end of it
  options.failures = 2;
  options.first_pause = options.longest_pause = 1h;
  RedisInTest redis(fake.url(), options);
  check_it_works(redis);
  hung = true;
  REQUIRE(eventually([&] {
    const auto get = redis.start<KvFound>(
        [&] { return get_within(&redis.client(), &redis.shard(), options.timeout); });
    return get.wait().status().cause() == Cause::kEngineUnavailable;
  }));
  CHECK(redis.stats().timeouts >= 2);
}

TEST_CASE("AConnectionOnWhichNothingIsAnsweredIsGivenUpWhoeverWaits [X2]") {
  std::atomic<bool> hung{false};
  const FakeRedis fake([&](Peer&, const Command& command) {
    return hung && (command[0] == "GET" || command[0] == "PTTL");
  });
  internal::RedisOptions options = patient();
  options.stall_timeout = 5ms;
  RedisInTest redis(fake.url(), options);
  check_it_works(redis);
  hung = true;
  CHECK(eventually([&] {  // each has less time than a verb has, so that no timeout is Redis' own
    const auto late = redis.start_get("a", Deadline::after(1ms)).wait();
    CHECK_FALSE(late.ok());
    return redis.stats().lost >= 3;
  }));
  CHECK(redis.stats().timeouts == 0);
  hung = false;
  check_it_works(redis);
}

TEST_CASE("AHiccupThatMakesManyCallsLateIsOneFailureAndLateRepliesAnswerNobody [C1] [X3]") {
  std::atomic<bool> holds{false};
  std::vector<Command> held;
  FakeRedis fake([&](Peer&, const Command& command) {
    if (holds) held.push_back(command);
    return holds.load();
  });
  internal::RedisOptions options = patient();
  options.timeout = 200ms;
  options.failures = 2;
  RedisInTest redis(fake.url(), options);
  check_it_works(redis);
  holds = true;
  std::vector<Operation<KvFound>> gets;
  on_loop(redis.shard(), [&] {  // in one turn, so that all are late at once
    for (int i = 0; i < 50; ++i) gets.push_back(redis.start_get("late" + std::to_string(i)));
  });
  std::size_t late = 0;
  for (const auto& get : gets) late += get.wait().status().cause() == Cause::kDeadline;
  CHECK(late == gets.size());
  CHECK(redis.client().up());
  fake.with_peers([&](Peer& peer) {
    for (const Command& command : held) peer.answer(command);
    holds = false;
  });
  check_it_works(redis);
}

TEST_CASE("ACallEndsWithItsCancelItsDeadlineOrTheEndOfTheLoop") {
  std::atomic<bool> hung{false};
  const FakeRedis fake([&](Peer&, const Command&) { return hung.load(); });
  RedisInTest redis(fake.url());
  check_it_works(redis);
  hung = true;
  const auto cancelled = redis.start_get("a");
  cancelled.cancel();
  CHECK(cancelled.wait().status().cause() == Cause::kCancelled);
  CHECK(redis.start_get("a", Deadline::after(1ms)).wait().status().cause() == Cause::kDeadline);
  const auto closed = redis.start_get("a");
  redis.shard().close();
  CHECK(closed.wait().status().cause() == Cause::kClosed);
}

TEST_CASE("AClientThatIsDroppedWithACallInFlightEndsIt") {
  std::atomic<bool> hung{false};
  const FakeRedis fake([&](Peer&, const Command&) { return hung.load(); });
  internal::Shard shard;
  {
    auto url = internal::RedisUrl::parse(fake.url());
    auto client = std::make_shared<internal::RedisClient>(shard, *url, patient());
    const auto get = [&shard](const std::shared_ptr<internal::RedisClient>& from) {
      auto* raw = from.get();
      return Operation<KvFound>((new FlowCall<KvFound>(shard, Deadline::never(), [raw] {
                                  return raw->get("a", "g");
                                }))->begin());
    };
    CHECK(get(client).wait().ok());
    hung = true;
    const int asked = fake.count("GET");
    const auto last = get(client);
    CHECK(eventually([&] { return fake.count("GET") > asked; }));
    client.reset();
    CHECK(last.wait().status().cause() == Cause::kClosed);
  }
  CHECK(eventually([&] { return fake.open() == 0; }));
  shard.close();
  CHECK(shard.join(Deadline::after(30s)) == 0);
}

TEST_CASE("BeyondItsBoundsAVerbIsRefusedAtOnce") {
  std::atomic<bool> hung{false};
  FakeRedis fake([&](Peer&, const Command&) { return hung.load(); });
  internal::RedisOptions options = patient();
  options.max_calls = 4;
  RedisInTest redis(fake.url(), options);
  check_it_works(redis);
  hung = true;
  std::vector<Operation<KvFound>> gets;
  for (int i = 0; i < 4; ++i) gets.push_back(redis.start_get("a"));
  const Status refused = redis.get("a").status();
  REQUIRE(eventually([&] { return fake.count("PTTL") == 5; }));
  CHECK(refused.cause() == Cause::kSaturated);
  CHECK(contains(refused, "4 commands of Redis are under way, the limit is 4"));
  CHECK(redis.stats().refused_full == 1);
  CHECK(redis.client().up());
  hung = false;
  fake.with_peers([](Peer& peer) { peer.reset(); });
  for (const auto& get : gets) CHECK(get.wait().status().cause() == Cause::kEngineUnavailable);
  check_it_works(redis);
}

TEST_CASE("NoReplyReachesAnotherCallerThroughASlowServer [C1]") {
  internal::Rng rng(7);
  std::vector<Command> held;
  const FakeRedis fake([&](Peer& peer, const Command& command) {
    if (command[0] != "GET" && command[0] != "PTTL") return false;
    held.push_back(command);
    const bool last = command[1].starts_with("guard:sync");
    if (!last && rng.below(24) != 0) return true;
    for (const Command& each : held) peer.answer(each);
    held.clear();
    return true;
  });
  RedisInTest redis(fake.url());
  internal::Rng draw(8);
  int answered = 0, given_up = 0, wrong = 0;
  const int rounds = repeat(60, 1'100);  // of 32 gets, three commands each
  for (int round = 0; round < rounds; ++round) {
    std::vector<Operation<KvFound>> gets;
    std::vector<std::string> names;
    for (int i = 0; i < 31; ++i) {
      names.push_back(std::to_string(round) + "-" + std::to_string(i));
      const Duration patience = draw.between(20us, 800us);
      gets.push_back(redis.start_get(
          names.back(), draw.chance(50) ? Deadline::after(patience) : Deadline::never()));
      if (draw.chance(20)) gets[draw.below(gets.size())].cancel();
    }
    names.push_back("sync" + std::to_string(round));
    gets.push_back(redis.start_get(names.back()));
    for (std::size_t i = 0; i < gets.size(); ++i) {
      const auto found = gets[i].wait();
      const Cause cause = found.status().cause();
      if (found.ok()) {
        ++answered;
        wrong += found->value != FakeRedis::value_of(names[i]);
        wrong += found->guard != FakeRedis::value_of("guard:" + names[i]);
      } else {
        ++given_up;
        wrong += cause != Cause::kCancelled && cause != Cause::kDeadline;
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(answered > rounds);
  CHECK(given_up > rounds);
  CHECK(fake.accepted() == 1);
  check_nothing_is_left(redis);
}

}  // namespace
}  // namespace tidegate::test
