// SPDX-License-Identifier: Apache-2.0
// A client against a server that does as it is told.
#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"
#include "tidegate/page.hpp"
#include "tidegate/version.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

void silent(Peer&, const Seen&) {}

TEST_CASE("EveryVerbSendsItsMethodAndBringsAResponse") {
  ScriptedHttp server({{"/gone", [](Peer& peer, const Seen&) {
                          peer.send("HTTP/1.1 410 Gone\r\nContent-Length: 3\r\nX-A: b\r\n\r\nbye");
                        }}});
  const Client http(patient("verbs"));
  const auto method_of = [&](const Request& request) {
    const auto response = request.start().wait();
    CHECK_MESSAGE(response.ok(), response.status().to_string());
    return server.last().method;
  };
  CHECK(method_of(http.get(server.url("/"))) == "GET");
  CHECK(method_of(http.head(server.url("/"))) == "HEAD");
  CHECK(method_of(http.post(server.url("/"))) == "POST");
  CHECK(method_of(http.put(server.url("/"))) == "PUT");
  CHECK(method_of(http.patch(server.url("/"))) == "PATCH");
  CHECK(method_of(http.del(server.url("/"))) == "DELETE");
  CHECK(method_of(http.options(server.url("/"))) == "OPTIONS");
  const auto gone = http.get(server.url("/gone")).start().wait();
  REQUIRE(gone.ok());
  CHECK(gone->status == 410);
  CHECK_FALSE(gone->ok());
  CHECK(gone->text() == "bye");
  CHECK(gone->headers.find("x-a") == "b");
  CHECK(gone->attempts == 1);
  CHECK(gone->reused);
  CHECK(gone->timings.total >= gone->timings.first_byte);
  CHECK(gone->timings.connect == 0ns);
  CHECK(server.accepted() == 1);
}

TEST_CASE("WhatTheCallerLeavesOpenIsFilledIn") {
  ScriptedHttp server;
  const Client http(patient("fields"));
  CHECK(http.post(server.url("/a")).json("{}").start().wait().ok());
  CHECK(server.last().head ==
        "POST /a HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
            "\r\nContent-Type: application/json\r\nUser-Agent: tidegate/" + std::string(version()) +
            "\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
            "Content-Length: 2\r\n\r\n");
  CHECK(server.last().body == "{}");
  auto own = http.get(server.url("/b"));
  own.header("accept", "text/plain").header("USER-AGENT", "me").header("X-Empty", "");
  CHECK(own.start().wait().ok());
  CHECK(server.last().has("accept: text/plain\r\nUSER-AGENT: me\r\nX-Empty:\r\n"));
  CHECK_FALSE(server.last().has("tidegate"));
  CHECK(http.post(server.url("/c")).start().wait().ok());
  CHECK(server.last().has("Content-Length: 0\r\n"));
}

TEST_CASE("TheDeadlineEndsARequestWhereverItIs [P5]") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("deadline").max_connections(1));
  const auto late = http.get(server.url("/silent?token=hunter2")).timeout(30ms).start().wait();
  CHECK(late.status().cause() == Cause::kDeadline);
  CHECK(late.status().attempts() <= 1);
  CHECK(late.status().elapsed() >= 30ms);
  CHECK(late.status().message().find("no answer within 30 ms") != std::string_view::npos);
  CHECK(late.status().message().find("hunter2") == std::string_view::npos);

  const auto holder = http.get(server.url("/silent")).start();
  CHECK(eventually([&] { return http.stats().in_flight == 1; }));
  const auto queued = http.get(server.url("/x")).timeout(30ms).start().wait();
  CHECK(queued.status().cause() == Cause::kDeadline);
  CHECK(queued.status().attempts() == 0);
  const auto past = http.get(server.url("/x")).deadline(Deadline::at(Deadline::now())).start();
  CHECK(past.wait().status().cause() == Cause::kDeadline);
  holder.cancel();
  CHECK(http.get(server.url("/x")).start().wait().ok());
  CHECK(http.stats().in_flight == 0);
}

