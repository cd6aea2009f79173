// SPDX-License-Identifier: Apache-2.0
// What is sent again, and what is not: the server's view.
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/event.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

// Patient, and with pauses that nobody notices.
ClientOptions retrying(std::string name, RetryPolicy policy = {}) {
  return patient(std::move(name)).retry(policy.backoff(1ms, 1ms));
}

void answer(Peer& peer, int status, std::string_view fields = {}) {
  peer.send("HTTP/1.1 " + std::to_string(status) + " Status\r\n" + std::string(fields) +
            "Content-Length: 2\r\n\r\nno");
}

// Answers with `status` so many times, and with 200 from then on.
class Flaky {
 public:
  Flaky(int status, int times, std::string fields = {})
      : left_(times), server_({{"/", [this, status, fields](Peer& peer, const Seen&) {
                                  if (left_-- > 0) return answer(peer, status, fields);
                                  peer.answer("at last");
                                }}}) {}
  std::string url() const { return server_.url("/"); }
  int requests() const { return server_.requests(); }

 private:
  std::atomic<int> left_;
  ScriptedHttp server_;
};

TEST_CASE("AnAnswerThatMayBeBetterNextTimeIsAskedForAgain") {
  for (const int status : {429, 500, 502, 503, 504}) {
    Flaky server(status, 2);
    const Client http(retrying("again"));
    const auto response = http.get(server.url()).start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->status == 200);
    CHECK(response->text() == "at last");
    CHECK(response->attempts == 3);
    REQUIRE(response->history.size() == 3);
    CHECK(response->history[0].starts_with("attempt 1 of 4: " + std::to_string(status)));
    CHECK(server.requests() == 3);
  }
}

TEST_CASE("TheLastAnswerIsTheOutcomeWhereNoneIsBetter") {
  Flaky server(503, 1000);
  const Client http(retrying("exhausted"));
  const auto response = http.get(server.url()).start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->status == 503);
  CHECK(response->text() == "no");
  CHECK(response->attempts == 4);
  CHECK(server.requests() == 4);
  const auto single = http.get(server.url()).attempts(1).start().wait();
  CHECK(single->attempts == 1);
  CHECK(single->history.empty());
  CHECK(http.get(server.url()).retry(RetryPolicy::none()).start().wait()->attempts == 1);
  CHECK(server.requests() == 6);
}

TEST_CASE("WhatIsNotIdempotentIsSentOnceUnlessItsCallerSaysOtherwise [C5]") {
  Flaky server(503, 1000);
  const Client http(retrying("once"));
  const auto sent = [&](const Request& request) {
    const int before = server.requests();
    const auto response = request.start().wait();
    CHECK_MESSAGE(response.ok(), response.status().to_string());
    return server.requests() - before;
  };
  CHECK(sent(http.post(server.url()).json("{}")) == 1);
  CHECK(sent(http.patch(server.url()).json("{}")) == 1);
  CHECK(sent(http.get(server.url()).idempotent(false)) == 1);
  CHECK(sent(http.put(server.url()).json("{}")) == 4);
  CHECK(sent(http.post(server.url()).json("{}").idempotent(true)) == 4);
  CHECK(sent(http.post(server.url()).json("{}").header("Idempotency-Key", "a")) == 4);
  CHECK(sent(http.post(server.url()).json("{}").idempotency_key()) == 4);
  const RetryPolicy every = RetryPolicy().backoff(0s, 0s).every_method(true);
  CHECK(sent(http.post(server.url()).retry(every)) == 4);
  CHECK(sent(http.post(server.url()).retry(every).idempotent(false)) == 1);
}

TEST_CASE("AKeyIsTheSameInEveryAttemptAndAnotherForEveryCall") {
  std::mutex mutex;
  std::vector<std::string> keys;
  ScriptedHttp server({{"/", [&](Peer& peer, const Seen& seen) {
                          const auto at = seen.head.find("Idempotency-Key: ");
                          const std::lock_guard lock(mutex);
                          keys.push_back(at == std::string::npos ? ""
                                                                 : seen.head.substr(at + 17, 36));
                          answer(peer, 503);
                        }}});
  const Client http(retrying("keys"));
  const Request request = http.post(server.url("/")).json("{}").idempotency_key();
  CHECK(request.start().wait()->attempts == 4);
  CHECK(request.start().wait()->attempts == 4);
  REQUIRE(keys.size() == 8);
  CHECK(std::set(keys.begin(), keys.begin() + 4).size() == 1);
  CHECK(std::set(keys.begin(), keys.end()).size() == 2);
  CHECK(keys[0][14] == '4');
  CHECK(http.post(server.url("/")).idempotency_key("mine").start().wait()->attempts == 4);
  CHECK(keys.back().starts_with("mine\r\n"));
  CHECK(http.post(server.url("/")).idempotency_key("a\nb").start().wait().status().cause() ==
        Cause::kBadArgument);
}

