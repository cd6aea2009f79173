// SPDX-License-Identifier: Apache-2.0
// Where answers lead, and what goes there: the servers' view.
#include "http/redirect.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
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

// Without retries, so that what a server sees is what a redirect sends.
ClientOptions once(std::string name) { return patient(std::move(name)).retry(RetryPolicy::none()); }

ScriptedHttp::Script leads(int status, std::string location) {
  return [status, location](Peer& peer, const Seen&) {
    peer.send("HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nLocation: " + location +
              "\r\nContent-Length: 4\r\n\r\nelse");
  };
}

TEST_CASE("ARedirectIsFollowedAndTheResponseSaysWhereItCameFrom") {
  ScriptedHttp server({{"/a", leads(302, "/b/c?x=1")},
                       {"/b/c", leads(301, "../d?y=2")},
                       {"/d", leads(308, "?z=3")}});
  const Client http(once("follow"));
  const auto response = http.get(server.url("/a#part")).start().wait();
  // "?z=3" leads to /d again, which goes on and on.
  CHECK(response.status().cause() == Cause::kRedirect);
  ScriptedHttp good({{"/a", leads(302, "/b/c?x=1")}, {"/b/c", leads(307, "../d?y=2")}});
  const auto there = http.get(good.url("/a#part")).start().wait();
  REQUIRE_MESSAGE(there.ok(), there.status().to_string());
  CHECK(there->status == 200);
  CHECK(there->url == good.url("/d?y=2#part"));
  CHECK(there->redirects == 2);
  CHECK(there->attempts == 3);
  CHECK(good.requests() == 3);
  CHECK(good.last().target == "/d?y=2");
}

TEST_CASE("TheMethodAndTheBodyGoOnAsTheRulesSay [R5]") {
  struct Row {
    int status;
    const char* method;
    const char* then;
    bool has_body;
  };
  const Row rows[] = {
      {301, "POST", "GET", false},   {302, "POST", "GET", false},  {303, "POST", "GET", false},
      {307, "POST", "POST", true},   {308, "POST", "POST", true},  {301, "PUT", "PUT", true},
      {302, "PUT", "PUT", true},     {303, "PUT", "GET", false},   {302, "DELETE", "DELETE", true},
      {303, "DELETE", "GET", false}, {307, "PATCH", "PATCH", true}};
  const Client http(once("methods"));
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CAPTURE(std::string(row.method));
    ScriptedHttp server({{"/from", leads(row.status, "/to")}});
    const auto response =
        http.request(row.method, server.url("/from")).json("{\"a\":1}").start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(server.last().method == row.then);
    CHECK(server.last().body == (row.has_body ? "{\"a\":1}" : ""));
    CHECK(server.last().has("Content-Type: application/json") == row.has_body);
  }
  ScriptedHttp server({{"/from", leads(303, "/to")}});
  CHECK(http.head(server.url("/from")).start().wait().ok());
  CHECK(server.last().method == "HEAD");
}

TEST_CASE("NoTokenAndNoCookieGoesToAnotherOriginAlsoNotBack [R2]") {
  ScriptedHttp* back = nullptr;
  ScriptedHttp other({{"/there", [&](Peer& peer, const Seen& seen) {
                         leads(307, back->url("/home"))(peer, seen);
                       }}});
  ScriptedHttp first({{"/from", leads(307, other.url("/there"))}});
  back = &first;
  const Client http(once("secrets"));
  const auto response = http.get(first.url("/from"))
                            .header("Authorization", "Bearer secret")
                            .header("Cookie", "a=b")
                            .header("X-Api-Key", "secret")
                            .header("X-Anything", "secret")
                            .header("Accept", "text/plain")
                            .header("Accept-Language", "ko")
                            .start()
                            .wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  for (const ScriptedHttp* server : {&other, &first}) {
    const Seen seen = server->last();
    for (const char* dropped : {"secret", "Authorization", "Cookie", "X-Api-Key", "X-Anything"}) {
      CHECK_MESSAGE(!seen.has(dropped), seen.head);
    }
    CHECK(seen.has("Accept: text/plain\r\n"));
    CHECK(seen.has("Accept-Language: ko\r\n"));
    CHECK(seen.has("User-Agent: "));
  }
  ScriptedHttp same({{"/from", leads(307, "/to")}});
  CHECK(http.get(same.url("/from")).header("Authorization", "Bearer secret").start().wait().ok());
  CHECK(same.last().has("Authorization: Bearer secret\r\n"));
}

