// SPDX-License-Identifier: Apache-2.0
// What a Redis client hears on channels, its rest before a fork, and who shares it.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include "support/child.hpp"
#include "support/fake_redis.hpp"
#include "support/redis_in_test.hpp"
#include "support/redis_server.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::KvFound;
using Command = FakeRedis::Command;
using Peer = FakeRedis::Peer;

std::string message(std::string_view channel, std::string_view text) {
  return "*3\r\n" + FakeRedis::bulk("message") + FakeRedis::bulk(channel) + FakeRedis::bulk(text);
}

TEST_CASE("AListenerHearsItsChannelOnAConnectionOfItsOwn") {
  FakeRedis fake;
  RedisInTest redis(fake.url());
  Listener first, second;
  redis.listen("one", first);
  redis.listen("two", second);
  REQUIRE(eventually([&] { return first.listens() && second.listens(); }));
  CHECK(fake.open() == 2);
  fake.with_peers([](Peer& peer) {
    if (peer.number() != 1) return;
    peer.send(message("one", "a") + message("two", std::string("\0\r\n", 3)));
    peer.send_bytewise(message("one", "b"));
    peer.send(message("three", "nobody's"));
  });
  REQUIRE(eventually([&] { return redis.stats().messages == 4; }));
  CHECK(first.messages() == std::vector<std::string>{"a", "b"});
  CHECK(second.messages() == std::vector<std::string>{std::string("\0\r\n", 3)});

  redis.ignore("one", first);
  REQUIRE(eventually([&] { return fake.count("UNSUBSCRIBE") == 1; }));
  redis.ignore("two", second);
  REQUIRE(eventually([&] { return fake.open() == 1; }));
  CHECK(redis.get("a").ok());
  CHECK(first.changes() == 1);
}

TEST_CASE("SeveralListenersOfAChannelHearItEachUntilItIgnoresIt") {
  FakeRedis fake;
  RedisInTest redis(fake.url());
  Listener first, second;
  redis.listen("one", first);
  REQUIRE(eventually([&] { return first.listens(); }));
  redis.listen("one", second);
  REQUIRE(eventually([&] { return second.listens(); }));
  CHECK(first.changes() == 1);
  const auto say = [&](const char* text) {
    fake.with_peers([&](Peer& peer) {
      if (peer.number() == 1) peer.send(message("one", text));
    });
  };
  say("a");
  REQUIRE(eventually([&] { return first.messages().size() == 1; }));
  REQUIRE(eventually([&] { return second.messages().size() == 1; }));
  redis.ignore("one", first);
  say("b");
  REQUIRE(eventually([&] { return second.messages().size() == 2; }));
  CHECK(first.messages().size() == 1);
  CHECK(fake.count("UNSUBSCRIBE") == 0);
  redis.ignore("one", second);
  REQUIRE(eventually([&] { return fake.open() == 1; }));
}

TEST_CASE("AListenerIsToldOnceThatItIsDeafAndOnceThatItHearsAgain [X1]") {
  FakeRedis fake;
  RedisInTest redis(fake.url());
  Listener listener;
  redis.listen("one", listener);
  for (int round = 0; round < 10; ++round) {
    REQUIRE(eventually([&] { return listener.changes() == 2 * round + 1; }));
    fake.with_peers([&](Peer& peer) {
      if (peer.number() != 1 + round) return;
      if (round % 3 == 0) peer.reset();
      if (round % 3 == 1) peer.close();
      if (round % 3 == 2) peer.send("*3\r\n:1\r\n");
      if (round % 3 == 2) peer.send("?garbage");
    });
  }
  REQUIRE(eventually([&] { return listener.changes() == 21; }));
  CHECK(listener.doubles() == 0);
  CHECK(listener.listens());
  CHECK(fake.most_open() == 2);
  redis.ignore("one", listener);
}

TEST_CASE("AListeningConnectionThatDoesNotAnswerAPingIsDead [X2]") {
  internal::RedisOptions options = patient();
  options.listen_ping = 1ms;
  std::atomic<int> pings{0};
  const FakeRedis silent([&](Peer& peer, const Command& command) {
    // The first connection is that of the verbs, the second greets with a PING of its own.
    return peer.number() == 1 && command[0] == "PING" && pings.fetch_add(1) > 0;
  });
  RedisInTest redis(silent.url(), options);
  Listener listener;
  redis.listen("one", listener);
  REQUIRE(eventually([&] { return listener.changes() >= 3; }));  // heard, deaf, heard
  CHECK(listener.doubles() == 0);
  CHECK(pings.load() >= 2);
  CHECK(silent.accepted() >= 3);
  redis.ignore("one", listener);
}