TEST_CASE("WhereNobodyListensEvenAPostIsTriedAgain") {
  std::string url;
  {
    const ScriptedHttp gone;
    url = gone.url("/");
  }
  const Client http(retrying("nobody"));
  const auto refused = http.post(url).json("{}").start().wait();
  REQUIRE_FALSE(refused.ok());
  const Status status = refused.status();
  CHECK(status.cause() == Cause::kConnect);
  CHECK(status.attempts() == 4);
  CHECK(status.history().size() == 4);
  CHECK_MESSAGE(status.message().find("(attempt 4 of 4)") != std::string_view::npos,
                status.to_string());
  CHECK(http.stats().retries == 3);
}

TEST_CASE("AConnectionThatIsLostIsTriedAgainAndAPostIsNot [C5] [P6]") {
  ScriptedHttp server({{"/", [](Peer& peer, const Seen&) { peer.reset(); }}});
  const Client http(retrying("lost"));
  const auto get = http.get(server.url("/")).start().wait();
  CHECK(get.status().cause() == Cause::kConnectionLost);
  CHECK(server.requests() == 4);
  const auto post = http.post(server.url("/")).json("{}").start().wait();
  CHECK(post.status().cause() == Cause::kConnectionLost);
  CHECK_MESSAGE(post.status().message().find("may not be sent twice") != std::string_view::npos,
                post.status().to_string());
  CHECK(server.requests() == 5);
  CHECK(http.stats().in_flight == 0);
}

TEST_CASE("AServerThatAsksForMoreTimeThanThereIsGetsNoSecondRequest [C9]") {
  const Client http(retrying("wish"));
  for (const char* field : {"Retry-After: 120\r\n", "Retry-After: 59\r\n",
                            "Retry-After-Ms: 59000\r\n", "Retry-After: 1000000000000000000\r\n"}) {
    CAPTURE(field);
    Flaky server(503, 1000, field);
    const auto response = http.get(server.url()).timeout(50s).start().wait();
    REQUIRE(response.ok());
    CHECK(response->status == 503);
    CHECK(server.requests() == 1);
  }
  for (const char* field : {"Retry-After: 0\r\n", "Retry-After: -7\r\n", "Retry-After: soon\r\n",
                            "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                            "Retry-After-Ms: 1\r\nRetry-After: 120\r\n"}) {
    CAPTURE(field);
    Flaky server(503, 1, field);
    CHECK(http.get(server.url()).start().wait()->status == 200);
    CHECK(server.requests() == 2);
  }
}

TEST_CASE("AServiceThatIsDownGetsAFifthMoreRequestsAndNotFourTimesAsMany [C8]") {
  Flaky server(503, 1'000'000);
  const Client http(retrying("storm", RetryPolicy().budget(0.2, 0, 10)));
  constexpr int kCalls = 500;
  for (int i = 0; i < kCalls; ++i) CHECK(http.get(server.url()).start().wait()->status == 503);
  CHECK(server.requests() <= kCalls + kCalls / 5 + 10);
  CHECK(server.requests() >= kCalls + kCalls / 5 - 1);
  const ClientStats stats = http.stats();
  CHECK(stats.retries == static_cast<std::uint64_t>(server.requests() - kCalls));
  CHECK(stats.out_of_budget > 0);
}

TEST_CASE("AFaultOfTheRequestIsNotTriedAgain") {
  const Client http(retrying("fault"));
  const auto bad = http.get("ftp://example.test/").start().wait();
  CHECK(bad.status().cause() == Cause::kBadArgument);
  CHECK(bad.status().attempts() == 0);
  CHECK(bad.status().history().empty());
  CHECK(http.stats().retries == 0);
}

TEST_CASE("ACancelEndsAPauseAtOnce") {
  Flaky server(503, 1000, "Retry-After: 30\r\n");
  const Client http(retrying("cancel"));
  const auto waiting = http.get(server.url()).start();
  CHECK(eventually([&] { return http.stats().retries == 1; }));
  CHECK(http.stats().in_flight == 0);  // a pause holds no place
  waiting.cancel();
  CHECK(waiting.wait().status().cause() == Cause::kCancelled);
  CHECK(server.requests() == 1);
}

}  // namespace
}  // namespace tidegate::test