TEST_CASE("WithItsKeyARequestLosesTheLeaveToBeSentTwice [R2] [C5]") {
  ScriptedHttp other({{"/there", [](Peer& peer, const Seen&) { peer.reset(); }}});
  ScriptedHttp first({{"/from", leads(307, other.url("/there"))}});
  const Client http(once("keyed").retry(RetryPolicy().backoff(0s, 0s)));
  const auto response = http.post(first.url("/from")).json("{}").idempotency_key().start().wait();
  CHECK(response.status().cause() == Cause::kConnectionLost);
  CHECK(other.requests() == 1);
  CHECK_FALSE(other.last().has("Idempotency-Key"));
}

TEST_CASE("ALoopEndsAfterFiveAndZeroFollowsNone [R1]") {
  ScriptedHttp server({{"/loop", leads(302, "/loop")}});
  const Client http(once("loop"));
  const auto response = http.get(server.url("/loop")).start().wait();
  CHECK(response.status().cause() == Cause::kRedirect);
  CHECK_MESSAGE(response.status().message().find("more than 5 redirects") != std::string_view::npos,
                response.status().to_string());
  CHECK(server.requests() == 6);
  const auto itself = http.get(server.url("/loop")).max_redirects(0).start().wait();
  REQUIRE(itself.ok());
  CHECK(itself->status == 302);
  CHECK(itself->headers.find("location") == "/loop");
  CHECK(itself->text() == "else");
  CHECK(http.stats().in_flight == 0);
}

