// SPDX-License-Identifier: Apache-2.0
// A second request beside one that is slow: the server's view.
#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <utility>

#include "support/event.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"
#include "tidegate/stream.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

// Says nothing to the first request, and answers those behind it.
class SilentOnce {
 public:
  std::string url(std::string_view target = "/once") const { return server_.url(target); }
  int requests() const { return server_.requests(); }

 private:
  std::atomic<int> seen_{0};
  ScriptedHttp server_{{{"/once", [this](Peer& peer, const Seen&) {
                           if (seen_++ > 0) peer.answer("second");
                         }}}};
};

void silent(Peer&, const Seen&) {}

ClientOptions hedging(std::string name) {
  return patient(std::move(name)).retry(RetryPolicy().backoff(1ms, 1ms)).hedge(1ms);
}

TEST_CASE("ASecondRequestAnswersForOneThatIsSlow") {
  SilentOnce server;
  const Client http(hedging("hedge"));
  const auto response = http.get(server.url()).start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->text() == "second");
  CHECK(response->hedged);
  CHECK(response->attempts == 2);
  CHECK(response->history.empty());
  CHECK(server.requests() == 2);
  CHECK(http.stats().hedges == 1);
  CHECK(http.stats().hedge_wins == 1);
  CHECK(http.stats().retries == 0);
  CHECK(eventually([&] { return http.stats().in_flight == 0; }));
}

TEST_CASE("WhatIsAnsweredInTimeIsSentOnce") {
  ScriptedHttp server;
  const Client http(patient("hedge-in-time").hedge(50s));
  const auto response = http.get(server.url("/")).start().wait();
  REQUIRE(response.ok());
  CHECK_FALSE(response->hedged);
  CHECK(server.requests() == 1);
}

TEST_CASE("ARequestMaySayOtherwiseThanItsClient") {
  ScriptedHttp server({{"/silent", silent}});
  SilentOnce slow;
  const Client on(hedging("hedge-on"));
  const Client off(patient("hedge-off"));
  CHECK(on.get(server.url("/silent")).hedge(false).timeout(30ms).start().wait().status().cause() ==
        Cause::kDeadline);
  CHECK(server.requests() == 1);
  const auto response = off.get(slow.url()).hedge(1ms).start().wait();
  REQUIRE(response.ok());
  CHECK(response->hedged);
}

TEST_CASE("WhatMayNotBeDoneTwiceOrIsStreamedIsNeverHedged [C5]") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(hedging("hedge-once"));
  const auto late = [&](const Request& request) {
    return request.start().wait().status().cause() == Cause::kDeadline;
  };
  const std::string url = server.url("/silent");
  CHECK(late(http.post(url).json("{}").timeout(30ms)));
  CHECK(late(http.get(url).idempotent(false).timeout(30ms)));
  Upload upload;
  CHECK(upload.finish().ok());
  CHECK(late(http.put(url).body(upload).timeout(30ms)));
  CHECK(http.get(url).timeout(30ms).stream().wait().status().cause() == Cause::kDeadline);
  CHECK(server.requests() == 4);
  CHECK(http.stats().hedges == 0);
}

TEST_CASE("AHedgeTakesOnlyAPlaceThatIsFreeAndAnAttemptThatTheBudgetHas") {
  ScriptedHttp server({{"/silent", silent}});
  const auto sent = [&](const ClientOptions& options) {
    const int before = server.requests();
    const Client http(options);
    CHECK_FALSE(http.get(server.url("/silent")).timeout(30ms).start().wait().ok());
    return server.requests() - before;
  };
  CHECK(sent(hedging("hedge-place").max_connections(1)) == 1);
  CHECK(sent(hedging("hedge-origin").max_connections_per_origin(1)) == 1);
  CHECK(sent(hedging("hedge-budget").retry(RetryPolicy().budget(0, 0, 0))) == 1);
}

TEST_CASE("AFailureWaitsForTheOther") {
  const Event failed;
  ScriptedHttp server({{"/", [&](Peer& peer, const Seen&) {
                          if (peer.number() == 0) return;
                          peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno");
                          failed.set();
                        }}});
  const Client http(hedging("hedge-fails"));
  const auto running = http.get(server.url("/")).start();
  REQUIRE(failed.wait());
  REQUIRE(eventually([&] { return server.requests() == 2; }));
  server.with_peers([](Peer& peer) {
    if (peer.number() == 0) peer.answer("first");
  });
  const auto response = running.wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->status == 200);
  CHECK(response->text() == "first");
  CHECK(response->hedged);
  CHECK(http.stats().hedge_wins == 0);
  CHECK(server.requests() == 2);
}

TEST_CASE("WhereBothFailTheRequestIsTriedAgainAndNotHedgedOnceMore") {
  ScriptedHttp server({{"/", [](Peer& peer, const Seen&) {
                          if (peer.number() > 1) peer.answer("third");
                          if (peer.number() == 1) peer.close();
                        }}});
  const Client http(hedging("hedge-both-fail"));
  const auto running = http.get(server.url("/")).start();
  REQUIRE(eventually([&] { return server.requests() == 2; }));
  server.with_peers([](Peer& peer) {
    if (peer.number() == 0) peer.close();
  });
  const auto response = running.wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->text() == "third");
  CHECK(response->hedged);
  CHECK(response->attempts == 3);
  REQUIRE(response->history.size() == 2);
  CHECK(response->history[0].find(", hedged, then a pause of ") != std::string::npos);
  CHECK(response->history[1].find("hedged") == std::string::npos);
  CHECK(http.stats().hedges == 1);
  CHECK(http.stats().retries == 1);
}

TEST_CASE("AnAttemptThatFailsBeforeTheDelayIsTriedAgainAsEver") {
  std::atomic<int> seen{0};
  ScriptedHttp server({{"/", [&](Peer& peer, const Seen&) {
                          if (++seen > 1) return peer.answer("again");
                          peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno");
                        }}});
  const Client http(hedging("hedge-early").hedge(50s));
  const auto response = http.get(server.url("/")).start().wait();
  REQUIRE(response.ok());
  CHECK(response->text() == "again");
  CHECK_FALSE(response->hedged);
  CHECK(http.stats().retries == 1);
}

TEST_CASE("AClientLearnsWhatIsSlow") {
  SilentOnce server;
  const Client http(patient("hedge-learns").hedge(true));
  for (int i = 0; i < 60; ++i) CHECK(http.get(server.url("/fast")).start().wait().ok());
  const auto response = http.get(server.url()).start().wait();
  REQUIRE(response.ok());
  CHECK(response->hedged);
  CHECK(response->text() == "second");
}

TEST_CASE("BothEndWithTheirRequest [C2] [C3]") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(hedging("hedge-ends"));
  const auto running = http.get(server.url("/silent")).start();
  REQUIRE(eventually([&] { return server.requests() == 2; }));
  CHECK(http.stats().in_flight == 2);
  running.cancel();
  CHECK(running.wait().status().cause() == Cause::kCancelled);
  CHECK(eventually([&] { return http.stats().in_flight == 0 && server.open() == 0; }));
}

}  // namespace
}  // namespace tidegate::test
