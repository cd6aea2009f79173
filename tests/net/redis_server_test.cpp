// SPDX-License-Identifier: Apache-2.0
// The Redis client against the real server, well and unwell.
#include "support/redis_server.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/redis_in_test.hpp"
#include "tidegate/log.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::KvFound;
using internal::RedisErrorKind;
using internal::RedisReply;

bool contains(const Status& status, std::string_view words) {
  return status.message().find(words) != std::string_view::npos;
}

// Quick to see that a server is down; the machine may be slow, so success is waited for.
internal::RedisOptions hasty() {
  internal::RedisOptions options = patient();
  options.timeout = 20ms;
  options.connect_timeout = 100ms;
  options.failures = 3;
  return options;
}

void check_it_works(RedisInTest& redis) {
  std::string last;
  const bool works = eventually([&] {
    const auto set = redis.set("works", "yes");
    const auto found = redis.get("works");
    last = set.status().to_string() + "; " + found.status().to_string();
    return set.ok() && found.ok() && found->value == "yes";
  });
  CHECK_MESSAGE(works, last);
  CHECK(eventually([&] { return redis.client().up(); }));
  CHECK(eventually([&] {
    const internal::RedisStats stats = redis.stats();
    return stats.in_flight == 0 && stats.in_flight_bytes == 0;
  }));
}

// Asks a server that may be unwell, whose failures are typed.
Status ask(RedisInTest& redis) {
  Status status = redis.get("a").status();
  const Cause cause = status.cause();
  const bool typed = status.ok() || cause == Cause::kDeadline || cause == Cause::kEngineBusy ||
                     cause == Cause::kEngineUnavailable;
  CHECK_MESSAGE(typed, status.to_string());
  return status;
}

// Asks until the client takes the server for down. The status that a verb then ends with at once.
Status until_down(RedisInTest& redis) {
  Status last;
  const bool down = eventually([&] {
    last = ask(redis);
    return contains(last, "has been down for");
  });
  CHECK(down);
  return last;
}

// Whether the client takes the server for down before the time is over.
bool down_within(RedisInTest& redis, Duration time) {
  const Deadline until = Deadline::after(time);
  while (!until.passed(Deadline::now())) {
    if (contains(ask(redis), "has been down for")) return true;
  }
  return false;
}