TEST_CASE("WhileTheServerIsDownTheListeningConnectionAsksNothing [X15]") {
  std::atomic<bool> hung{false};
  FakeRedis fake([&](Peer&, const Command&) { return hung.load(); });
  internal::RedisOptions options = patient();
  options.connect_timeout = 20ms;
  RedisInTest redis(fake.url(), options);
  Listener listener;
  redis.listen("one", listener);
  REQUIRE(eventually([&] { return listener.listens(); }));
  hung = true;
  const auto attempts = redis.stats().attempts;
  fake.with_peers([](Peer& peer) { peer.reset(); });
  REQUIRE(eventually([&] { return !listener.listens(); }));
  // One attempt of the listening connection may have begun before it was known.
  REQUIRE(eventually([&] { return redis.stats().attempts > attempts + 4; }));
  fake.forget_most_open();
  REQUIRE(eventually([&] { return redis.stats().attempts > attempts + 10; }));
  CHECK(fake.most_open() == 1);
  hung = false;
  REQUIRE(eventually([&] { return listener.listens(); }));
  CHECK(listener.doubles() == 0);
  redis.ignore("one", listener);
}

TEST_CASE("AnIdleClientRestsAndBeginsAnewWithTheNextVerb [F-1]") {
  FakeRedis fake;
  RedisInTest redis(fake.url());
  CHECK(redis.client().quiesce());
  CHECK(fake.accepted() == 0);
  Listener listener;
  redis.listen("one", listener);
  for (int round = 0; round < 20; ++round) {
    REQUIRE(redis.get("a").ok());
    REQUIRE(eventually([&] { return listener.listens(); }));
    REQUIRE(redis.client().quiesce());
    CHECK_FALSE(listener.listens());
    REQUIRE(eventually([&] { return fake.open() == 0; }));
    REQUIRE(eventually([&] { return redis.shard().quiesce(); }));
  }
  CHECK(listener.doubles() == 0);
  CHECK(redis.stats().in_flight == 0);
  redis.ignore("one", listener);
}

TEST_CASE("AClientRestsBesideThreadsThatAskAndListen [F-1]") {
  FakeRedis fake;
  internal::RedisOptions options = patient();
  options.memory_watch = 1h;
  RedisInTest redis(fake.url(), options);
  Listener listener;
  redis.listen("one", listener);
  std::atomic<bool> ends{false};
  std::thread asking([&] {
    while (!ends) {
      const auto found = redis.get("a");
      CHECK((found.ok() || found.status().cause() == Cause::kEngineUnavailable));
    }
  });
  int rests = 0;
  for (int i = 0; i < 500 || rests < 20; ++i) rests += redis.client().quiesce() ? 1 : 0;
  ends = true;
  asking.join();
  REQUIRE(redis.get("a").ok());
  REQUIRE(eventually([&] { return listener.listens(); }));
  redis.ignore("one", listener);
}

TEST_CASE("AClientWithACallInFlightDoesNotRest [F-1]") {
  std::atomic<bool> hung{false};
  const FakeRedis fake([&](Peer&, const Command&) { return hung.load(); });
  RedisInTest redis(fake.url());
  CHECK(redis.get("a").ok());
  hung = true;
  const auto get = redis.start_get("a");
  REQUIRE(eventually([&] { return redis.stats().in_flight == 1; }));
  CHECK_FALSE(redis.client().quiesce());
  CHECK(fake.open() == 1);
  get.cancel();
  CHECK(get.wait().status().cause() == Cause::kCancelled);
  CHECK(redis.client().quiesce());
  REQUIRE(eventually([&] { return fake.open() == 0; }));
}

// With the real server, which is no thread of this process.
TEST_CASE("ParentAndChildOfAForkHaveConnectionsOfTheirOwn [F-1]") {
  const RedisServer server;
  const internal::RedisUrl url = *internal::RedisUrl::parse(server.url());
  const auto get = [&] {
    const auto client = internal::redis_client(url, patient());
    auto* const call =
        new FlowCall<KvFound>(internal::Runtime::current().shard(), Deadline::never(),
                              [raw = client.get()] { return raw->get("a", "g"); });
    return Operation<KvFound>(call->begin()).wait().ok();
  };
  const auto connections = [&] {
    RedisAdmin admin = server.admin();
    const std::string clients = admin({"CLIENT", "LIST"}).text;
    return std::count(clients.begin(), clients.end(), '\n') - 1;
  };
  const auto held = internal::redis_client(url, patient());
  CHECK(get());
  CHECK(connections() == 1);
  REQUIRE(eventually([] { return quiesce(); }));
  REQUIRE(eventually([&] { return connections() == 0; }));
  const int code = in_child([&] {
    const auto own = internal::redis_client(url, patient());
    const bool worked = own != held && get() && get() && connections() == 1;
    return worked && shutdown(5s).ok() ? 7 : 1;
  });
  CHECK(code == 7);
  CHECK(get());
  REQUIRE(eventually([] { return quiesce(); }));
}

TEST_CASE("ClientsOfOneUrlAreOneClient") {
  const internal::RedisUrl url = *internal::RedisUrl::parse("redis://127.0.0.1:1/3");
  internal::RedisUrl other = url;
  other.database = 4;
  internal::RedisOptions slower;
  slower.timeout = 1s;
  const auto first = internal::redis_client(url, {});
  CHECK(internal::redis_client(url, {}) == first);
  CHECK(internal::redis_client(other, {}) != first);
  CHECK(internal::redis_client(url, slower) != first);
  std::weak_ptr<internal::RedisClient> gone = internal::redis_client(other, {});
  CHECK(gone.expired());
}

}  // namespace
}  // namespace tidegate::test
