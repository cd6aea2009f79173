// SPDX-License-Identifier: Apache-2.0
// Who is told how much time is left, as the servers see it, and who is believed.
#include "http/deadline_field.hpp"

#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::deadline_value;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

constexpr const char* kField = "X-Request-Timeout";

ClientOptions telling(std::string name) {
  return patient(std::move(name)).deadline_header(kField).deadline_hosts({"127.0.0.1"});
}

// The milliseconds that a request said; -1 where it said none.
long told(const Seen& seen) {
  const std::string start = std::string(kField) + ": ";
  const auto at = seen.head.find(start);
  return at == std::string::npos ? -1 : std::stol(seen.head.substr(at + start.size()));
}

TEST_CASE("WhatIsLeftIsRoundedDownAndNeverNothing") {
  CHECK(deadline_value(kField, 1500ms) == "1500ms");
  CHECK(deadline_value(kField, 1999999us) == "1999ms");
  CHECK(deadline_value(kField, 10us) == "1ms");
  CHECK(deadline_value(kField, -5s) == "1ms");
  CHECK(deadline_value("x-envoy-expected-rq-timeout-MS", 1500ms) == "1500");
}

TEST_CASE("OnlyAListedHostIsToldAndOnlyWhereThereIsAName") {
  ScriptedHttp server;
  const Client http(telling("tells"));
  CHECK(http.get(server.url("/")).timeout(20s).start().wait().ok());
  CHECK(told(server.last()) > 0);
  CHECK(told(server.last()) <= 20000);
  for (const ClientOptions& options :
       {telling("other host").deadline_hosts({"27.0.0.1", "127.0.0.1:80", "127.0.0.11", ""}),
        telling("no host").deadline_hosts({}), telling("no name").deadline_header(""),
        patient("nothing")}) {
    CHECK(Client(options).get(server.url("/")).start().wait().ok());
    CHECK(told(server.last()) == -1);
  }
  CHECK(http.get(server.url("/")).header(kField, "7ms").start().wait().ok());
  CHECK(told(server.last()) == 7);
}

TEST_CASE("EachAttemptTellsWhatIsLeftOfTheWhole") {
  std::mutex mutex;
  std::vector<long> seen_ms;
  ScriptedHttp server({{"/", [&](Peer& peer, const Seen& seen) {
                          const std::lock_guard lock(mutex);
                          seen_ms.push_back(told(seen));
                          peer.send(
                              "HTTP/1.1 503 No\r\nretry-after-ms: 5\r\n"
                              "Content-Length: 0\r\n\r\n");
                        }}});
  const Client http(telling("attempts").retry(RetryPolicy().attempts(3).backoff(0s, 0s)));
  CHECK(http.get(server.url("/")).timeout(30s).start().wait()->attempts == 3);
  REQUIRE(seen_ms.size() == 3);
  CHECK(seen_ms[0] <= 30000);
  CHECK(seen_ms[1] + 5 <= seen_ms[0]);
  CHECK(seen_ms[2] + 5 <= seen_ms[1]);
  CHECK(seen_ms[2] > 0);
}

TEST_CASE("ARedirectTellsTheHostItLeadsToIfThatIsListed [R2]") {
  ScriptedHttp other;
  const auto lead = [&](const std::string& host) {
    return [&other, host](Peer& peer, const Seen&) {
      peer.send("HTTP/1.1 307 Elsewhere\r\nLocation: http://" + host + ":" +
                std::to_string(other.port()) + "/\r\nContent-Length: 0\r\n\r\n");
    };
  };
  ScriptedHttp first({{"/listed", lead("127.0.0.1")}, {"/unlisted", lead("127.0.0.2")}});
  const Client http(telling("redirects"));
  CHECK(http.get(first.url("/listed")).start().wait().ok());
  CHECK(told(first.last()) > 0);
  CHECK(told(other.last()) > 0);
  CHECK(told(other.last()) <= told(first.last()));
  // Nobody need listen there: what matters is that the field is taken away.
  auto plan = *internal::make_plan(http.get("http://127.0.0.1/").values(),
                                   internal::HttpDefaults(telling("plan").values()));
  internal::tell_deadline(plan, plan.wire, 5s);
  CHECK(plan.wire.headers.find(kField) == "5000ms");
  plan.place = *internal::HttpUrl::parse("http://127.0.0.2/");
  internal::tell_deadline(plan, plan.wire, 4s);
  CHECK_FALSE(plan.wire.headers.contains(kField));
  plan.place = *internal::HttpUrl::parse("https://127.0.0.1:8443/");
  internal::tell_deadline(plan, plan.wire, 3s);
  CHECK(plan.wire.headers.all(kField).size() == 1);
  CHECK(plan.wire.headers.find(kField) == "3000ms");
}

TEST_CASE("ANameOfAFieldThatMayNotBeSentIsAFaultOfTheSettings [H4]") {
  for (const char* const name : {"X A", "X:", "X\r\nY", "Content-Length", "Host"}) {
    CHECK(Client(telling("names").deadline_header(name)).status().cause() == Cause::kConfig);
  }
}

TEST_CASE("ACallerMayShortenItsTimeAndNothingElse") {
  const auto read = [](const char* value) { return header_timeout(kField, value, 18s); };
  CHECK(read("5") == 5s);
  CHECK(read("0.25") == 250ms);
  CHECK(read("250ms") == 250ms);
  CHECK(read(" 2s\t") == 2s);
  CHECK(read("0") == 0s);
  for (const char* const no :
       {"", " ", "-1", "-1s", "nan", "inf", "1e3", "soon", "5 5", "5x", "0x5", "1..5", ".", "3600",
        "99999999999999999999999", "1d", "\xFF"}) {
    CAPTURE(std::string(no));
    CHECK(read(no) == 18s);
  }
  CHECK(header_timeout("X-Wait-Ms", "1500", 18s) == 1500ms);
  for (const char* const no : {"", "1500ms", "1.5", "-1", "18001", "99999999999999999999999"}) {
    CHECK(header_timeout("x-wait-ms", no, 18s) == 18s);
  }
  CHECK(header_timeout(kField, "5", -1s) == 0s);
  CHECK(header_timeout(kField, "", 1000h) == 24h);
  const Headers headers = Headers().add("x-request-timeout", "3").add(kField, "4");
  CHECK(header_timeout(headers, kField, 18s) == 3s);
  CHECK(header_timeout(Headers(), kField, 18s) == 18s);
  // What one of us says, another reads.
  CHECK(header_timeout(kField, deadline_value(kField, 1234ms), 18s) == 1234ms);
  CHECK(header_timeout("a-ms", deadline_value("a-ms", 1234ms), 18s) == 1234ms);
}

}  // namespace
}  // namespace tidegate::test