TEST_CASE("WhatWasSetIsFoundWithItsLifeAndAMissSaysTheGuard") {
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

TEST_CASE("TheHashesOfTheScriptsAreThoseThatRedisComputesAndMayBeForgotten") {
  const RedisServer server;
  RedisInTest redis(server.url());
  for (const internal::RedisScript& script :
       {internal::kRedisSetScript, internal::kRedisInvalidateScript, internal::kRedisRaiseScript}) {
    CHECK(server({"SCRIPT", "LOAD", std::string(script.text)}).text == script.hash);
  }
  CHECK(redis.set("a", "1").value_or(false));
  CHECK(server({"SCRIPT", "FLUSH"}).text == "OK");
  CHECK(redis.set("a", "2").value_or(false));
  CHECK(redis.get("a")->value == "2");
  CHECK(redis.invalidate("a", "token").ok());
  CHECK(redis.raise("n").ok());
}

TEST_CASE("AnInvalidationOvertakesTheWritesOfEarlierLoadsAndIsHeard") {
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
  redis.ignore("channel", listener);
}

TEST_CASE("ANumberBeginsAtTheServersTimeGrowsAndIsToldOf") {
  const RedisServer server;
  RedisInTest redis(server.url());
  Listener listener;
  redis.listen("channel", listener);
  REQUIRE(eventually([&] { return listener.listens(); }));
  const auto seconds = [&] { return std::stoll(server({"TIME"}).elements.at(0).text); };
  const std::int64_t before = seconds();
  const std::int64_t begun = redis.number("n").value_or(-1);
  CHECK(begun / 1'000'000 >= before);
  CHECK(begun / 1'000'000 <= seconds());
  CHECK(internal::KvNumber::has_begun(begun));
  CHECK(redis.number("n", begun + 1000).value_or(-1) == begun);
  std::int64_t last = begun;
  for (int i = 0; i < 3; ++i) {
    const std::int64_t raised = redis.raise("n").value_or(-1);
    CHECK(raised > last);
    CHECK_FALSE(internal::KvNumber::has_begun(raised));
    CHECK(redis.number("n").value_or(-1) == raised);
    last = raised;
  }
  REQUIRE(eventually([&] { return listener.messages().size() == 4; }));
  CHECK(listener.messages() == std::vector<std::string>{"begun", "raised", "raised", "raised"});
  redis.ignore("channel", listener);
}

TEST_CASE("ANumberThatIsEvictedBeginsWithOneThatNeverWas") {
  const RedisServer server;
  RedisInTest redis(server.url());
  RedisInTest other(server.url());
  std::int64_t last = redis.number("n").value_or(-1);
  last = std::max(last, redis.raise("n", last).value_or(-1));
  for (int i = 0; i < 3; ++i) {
    CHECK(server({"DEL", "n"}).integer == 1);
    const bool begins = i != 1;
    const std::int64_t now = (begins ? redis.number("n") : redis.raise("n")).value_or(-1);
    CHECK(now > last);
    CHECK(internal::KvNumber::has_begun(now) == begins);
    CHECK(other.number("n").value_or(-1) == now);
    last = now;
  }
}

// A clock that goes back, and a server that lost its last second.
TEST_CASE("ANumberGrowsBeyondWhatWasSeenAndBeyondWhatIsThere") {
  const RedisServer server;
  RedisInTest redis(server.url());
  const std::int64_t later = std::int64_t{4'000'000'000} * 1'000'000;
  CHECK(redis.number("begun", later).value_or(-1) == later + 2);
  CHECK(redis.raise("begun").value_or(-1) == later + 3);
  CHECK(redis.raise("begun", later).value_or(-1) == later + 5);
  CHECK(redis.raise("begun", later + 99).value_or(-1) == later + 101);
  CHECK(redis.raise("raised", later).value_or(-1) == later + 1);
  // What is no number is none; what is no string is somebody else's.
  CHECK(server({"SET", "words", "a few"}).text == "OK");
  CHECK(redis.number("words").status().cause() == Cause::kDecode);
  CHECK(redis.raise("words", later).value_or(-1) == later + 1);
  CHECK(server({"LPUSH", "list", "1"}).integer == 1);
  CHECK(redis.number("list").status().cause() == Cause::kDecode);
  CHECK(redis.raise("list").status().cause() == Cause::kDecode);
}

TEST_CASE("WhereTheServerDoesNotSayItsTimeANumberBeginsAtTheHosts") {
  const RedisServer server;
  CHECK(server({"ACL", "SETUSER", "plain", "on", ">pw", "~*", "&*", "+@all", "-time"}).text ==
        "OK");
  RedisInTest redis("redis://plain:pw@127.0.0.1:" + std::to_string(server.port()));
  const std::int64_t begun = redis.number("n").value_or(-1);
  CHECK(begun / 1'000'000 >= std::stoll(server({"TIME"}).elements.at(0).text) - 60);
  CHECK(redis.raise("n").value_or(-1) > begun);
}

TEST_CASE("AKilledServerIsDownAndItsReturnIsNoticed [X1]") {
  RedisServer server;
  RedisInTest redis(server.url());
  check_it_works(redis);
  Listener listener;
  redis.listen("channel", listener);
  REQUIRE(eventually([&] { return listener.listens(); }));
  std::vector<Operation<KvFound>> gets;
  for (int i = 0; i < 200; ++i) {
    gets.push_back(redis.start_get("works"));
    if (i == 100) server.kill();
  }
  for (const auto& get : gets) {
    const auto found = get.wait();
    const bool typed = found.ok() || found.status().cause() == Cause::kEngineUnavailable;
    CHECK_MESSAGE(typed, found.status().to_string());
  }
  CHECK(contains(until_down(redis), "Connection refused"));
  CHECK(eventually([&] { return !listener.listens(); }));
  server.start();
  check_it_works(redis);
  CHECK(eventually([&] { return listener.listens(); }));
  redis.ignore("channel", listener);
}

TEST_CASE("AConnectionThatTheServerKillsIsMadeAgain [X1]") {
  const RedisServer server;
  RedisInTest redis(server.url());
  Listener listener;
  redis.listen("channel", listener);
  check_it_works(redis);
  REQUIRE(eventually([&] { return listener.listens(); }));
  RedisAdmin admin = server.admin();
  for (const char* type : {"normal", "pubsub"}) {
    const auto connections = redis.stats().connections;
    CHECK(admin({"CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"}).integer == 1);
    CHECK(eventually([&] { return redis.stats().connections == connections + 1; }));
    check_it_works(redis);
    CHECK(eventually([&] { return listener.listens(); }));
  }
  CHECK(listener.doubles() == 0);
  const std::string clients = admin({"CLIENT", "LIST"}).text;
  CHECK(clients.find("name=tidegate") != std::string::npos);
  redis.ignore("channel", listener);
}

TEST_CASE("AHungServerIsDownThoughItTakesConnections [X2]") {
  const RedisServer server;
  RedisInTest redis(server.url(), hasty());
  check_it_works(redis);
  server.signal(SIGSTOP);
  const Status down = until_down(redis);
  CHECK(down.cause() == Cause::kEngineUnavailable);
  CHECK(redis.stats().timeouts >= 1);
  // The probes do not get through either.
  const auto attempts = redis.stats().attempts;
  CHECK(eventually([&] { return redis.stats().attempts > attempts + 1; }));
  CHECK_FALSE(redis.client().up());
  server.signal(SIGCONT);
  check_it_works(redis);
}

TEST_CASE("ASlowServerIsLateAndThenBack [X3]") {
  const RedisServer server;
  RedisInTest redis(server.url(), hasty());
  check_it_works(redis);
  RedisAdmin admin = server.admin();
  // A busy machine may not find the time for three timeouts while it is slow: then once more.
  CHECK(eventually([&] {
    admin.send({"DEBUG", "SLEEP", "0.3"});
    const bool down = down_within(redis, 300ms);
    CHECK(admin.receive().text == "OK");
    return down;
  }));
  check_it_works(redis);
  CHECK(eventually([&] {
    CHECK(admin({"CLIENT", "PAUSE", "300", "ALL"}).text == "OK");
    return down_within(redis, 300ms);
  }));
  check_it_works(redis);
}

TEST_CASE("AServerThatRunsAScriptForEverIsBusy [X3]") {
  const RedisServer server({"--busy-reply-threshold", "1"});
  RedisInTest redis(server.url());
  check_it_works(redis);
  RedisAdmin admin = server.admin();
  admin.send({"EVAL", "while true do end", "0"});
  REQUIRE(eventually([&] { return server({"PING"}).text.starts_with("BUSY"); }));
  CHECK(contains(until_down(redis), "busy with a script"));
  CHECK(redis.stats().errors_of(RedisErrorKind::kBusy) >= 1);
  CHECK(server({"SCRIPT", "KILL"}).text == "OK");
  CHECK(admin.receive().kind == RedisReply::Kind::kError);
  check_it_works(redis);
}

TEST_CASE("AFullServerRefusesWritesAndGoesOnReading [X4]") {
  const RedisServer server;
  RedisInTest redis(server.url());
  check_it_works(redis);
  CHECK(server({"CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction"}).text ==
        "OK");
  const std::string large(100'000, 'x');
  Status refused;
  for (int i = 0; i < 100 && refused.ok(); ++i) {
    refused = redis.set("large" + std::to_string(i), large).status();
  }
  CHECK(refused.cause() == Cause::kEngineBusy);
  CHECK(contains(refused, "Redis is full: OOM"));
  for (int i = 0; i < 20; ++i) {
    CHECK(redis.set("large", large).status().cause() == Cause::kEngineBusy);
    CHECK(redis.get("works")->value == "yes");
  }
  CHECK(redis.client().up());
  CHECK(redis.stats().opened == 0);
  CHECK(redis.stats().lost == 0);
  CHECK(redis.stats().errors_of(RedisErrorKind::kFull) == 21);
}

// Else every process would forget again what one of them can only try to have forgotten.
TEST_CASE("WhatAServerRefusesToWriteIsToldToNobody [X4] [X6] [X8]") {
  const RedisServer server;
  CHECK(server({"ACL", "SETUSER", "poor", "on", ">pw", "~*", "&*", "+@all", "-set"}).text == "OK");
  const struct {
    std::string user;
    std::vector<std::vector<std::string>> before;
    std::vector<std::vector<std::string>> after;
    RedisErrorKind kind;
  } rows[] = {{"",
               {{"CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction"}},
               {{"CONFIG", "SET", "maxmemory", "0"}},
               RedisErrorKind::kFull},
              {"",
               {{"REPLICAOF", "127.0.0.1", "1"}},
               {{"REPLICAOF", "NO", "ONE"}},
               RedisErrorKind::kReadOnly},
              {"poor:pw@", {}, {}, RedisErrorKind::kOther}};
  for (const auto& row : rows) {
    CAPTURE(static_cast<int>(row.kind));
    RedisInTest redis("redis://" + row.user + "127.0.0.1:" + std::to_string(server.port()));
    Listener listener;
    redis.listen("channel", listener);
    REQUIRE(eventually([&] { return listener.listens(); }));
    for (const auto& command : row.before) CHECK(server(command).text == "OK");
    CHECK_FALSE(redis.raise("n").ok());
    CHECK_FALSE(redis.number("n").ok());
    CHECK_FALSE(redis.invalidate("a", "token").ok());
    for (const auto& command : row.after) CHECK(server(command).text == "OK");
    CHECK(redis.stats().errors_of(row.kind) == 3);
    CHECK(server({"PUBLISH", "channel", "the end"}).integer == 1);
    REQUIRE(eventually([&] { return !listener.messages().empty(); }));
    CHECK(listener.messages() == std::vector<std::string>{"the end"});
    redis.ignore("channel", listener);
  }
}

TEST_CASE("AServerThatLoadsItsDataIsDownUntilItHas [X5]") {
  RedisServer server;
  CHECK(server({"DEBUG", "POPULATE", "2000", "key", "2000"}).text == "OK");
  CHECK(server({"SAVE"}).text == "OK");
  RedisInTest redis(server.url());
  check_it_works(redis);
  server.kill();
  server.start({"--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"});
  Status down;
  CHECK(eventually([&] {
    down = redis.get("a").status();
    return contains(down, "loading its data");
  }));
  CHECK(down.cause() == Cause::kEngineUnavailable);
  CHECK_FALSE(redis.client().up());
  server.kill();
  server.start({});
  check_it_works(redis);
}

TEST_CASE("AReplicaReadsAndWithoutItsMasterIsDown [X6]") {
  const RedisServer server;
  RedisInTest redis(server.url());
  check_it_works(redis);
  CHECK(server({"REPLICAOF", "127.0.0.1", "1"}).text == "OK");
  for (int i = 0; i < 20; ++i) {
    const Status refused = redis.set("works", "no").status();
    CHECK(refused.cause() == Cause::kEngineUnavailable);
    CHECK(contains(refused, "Redis takes no writes: READONLY"));
    CHECK(redis.invalidate("works", "token").cause() == Cause::kEngineUnavailable);
    CHECK(redis.get("works")->value == "yes");
  }
  CHECK(redis.client().up());
  CHECK(redis.stats().lost == 0);
  CHECK(server({"CONFIG", "SET", "replica-serve-stale-data", "no"}).text == "OK");
  CHECK(contains(until_down(redis), "replica without its master"));
  CHECK(server({"REPLICAOF", "NO", "ONE"}).text == "OK");
  check_it_works(redis);
}

TEST_CASE("DeniedAccessIsPermanentNamedAndHidesThePassword [X8]") {
  static std::mutex mutex;
  static std::string log;
  set_log_sink([](LogLevel, std::string_view line) {
    std::lock_guard lock(mutex);
    log += line;
  });
  const RedisServer server({"--requirepass", "s3cret"});
  const std::string at = "127.0.0.1:" + std::to_string(server.port());
  const struct {
    std::string url;
    std::string_view says;
  } rows[] = {{"redis://:wr0ng@" + at, "WRONGPASS"},
              {"redis://who:wr0ng@" + at, "WRONGPASS"},
              {"redis://" + at, "NOAUTH"},
              {"redis://:s3cret@" + at + "/99", "DB index is out of range"}};
  for (const auto& row : rows) {
    CAPTURE(row.says);
    internal::RedisOptions options = patient();
    options.permanent_pause = 2h;
    RedisInTest redis(row.url, options);
    const auto attempts = redis.stats().attempts;  // shared by what looks the same
    for (int i = 0; i < 20; ++i) {
      const Status status = redis.get("a").status();
      CHECK(status.cause() == Cause::kEngineUnavailable);
      CHECK_MESSAGE(contains(status, row.says), status.to_string());
      CHECK_FALSE(contains(status, "s3cret"));
      CHECK_FALSE(contains(status, "wr0ng"));
    }
    CHECK(redis.stats().attempts == attempts + 1);  // no retry storm
  }
  RedisInTest redis("redis://:s3cret@" + at);
  check_it_works(redis);
  std::lock_guard lock(mutex);
  CHECK(log.find("s3cret") == std::string::npos);
  CHECK(log.find("wr0ng") == std::string::npos);
  set_log_sink(nullptr);
}

TEST_CASE("AUserWhoMayOnlyReadReads [X8]") {
  const RedisServer server;
  CHECK(server({"SET", "a", "1"}).text == "OK");
  CHECK(server({"ACL", "SETUSER", "reader", "on", ">pw", "~*", "+get", "+pttl", "+ping"}).text ==
        "OK");
  RedisInTest redis("redis://reader:pw@127.0.0.1:" + std::to_string(server.port()));
  for (int i = 0; i < 20; ++i) {
    CHECK(redis.set("a", "2").status().cause() == Cause::kConfig);
    CHECK(redis.get("a")->value == "1");
  }
  CHECK(redis.stats().lost == 0);
  CHECK(redis.stats().errors_of(RedisErrorKind::kDenied) == 20);
}

TEST_CASE("AKeyOfAnotherTypeIsAMissThatIsCounted [X9]") {
  const RedisServer server;
  RedisInTest redis(server.url());
  CHECK(server({"LPUSH", "a", "1"}).integer == 1);
  CHECK(server({"LPUSH", "guard:b", "1"}).integer == 1);
  CHECK(server({"SET", "forever", "1"}).text == "OK");
  const auto found = redis.get("a");
  REQUIRE(found.ok());
  CHECK_FALSE(found->value);
  CHECK(found->left == 0s);
  CHECK(redis.get("b")->guard.empty());
  CHECK(redis.get("forever")->value == "1");
  CHECK(redis.get("forever")->left == 0s);
  CHECK(redis.stats().errors_of(RedisErrorKind::kWrongType) == 2);
  CHECK(redis.number("a").status().cause() == Cause::kDecode);
  CHECK(redis.set("b", "x").status().cause() == Cause::kDecode);
  CHECK(redis.client().up());
  // SET takes the place of whatever was there.
  CHECK(redis.set("a", "x").value_or(false));
  CHECK(redis.get("a")->value == "x");
}

TEST_CASE("AServerWithoutRoomForUsIsDownAndItsRoomIsNoticed [X12]") {
  const RedisServer server({"--maxclients", "2"});
  RedisAdmin first = server.admin();
  CHECK(first({"PING"}).text == "PONG");
  std::optional<RedisAdmin> second;
  CHECK(eventually([&] {  // the connection that saw the server start is still in the way
    second.emplace(server.port());
    return (*second)({"PING"}).text == "PONG";
  }));
  RedisInTest redis(server.url());
  CHECK(contains(until_down(redis), "takes no more connections"));
  second.reset();
  check_it_works(redis);
}

TEST_CASE("AServersMemoryIsWatchedAndADefaultThatHurtsIsSaidOnce") {
  static std::mutex mutex;
  static std::vector<std::string> lines;
  lines.clear();
  set_log_sink([](LogLevel, std::string_view line) {
    std::lock_guard lock(mutex);
    lines.emplace_back(line);
  });
  const RedisServer server;
  internal::RedisOptions options = patient();
  options.memory_watch = 1ms;
  {
    RedisInTest redis(server.url(), options);
    check_it_works(redis);
    CHECK(eventually([&] { return redis.stats().used_memory > 100'000; }));
    CHECK(redis.stats().max_memory == 0);
    CHECK(server({"CONFIG", "SET", "maxmemory", "3mb"}).text == "OK");
    CHECK(eventually([&] { return redis.stats().max_memory == 3 << 20; }));
    CHECK(redis.stats().no_eviction == 1);
    CHECK(server({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"}).text == "OK");
    CHECK(eventually([&] { return redis.stats().no_eviction == 0; }));
    const std::string large(100'000, 'x');
    for (int i = 0; i < 60; ++i) CHECK(redis.set("large" + std::to_string(i), large).ok());
    CHECK(eventually([&] { return redis.stats().evicted_keys > 0; }));
  }
  std::lock_guard lock(mutex);
  CHECK(lines.size() == 1);
  CHECK(lines.at(0).find("has no memory limit") != std::string::npos);
  set_log_sink(nullptr);
}

TEST_CASE("AUserWhoMayNotAskForTheMemoryIsServedAllTheSame") {
  const RedisServer server;
  CHECK(server({"ACL", "SETUSER", "plain", "on", ">pw", "~*", "+@all", "-info"}).text == "OK");
  internal::RedisOptions options = patient();
  options.memory_watch = 1ms;
  RedisInTest redis("redis://plain:pw@127.0.0.1:" + std::to_string(server.port()), options);
  for (int i = 0; i < 100; ++i) check_it_works(redis);
  CHECK(redis.stats().connections == 1);
}

TEST_CASE("AUnixSocketIsAServerToo") {
  RedisServer server;
  server.kill();
  const std::string path = server.directory() + "/redis.sock";
  server.start({"--unixsocket", path});
  RedisInTest redis("unix://" + path);
  check_it_works(redis);
  server.kill();
  CHECK(until_down(redis).cause() == Cause::kEngineUnavailable);
}

}  // namespace
}  // namespace tidegate::test