TEST_CASE("EachTimeOfARequestHasItsCause [P5] [B6]") {
  ScriptedHttp server(
      {{"/silent", silent}, {"/stops", [](Peer& peer, const Seen&) {
                               peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                             }}});
  const Client http(patient("times"));
  const auto cause = [](Request request) {
    return request.attempts(1).start().wait().status().cause();
  };
  CHECK(cause(http.get(server.url("/silent")).attempt_timeout(20ms)) == Cause::kAttemptTimeout);
  CHECK(cause(http.get(server.url("/stops")).read_timeout(20ms)) == Cause::kReadTimeout);
  CHECK(cause(http.get(server.url("/12345678")).max_body(8)) == Cause::kTooLarge);
  CHECK(cause(http.get(server.url("/1234567")).max_body(8)) == Cause::kNone);
}

TEST_CASE("WhoWaitsTooLongOrIsOneTooManyIsToldSo [C7]") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("full").max_connections(2).queue(1));
  std::vector<Operation<Response>> holders;
  for (int i = 0; i < 2; ++i) holders.push_back(http.get(server.url("/silent")).start());
  REQUIRE(eventually([&] { return server.requests() == 2; }));
  const auto waits = http.get(server.url("/a")).start();
  REQUIRE(eventually([&] { return http.stats().waiting == 1; }));
  const auto refused = http.get(server.url("/b")).attempts(1).start().wait();
  CHECK(refused.status().cause() == Cause::kQueueFull);
  waits.cancel();
  CHECK(waits.wait().status().cause() == Cause::kCancelled);
  REQUIRE(eventually([&] { return http.stats().waiting == 0; }));
  const auto late = http.get(server.url("/a")).attempts(1).pool_timeout(50ms).start().wait();
  CHECK(late.status().cause() == Cause::kPoolTimeout);
  CHECK(late.status().message().find("2 are in use") != std::string_view::npos);
  const auto next = http.get(server.url("/c")).start();
  holders[0].cancel();
  CHECK(next.wait().ok());
  holders[1].cancel();
  CHECK(holders[1].wait().status().cause() == Cause::kCancelled);
  CHECK(server.requests() == 3);
  CHECK(eventually([&] { return http.stats().in_flight == 0 && http.stats().waiting == 0; }));
}

TEST_CASE("BeyondItsBoundsAClientOpensMoreOrRefusesAsItWasTold [C7]") {
  ScriptedHttp server({{"/silent", silent}});
  const Client opens(patient("opens").max_connections(1).overflow(Overflow::kOpen));
  const Client fails(patient("fails").max_connections(1).overflow(Overflow::kFail));
  std::vector<Operation<Response>> held;
  for (int i = 0; i < 3; ++i) held.push_back(opens.get(server.url("/silent")).start());
  CHECK(opens.get(server.url("/")).start().wait().ok());
  held.push_back(fails.get(server.url("/silent")).start());
  REQUIRE(eventually([&] { return server.requests() == 5; }));
  CHECK(server.most_open() >= 4);
  const auto refused = fails.get(server.url("/")).start().wait();
  CHECK(refused.status().cause() == Cause::kQueueFull);
  CHECK(refused.status().message().find("1 are in use, and it may not wait") !=
        std::string_view::npos);
  for (const auto& operation : held) operation.cancel();
  for (const auto& operation : held) CHECK(operation.wait().status().cause() == Cause::kCancelled);
  CHECK(fails.get(server.url("/")).start().wait().ok());  // the silent one's place is free at once
  CHECK(server.requests() == 6);
}

TEST_CASE("AClientThatSpacesItsConnectionsGetsEveryAnswer") {
  ScriptedHttp server;
  const Client http(patient("paced").connects_per_second(1000));
  std::vector<Operation<Response>> running;
  for (int i = 0; i < 20; ++i) running.push_back(http.get(server.url("/")).start());
  for (const auto& operation : running) {
    const auto response = operation.wait();
    CHECK_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->attempts == 1);
  }
  CHECK(server.requests() == 20);
  CHECK(http.stats().opened == static_cast<std::uint64_t>(server.accepted()));
}

TEST_CASE("ASlowOriginDoesNotHoldUpAnother [C7]") {
  ScriptedHttp slow({{"/", silent}});
  ScriptedHttp fast;
  const Client http(patient("fair").max_connections_per_origin(2));
  std::vector<Operation<Response>> stuck;
  for (int i = 0; i < 40; ++i) stuck.push_back(http.get(slow.url("/")).start());
  for (int i = 0; i < 40; ++i) CHECK(http.get(fast.url("/")).start().wait().ok());
  CHECK(slow.most_open() <= 2);
  for (const auto& operation : stuck) operation.cancel();
  for (const auto& operation : stuck) CHECK(operation.wait().status().cause() == Cause::kCancelled);
}

