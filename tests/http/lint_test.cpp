// SPDX-License-Identifier: Apache-2.0
// What a client refuses and tells when it is made: before it opens or starts anything.
#include "tidegate/lint.hpp"

#include <doctest/doctest.h>

#include <string>

#include "support/ear.hpp"
#include "support/scripted_http.hpp"
#include "tidegate/http.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("TimesThatContradictEachOtherAreRefusedBeforeAnythingIsSent") {
  ScriptedHttp server;
  const Client http(ClientOptions().name("lint-times").attempt_timeout(5s).timeout(1s));
  const Status status = http.status();
  CHECK(status.cause() == Cause::kConfig);
  CHECK(
      status.message() ==
      "client 'lint-times': an attempt may take 5 s (http.attempt_timeout), but its whole request "
      "only 1 s (http.timeout)");
  CHECK(http.get(server.url("/")).start().wait().status().cause() == Cause::kConfig);
  CHECK(server.requests() == 0);
  CHECK(Client(ClientOptions().hedge(2s).timeout(2s)).status().cause() == Cause::kConfig);
}

TEST_CASE("ATotalBoundsAnAttemptWhoseTimeIsADefaultOrSetFurtherAway") {
  const Ear ear;
  CHECK(Client(ClientOptions().name("lint-total").timeout(1s)).status().ok());
  Config config;
  REQUIRE(config.set("http.attempt_timeout", "10s").ok());
  CHECK(Client(ClientOptions::from(config).name("lint-total").timeout(3s)).status().ok());
  REQUIRE(config.set("services.lint_total.http.timeout", "3s").ok());
  CHECK(Client(ClientOptions::from(Service::from(config, "lint_total"))).status().ok());
  CHECK(ear.lines().empty());
}

TEST_CASE("AServiceWhoseSettingsContradictEachOtherIsRefusedAndSoAreItsBreakers") {
  Config config;
  REQUIRE(config
              .load_json(R"({"services": {
                "lint_bad": {"http": {"timeout": "2s", "attempt_timeout": "4s"}},
                "lint_slow": {"http": {"timeout": "4s"}, "gate": {"breaker": true},
                              "breaker": {"slow_after": "4s"}}}})")
              .ok());
  CHECK(Client(ClientOptions::from(Service::from(config, "lint_bad"))).status().cause() ==
        Cause::kConfig);
  const Client slow(ClientOptions::from(Service::from(config, "lint_slow")));
  CHECK(slow.status().message().find("none is ever slow") != std::string::npos);
}

TEST_CASE("WhatIsDoubtfulIsToldOnceAndWorks") {
  const Ear ear;
  ScriptedHttp server;
  const Gate gate(GateOptions("lint-doubt").breaker(BreakerOptions().slow(0.5, 8s).window(6s)));
  for (int i = 0; i < 3; ++i) {
    const Client http(
        ClientOptions().name("lint-doubt").connect_timeout(6s).attempt_timeout(5s).gate(gate));
    CHECK(http.status().ok());
    CHECK(http.get(server.url("/")).start().wait().ok());
  }
  CHECK(ear.count("client 'lint-doubt': 6 s (http.connect_timeout) is never over before 5 s "
                  "(http.attempt_timeout) ends") == 1);
  CHECK(
      ear.count("client 'lint-doubt': a call is slow after 8 s (breaker.slow_after), but its head "
                "has to be there after 5 s (http.attempt_timeout)") == 1);
  CHECK(ear.count("client 'lint-doubt': a breaker forgets a call after 6 s (breaker.window), less "
                  "than two attempts of 5 s (http.attempt_timeout) take") == 1);
  CHECK(ear.lines().size() == 3);
}

// Two clients of one gate, only one of which is too quick for it.
TEST_CASE("AGateThatClientsShareIsNoContradictionOfOneOfThem") {
  const Gate gate(GateOptions("lint-common").breaker(BreakerOptions().slow(0.5, 8s)));
  CHECK(Client(ClientOptions().name("lint-quick").timeout(4s).gate(gate)).status().ok());
  CHECK(Client(ClientOptions().name("lint-patient").timeout(1min).gate(gate)).status().ok());
}

}  // namespace
}  // namespace tidegate::test
