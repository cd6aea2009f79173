// SPDX-License-Identifier: Apache-2.0
// A client behind a gate: the server's view.
#include "tidegate/gate.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
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

void silent(Peer&, const Seen&) {}

TEST_CASE("AServerSeesAsManyRequestsAtOnceAsItsGateHasSlots") {
  ScriptedHttp server;
  const Gate gate(GateOptions("gated").concurrency(2));
  const Client http(patient("gated").gate(gate));
  std::vector<Operation<Response>> running;
  for (int i = 0; i < 50; ++i) running.push_back(http.get(server.url("/")).start());
  for (const auto& each : running) CHECK(each.wait().ok());
  CHECK(server.most_open() <= 2);
  CHECK(gate.stats().granted == 50);
  CHECK(gate.stats().inside == 0);
}

TEST_CASE("ARequestMayHaveAGateOfItsOwnWhichOthersShare") {
  ScriptedHttp server({{"/silent", silent}});
  const Gate gate(GateOptions("shared").concurrency(1));
  const Client http(patient("with-own-gate"));
  const Client other(patient("with-the-same"));
  const auto holds = http.get(server.url("/silent")).gate(gate).start();
  REQUIRE(eventually([&] { return server.requests() == 1; }));
  const auto waits = other.get(server.url("/waits")).gate(gate).start();
  REQUIRE(eventually([&] { return gate.stats().waiting == 1; }));
  CHECK(http.get(server.url("/free")).start().wait().ok());
  CHECK_FALSE(waits.done());
  holds.cancel();
  CHECK(waits.wait().ok());
}

TEST_CASE("WhatAServerSaysOfWhenToComeAgainItsGateHears") {
  ScriptedHttp server({{"/busy", [](Peer& peer, const Seen&) {
                          peer.send(
                              "HTTP/1.1 429 Slower\r\nRetry-After: 3\r\n"
                              "Content-Length: 2\r\n\r\nno");
                        }}});
  const Gate gate(GateOptions("told"));
  const Client http(patient("told").gate(gate));
  CHECK(http.get(server.url("/busy")).attempts(1).start().wait()->status == 429);
  CHECK(gate.stats().penalties == 1);
  const auto held = http.get(server.url("/")).timeout(500ms).start().wait();
  CHECK(held.status().cause() == Cause::kRateLimited);
  CHECK(held.status().retry_after() > 500ms);
  CHECK(server.requests() == 1);
}

TEST_CASE("WhatAnAnswerSaysOfLimitsItsGateHearsWhereThatCounts") {
  ScriptedHttp server({{"/spent", [](Peer& peer, const Seen&) {
                          peer.send(
                              "HTTP/1.1 200 OK\r\nRateLimit: \"hour\";r=0;t=3000\r\n"
                              "Content-Length: 2\r\n\r\nok");
                        }}});
  const Gate deaf(GateOptions("deaf")),
      gate(GateOptions("reads").rate_limit_fields().max_penalty(1h));
  for (const Gate* each : {&deaf, &gate}) {
    const Client http(patient("limits").gate(*each));
    CHECK(http.get(server.url("/spent")).start().wait()->status == 200);
  }
  CHECK(deaf.stats().penalties == 0);
  CHECK(gate.stats().penalties == 1);
  CHECK(gate.try_enter().retry_after() > 2000s);
}

TEST_CASE("AnOpenBreakerOfAGateRefusesWhatWouldBeSent") {
  ScriptedHttp server;
  const Gate gate(GateOptions("broken").breaker(BreakerOptions()));
  const Client http(patient("broken").gate(gate));
  CHECK(http.get(server.url("/")).start().wait().ok());
  gate.force(BreakerMode::kForcedOpen);
  const auto refused = http.get(server.url("/")).start().wait();
  CHECK(refused.status().cause() == Cause::kCircuitOpen);
  CHECK(refused.status().attempts() == 0);
  CHECK(server.requests() == 1);
}

TEST_CASE("TheClientsOfAServiceShareTheGateOfItsSettings") {
  ScriptedHttp server({{"/silent", silent}});
  Config config;
  REQUIRE(config
              .load_json(R"({"services": {"paced": {"gate": {"concurrency": 1}},
                             "other": {"gate": {"max_penalty": "1s"}}}})")
              .ok());
  const Service service = Service::from(config, "paced");
  const Gate gate = Gate::of(service).value();
  CHECK(gate.options().name == "paced");
  const Client first(ClientOptions::from(service));
  const Client second(ClientOptions::from(Service::from(config, "paced")));
  const auto holds = first.get(server.url("/silent")).timeout(60s).start();
  REQUIRE(eventually([&] { return server.requests() == 1; }));
  const auto waits = second.get(server.url("/")).timeout(60s).start();
  REQUIRE(eventually([&] { return gate.stats().waiting == 1; }));
  CHECK_FALSE(Gate::of(Service::from(config, "other")).has_value());
  CHECK_FALSE(ClientOptions::from(config).values().gate.has_value());
  REQUIRE(config.set("services.paced.gate.concurrency", "2").ok());
  CHECK(Client(ClientOptions::from(Service::from(config, "paced")))
            .get(server.url("/"))
            .timeout(60s)
            .start()
            .wait()
            .ok());
  CHECK_FALSE(waits.done());
  holds.cancel();
  CHECK(waits.wait().ok());
}

TEST_CASE("ASettingNamesTheServiceWhoseGateAClientGoesThrough") {
  ScriptedHttp server;
  Config config;
  REQUIRE(config
              .load_json(R"({"services": {"cars": {"gate": {"concurrency": 7}},
                             "bikes": {"http": {"gate": "cars"}, "gate": {"concurrency": 1}},
                             "lost": {"http": {"gate": "nowhere"}}}})")
              .ok());
  const Gate gate = Gate::of(Service::from(config, "cars")).value();
  const Client bikes(ClientOptions::from(Service::from(config, "bikes")));
  CHECK(bikes.get(server.url("/")).timeout(60s).start().wait().ok());
  CHECK(gate.stats().granted == 1);
  const Client lost(ClientOptions::from(Service::from(config, "lost")));
  CHECK(lost.status().cause() == Cause::kConfig);
  CHECK(lost.status().message().find("gate 'nowhere'") != std::string::npos);
}

TEST_CASE("ManyWhoAskForTheGateOfAServiceAtOnceGetOne") {
  Config config;
  REQUIRE(config.set("gate.breaker", "true").ok());
  const Service service = Service::from(config, "asked_at_once");
  std::vector<std::jthread> threads;
  std::array<const void*, 8> seen{};
  for (const void*& each : seen) {
    threads.emplace_back([&each, service] { each = Gate::of(service)->handle().get(); });
  }
  threads.clear();
  CHECK(std::ranges::count(seen, seen[0]) == 8);
  CHECK(seen[0] != nullptr);
}

TEST_CASE("AGateThatCannotWorkRefusesTheRequestsOfItsClient") {
  const Gate none(GateOptions("none").rate(0, 1s));
  const Client http(patient("no-gate").gate(none));
  CHECK(http.status().cause() == Cause::kConfig);
  CHECK(http.get("http://a.test/").start().wait().status().cause() == Cause::kConfig);
  const Client plain(patient("plain"));
  CHECK(plain.get("http://a.test/").gate(none).start().wait().status().cause() == Cause::kConfig);
}

}  // namespace
}  // namespace tidegate::test