TEST_CASE("APostIsNotSentTwiceAndAGetIs [C5] [C6]") {
  const auto dies_at_second = [](Peer& peer, const Seen&) {
    if (peer.requests() < 2) return peer.answer("x");
    peer.close();
  };
  ScriptedHttp server({{"/", dies_at_second}});
  const Client http(patient("twice"));
  CHECK(http.get(server.url("/")).start().wait().ok());
  const auto lost = http.post(server.url("/")).start().wait();
  CHECK(lost.status().cause() == Cause::kConnectionLost);
  CHECK(server.requests() == 2);
  CHECK(http.get(server.url("/")).start().wait().ok());
  const auto again = http.get(server.url("/")).start().wait();
  REQUIRE(again.ok());
  CHECK(again->attempts == 2);
  const auto keyed = http.post(server.url("/")).header("idempotency-key", "1").start().wait();
  REQUIRE(keyed.ok());
  CHECK(keyed->attempts == 2);
  const auto once = http.get(server.url("/")).idempotent(false).start().wait();
  CHECK(once.status().cause() == Cause::kConnectionLost);
  CHECK(http.stats().resent == 2);
}

TEST_CASE("TwoThousandGetsAtSixtyFourAtOnceOpenSixtyFour") {
  ScriptedHttp server;
  const Client http(patient("many").max_connections(64));
  const int count = repeat(2'000, 20'000);
  std::deque<Operation<Response>> running;
  int good = 0;
  const auto end_one = [&] {
    const auto response = running.front().wait();
    good += response.ok() && response->status == 200 ? 1 : 0;
    running.pop_front();
  };
  for (int i = 0; i < count; ++i) {
    if (running.size() >= 200) end_one();
    running.push_back(http.get(server.url("/" + std::to_string(i))).start());
  }
  while (!running.empty()) end_one();
  CHECK(good == count);
  CHECK(server.accepted() <= 64);
  const ClientStats stats = http.stats();
  CHECK(stats.responses == static_cast<std::uint64_t>(count));
  CHECK(stats.opened == static_cast<std::uint64_t>(server.accepted()));
  CHECK(stats.reused == stats.responses - stats.opened);
}

TEST_CASE("SixteenThousandCancelsLoseNoPlace [C2] [C3]") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("churn").max_connections(10).queue(100'000));
  const int count = repeat(2'000, 16'000);
  std::vector<Operation<Response>> running;
  for (int i = 0; i < count; ++i) {
    running.push_back(http.get(server.url(i % 3 == 0 ? "/ok" : "/silent")).start());
    running[static_cast<std::size_t>(i) / 2].cancel();
  }
  for (const auto& operation : running) operation.cancel();
  for (const auto& operation : running) {
    const auto result = operation.wait();
    CHECK((result.ok() || result.status().cause() == Cause::kCancelled));
  }
  CHECK(http.stats().waiting == 0);
  CHECK(eventually([&] { return http.stats().in_flight == 0; }));
  for (int i = 0; i < 20; ++i) CHECK(http.get(server.url("/after")).start().wait().ok());
}

TEST_CASE("TheRestOfAnAnswerKeepsThePlaceOfItsRequestAndTheNextHasItsConnection [C2]") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("rest").max_connections(1));
  // Not where the machine stands still for as long as the rest of an answer is waited for.
  CHECK(eventually([&] {
    const int before = server.requests();
    const auto given_up = http.get(server.url("/silent")).start();
    REQUIRE(eventually([&] { return server.requests() == before + 1; }));
    const auto next = http.get(server.url("/next")).start();
    REQUIRE(eventually([&] { return http.stats().waiting == 1; }));
    given_up.cancel();
    CHECK(given_up.wait().status().cause() == Cause::kCancelled);
    const ClientStats stats = http.stats();
    server.with_peers([](Peer& peer) { peer.answer("too late"); });
    const auto response = next.wait();
    REQUIRE(response.ok());
    CHECK(response->text() == "/next");
    return stats.in_flight == 1 && stats.waiting == 1 && response->reused;
  }));
  CHECK(http.stats().in_flight == 0);
}