TEST_CASE("WhatLeadsNowhereIsAFailureAndAnEmptyLocationIsTheAnswer [R4] [R7]") {
  const Client http(once("nowhere"));
  for (const char* location :
       {"http:///host/", "file:///etc/passwd", "gopher://127.0.0.1:1/", "ftp://127.0.0.1/",
        "dict://127.0.0.1/", "javascript:alert(1)", "http://", "http://[::1", "http://[zz]/", "//",
        "http://a\\b/", "http://\xc3\xa4.example/"}) {
    CAPTURE(std::string(location));
    ScriptedHttp server({{"/from", leads(302, location)}});
    const auto response = http.get(server.url("/from")).start().wait();
    CHECK_MESSAGE(response.status().cause() == Cause::kRedirect, response.status().to_string());
    CHECK(server.requests() == 1);
  }
  const std::string long_one(70'000, 'a');
  ScriptedHttp long_server({{"/from", leads(302, "/" + long_one)}});
  CHECK_FALSE(http.get(long_server.url("/from")).start().wait().ok());
  ScriptedHttp empty({{"/from", leads(302, "")}});
  CHECK(http.get(empty.url("/from")).start().wait()->status == 302);

  ScriptedHttp server;
  ScriptedHttp with_user(
      {{"/from", leads(302, "http://me:secret@127.0.0.1:" + std::to_string(server.port()) + "/to")},
       {"/raw", leads(302, "/caf\xc3\xa9 au lait")}});
  CHECK(http.get(with_user.url("/from")).start().wait().ok());
  CHECK_FALSE(server.last().has("Authorization"));
  CHECK_FALSE(server.last().has("secret"));
  CHECK(http.get(with_user.url("/raw")).start().wait().ok());
  CHECK(with_user.last().target == "/caf%C3%A9%20au%20lait");
}

TEST_CASE("TheBodyOfARedirectIsNotReadToItsEnd [R8]") {
  ScriptedHttp server({{"/long",
                        [](Peer& peer, const Seen&) {
                          peer.send(
                              "HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: "
                              "900000000\r\n\r\n" +
                              std::string(100'000, 'x'));
                        }},
                       {"/encoded",
                        [](Peer& peer, const Seen&) {
                          peer.send(
                              "HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Encoding: "
                              "gzip\r\nContent-Length: 900000000\r\n\r\n" +
                              std::string(100'000, 'x'));
                        }},
                       {"/endless", [](Peer& peer, const Seen&) {
                          peer.send("HTTP/1.1 302 Found\r\nLocation: /to\r\n\r\n" +
                                    std::string(100'000, 'x'));
                        }}});
  const Client http(once("long"));
  for (const char* path : {"/long", "/endless", "/encoded"}) {
    const auto response = http.get(server.url(path)).start().wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->text() == "/to");
    CHECK_FALSE(response->reused);
  }
}

TEST_CASE("AnAttemptThatFailsBehindARedirectIsMadeAgainThere") {
  std::atomic<int> left = 2;
  ScriptedHttp server({{"/from", leads(307, "/to")},
                       {"/to", [&](Peer& peer, const Seen&) {
                          if (left-- > 0) {
                            return peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
                          }
                          peer.answer("at last");
                        }}});
  const Client http(once("behind").retry(RetryPolicy().backoff(0s, 0s)));
  const auto response = http.get(server.url("/from")).start().wait();
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->text() == "at last");
  CHECK(response->redirects == 1);
  CHECK(server.requests() == 4);
}

TEST_CASE("OnlyToThePublicInternetMeansNotToThisHost [R6] [D5]") {
  ScriptedHttp server;
  const std::string port = std::to_string(server.port());
  const Client guarded(once("guarded").ssrf(Ssrf::kAll));
  const Client open(once("open").ssrf(Ssrf::kOff));
  for (const char* host :
       {"127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost", "0", "[::ffff:127.0.0.1]"}) {
    CAPTURE(std::string(host));
    const auto response =
        guarded.get("http://" + std::string(host) + ":" + port + "/").start().wait();
    CHECK_MESSAGE(response.status().cause() == Cause::kBlockedAddress,
                  response.status().to_string());
  }
  CHECK(server.accepted() == 0);
  // A connection that somebody else was allowed to open is none of its.
  CHECK(open.get(server.url("/")).start().wait().ok());
  CHECK(open.get(server.url("/")).start().wait()->reused);
  const auto response = guarded.get(server.url("/")).start().wait();
  CHECK_MESSAGE(response.status().cause() == Cause::kBlockedAddress, response.status().to_string());
  CHECK(server.requests() == 2);
  CHECK(guarded.stats().in_flight == 0);
}

// A plan and an answer as they are between two places.
struct Step {
  Step() {
    const ClientOptions options;
    Request::Values request;
    request.method = "GET";
    request.url = "https://a.test/";
    auto made = internal::make_plan(request, internal::HttpDefaults(options.values()));
    REQUIRE(made.ok());
    plan = std::move(made).value();
    reply.http_status = 302;
  }
  Status to(const char* location) {
    reply.headers.set("Location", location);
    return internal::follow(plan, reply);
  }
  internal::HttpPlan plan;
  internal::TransportReply reply;
};

TEST_CASE("FromHttpsToHttpIsRefused [R3]") {
  Step step;
  const Status refused = step.to("http://a.test/?token=secret");
  CHECK(refused.cause() == Cause::kRedirect);
  CHECK(refused.message() == "GET https://a.test/: it leads from https to http, to http://a.test/");
  CHECK(step.plan.place.url == "https://a.test/");
  CHECK(step.to("//b.test/").ok());
  CHECK(step.plan.place.url == "https://b.test/");
}

TEST_CASE("AFragmentAloneLeadsToTheSamePlace") {
  Step step;
  CHECK(step.to("https://a.test/b/c?x=1#one").ok());
  CHECK(step.to("#two").ok());
  CHECK(step.plan.place.url == "https://a.test/b/c?x=1");
  CHECK(step.plan.place.fragment == "two");
  CHECK(step.to("?y=2").ok());
  CHECK(step.plan.place.url == "https://a.test/b/c?y=2");
  CHECK(step.to("d").ok());
  CHECK(step.plan.place.url == "https://a.test/b/d");
}

TEST_CASE("ARedirectFromThePublicInternetStaysThere [R6]") {
  Step step;
  CHECK(step.to("https://b.test/").ok());
  CHECK_FALSE(step.plan.wire.public_only);  // the first was on this network itself
  step.reply.from_public = true;
  CHECK(step.to("https://c.test/").ok());
  CHECK(step.plan.wire.public_only);
  step.reply.from_public = false;
  CHECK(step.to("https://d.test/").ok());
  CHECK(step.plan.wire.public_only);
}

}  // namespace
}  // namespace tidegate::test