TEST_CASE("WhoWasGivenUpBeforeItWasSentKeepsNoPlace [C2] [C3]") {
  ScriptedHttp server({{"/silent", silent}});
  const ScriptedHttp mute;  // says nothing of TLS
  const Client http(patient("unsent").max_connections(1));
  const auto connects = http.get("https://127.0.0.1:" + std::to_string(mute.port()) + "/").start();
  REQUIRE(eventually([&] { return mute.open() == 1; }));
  const auto waits = http.get(server.url("/a")).start();
  const auto next = http.get(server.url("/b")).start();
  REQUIRE(eventually([&] { return http.stats().waiting == 2; }));
  waits.cancel();
  CHECK(waits.wait().status().cause() == Cause::kCancelled);
  connects.cancel();
  CHECK(connects.wait().status().cause() == Cause::kCancelled);
  CHECK(http.stats().waiting == 0);
  CHECK(next.wait().ok());
  CHECK(server.requests() == 1);
  CHECK(http.stats().in_flight == 0);
}

TEST_CASE("AClientMayGoWhileTheRestOfAnAnswerComes") {
  ScriptedHttp server({{"/silent", silent}});
  for (const bool closes : {false, true}) {
    const int before = server.requests();
    const Client http(patient("gone").max_connections(1));
    const auto given_up = http.get(server.url("/silent")).start();
    REQUIRE(eventually([&] { return server.requests() == before + 1; }));
    given_up.cancel();
    CHECK(given_up.wait().status().cause() == Cause::kCancelled);
    if (closes) http.close();
  }
  CHECK(eventually([&] { return server.open() == 0; }));
  const Client same(patient("gone"));  // which has the same counts
  CHECK(eventually([&] { return same.stats().in_flight == 0; }));
}

TEST_CASE("EachOfManyThreadsGetsTheAnswersToItsOwnRequests [R10]") {
  ScriptedHttp server({{"/echo", [](Peer& peer, const Seen& request) {
                          const std::size_t begin = request.head.find("Authorization: ");
                          const std::size_t end = request.head.find("\r\n", begin);
                          peer.answer(request.target + request.head.substr(begin, end - begin));
                        }}});
  const Client http(patient("threads").max_connections(8));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string secret = "Bearer " + std::to_string(t);
      for (int i = 0; i < repeat(100, 2'000); ++i) {
        const std::string target = "/echo?" + std::to_string(i);
        const auto response =
            http.get(server.url(target)).header("Authorization", secret).start().wait();
        const bool good = response.ok() && response->text() == target + "Authorization: " + secret;
        if (!good) wrong.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong.load() == 0);
  CHECK(server.accepted() <= 8);
}

TEST_CASE("RequestsOfAPageEndWithIt") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("page"));
  Page page(50ms);
  const auto stuck = page.add(http.get(server.url("/silent")));
  const auto patient_too = page.add(http.get(server.url("/silent")).timeout(1h));
  page.wait();
  CHECK(page.done() == 2);
  CHECK(stuck.wait().status().cause() == Cause::kDeadline);
  CHECK(patient_too.wait().status().cause() == Cause::kDeadline);
}

TEST_CASE("AClientThatIsClosedEndsItsRequestsAndTakesNoMore") {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("closed").max_connections(1));
  const Client other(patient("open"));
  const auto kept = other.get(server.url("/silent")).start();
  const auto sent = http.get(server.url("/silent")).start();
  CHECK(eventually([&] { return server.requests() == 2; }));
  const auto waits = http.get(server.url("/x")).start();
  http.close();
  http.close();
  CHECK(sent.wait().status().cause() == Cause::kClosed);
  CHECK(waits.wait().status().cause() == Cause::kClosed);
  const auto later = http.get(server.url("/x")).start().wait();
  CHECK(later.status().cause() == Cause::kClosed);
  CHECK(later.status().message() == "the client was closed");
  CHECK_FALSE(kept.done());
  kept.cancel();
  CHECK(kept.wait().status().cause() == Cause::kCancelled);
}

TEST_CASE("ARequestOutlivesItsClient") {
  ScriptedHttp server;
  Operation<Response> operation;
  {
    const Client http(patient("short"));
    operation = http.get(server.url("/")).start();
  }
  CHECK(operation.wait().ok());
}

}  // namespace
}  // namespace tidegate::test
