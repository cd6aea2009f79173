// SPDX-License-Identifier: Apache-2.0
// The rules over settings, as properties; and that the page has their table.
#include "tidegate/lint.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "policy/lint.hpp"

using namespace tidegate;
using namespace std::chrono_literals;

namespace {

using Settings = std::initializer_list<std::pair<const char*, const char*>>;

Config with(Settings settings, Config config = Config()) {
  for (const auto& [key, value] : settings) {
    const Status set = config.set(key, value);
    REQUIRE_MESSAGE(set.ok(), set.to_string());
  }
  return config;
}

// "refused attempt_timeout", a line each.
std::string found_in(const Config& config, std::size_t workers = 1) {
  std::string lines;
  for (const Finding& finding : lint(config, workers)) {
    const auto rules = lint_rules();
    const auto rule = std::ranges::find(rules, finding.rule, &LintRule::name);
    REQUIRE(rule != rules.end());
    CHECK(rule->outcome.find(finding.refuses ? "refused" : "warning") != std::string_view::npos);
    CHECK(finding.text.find('\n') == std::string::npos);
    lines.append(lines.empty() ? "" : "\n");
    lines.append(finding.refuses ? "refused " : "warning ").append(finding.rule);
    if (!finding.service.empty()) lines.append(" of ").append(finding.service);
  }
  return lines;
}

}  // namespace

TEST_CASE("TheDefaultsSayNothingAndSoDoTheKeysEachAtItsDefault") {
  CHECK(found_in({}, 4).empty());
  Config spelled;
  const Config defaults;
  for (const KeyInfo& key : defaults.keys()) {
    REQUIRE(spelled.set(key.key, key.default_text).ok());
  }
  CHECK(found_in(spelled, 4).empty());
}

TEST_CASE("WhatContradictsItselfIsRefusedWithTheFiguresAndTheKeys") {
  const Config config = with({{"http.attempt_timeout", "8s"}, {"http.timeout", "2s"}});
  const auto findings = lint(config);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].refuses);
  CHECK(findings[0].rule == "attempt_timeout");
  CHECK(findings[0].text ==
        "an attempt may take 8 s (http.attempt_timeout), but its whole request only 2 s "
        "(http.timeout)");
  CHECK(found_in(
            with({{"http.hedge", "true"}, {"http.hedge_delay", "2s"}, {"http.timeout", "2s"}})) ==
        "refused hedge_delay");
  CHECK(found_in(with(
            {{"gate.breaker", "true"}, {"breaker.slow_after", "2s"}, {"http.timeout", "2s"}})) ==
        "refused slow_after");
}

TEST_CASE("EqualTimesAndThoseInTheirOrderSayNothing") {
  CHECK(found_in(with({{"http.attempt_timeout", "9s"}, {"http.timeout", "9s"}})).empty());
  CHECK(found_in(with({{"http.connect_timeout", "5s"}})).empty());
  CHECK(found_in(with({{"http.hedge_delay", "1h"}, {"http.timeout", "2s"}})).empty());  // and none
  CHECK(found_in(with({{"gate.breaker", "true"}, {"breaker.slow_after", "4900ms"}})).empty());
}

TEST_CASE("ADefaultGivesWayToWhatIsSet") {
  for (const char* timeout : {"1ms", "100ms", "1s", "4999ms"}) {
    CAPTURE(timeout);
    CHECK(found_in(with({{"http.timeout", timeout}})).empty());
  }
  CHECK(found_in(with({{"http.timeout", "1s"}, {"gate.breaker", "true"}})).empty());
}

TEST_CASE("WhatIsSetNearerCountsAndWarnsOnlyWhereItCannotBeReached") {
  const Config slow = with({{"http.attempt_timeout", "10s"}});
  CHECK(found_in(with({{"services.encar.http.timeout", "3s"}}, slow)).empty());
  const Config quick = with({{"http.timeout", "3s"}});
  CHECK(found_in(with({{"services.encar.http.attempt_timeout", "10s"}}, quick)) ==
        "warning attempt_timeout of encar");
  CHECK(found_in(with({{"http.attempt_timeout", "20s"}})) == "warning attempt_timeout");
  CHECK(found_in(with({{"http.connect_timeout", "6s"}})) == "warning unreachable_timeout");
  CHECK(found_in(with({{"http.read_timeout", "6s"}, {"http.timeout", "5s"}})) ==
        "warning unreachable_timeout");
}

TEST_CASE("AServiceSaysOnlyWhatIsItsOwn") {
  const Config config = with({{"http.attempt_timeout", "8s"},
                              {"http.timeout", "2s"},
                              {"services.encar.http.queue", "7"},
                              {"services.other.http.timeout", "9s"},
                              {"services.other.http.attempt_timeout", "11s"}});
  CHECK(found_in(config) == "refused attempt_timeout\nrefused attempt_timeout of other");
  CHECK(lint(config)[1].to_string().starts_with("service 'other': an attempt may take 11 s ("));
}

TEST_CASE("ABreakerThatCannotOpenOrKnowsNothingSlowIsTold") {
  const Config breaker = with({{"gate.breaker", "true"}});
  CHECK(found_in(with({{"breaker.slow_after", "6s"}}, breaker)) == "warning slow_after");
  CHECK(
      found_in(with({{"breaker.slow_after", "6s"}, {"breaker.slow_rate", "0"}}, breaker)).empty());
  CHECK(found_in(with({{"breaker.slow_after", "6s"}})).empty());  // no gate has it
  CHECK(found_in(with({{"breaker.window", "9s"}}, breaker)) == "warning breaker_window");
  CHECK(found_in(with({{"breaker.window", "10s"}}, breaker)).empty());
  // A request that ends sooner needs no longer one.
  CHECK(found_in(with({{"breaker.window", "9s"}, {"http.timeout", "4s"}}, breaker)).empty());

  const Config few = with({{"gate.rate", "10"}, {"gate.rate_per", "1m"}}, breaker);
  CHECK(found_in(few) == "warning breaker_calls");
  CHECK(
      lint(few)[0].text ==
      "at most 11 calls start in 60 s (breaker.window, its default), and breaker.min_calls is 20: "
      "no share of failures opens the breaker");
  CHECK(found_in(with({{"breaker.consecutive", "3"}}, few)).empty());
  CHECK(found_in(with({{"breaker.min_calls", "11"}}, few)).empty());
  CHECK(found_in(with({{"gate.pace", "1s"}}, breaker)).empty());
  CHECK(found_in(with({{"gate.pace", "4s"}}, breaker)) == "warning breaker_calls");
}

TEST_CASE("WorkersThatCountEachForThemselvesAreToldWhatTheyComeTo") {
  const Config paced = with({{"services.encar.gate.pace", "500ms"},
                             {"services.encar.gate.rate", "100"},
                             {"services.encar.gate.rate_per", "1m"}});
  CHECK(found_in(paced, 1).empty());
  const auto findings = lint(paced, 4);
  REQUIRE(findings.size() == 1);
  CHECK_FALSE(findings[0].refuses);
  CHECK(findings[0].text ==
        "4 workers (side by side) count each for themselves: together 400 in 60 s start instead of "
        "100 in 60 s and 4 in 0.5 s start instead of 1 in 0.5 s; with gate.share = host they count "
        "together");
  CHECK(found_in(with({{"services.encar.gate.share", "host"}}, paced), 4).empty());

  CHECK(found_in(with({{"services.encar.gate.share", "redis"}}, paced), 4).empty());

  const Config broken = with({{"gate.breaker", "true"}, {"breaker.consecutive", "5"}});
  REQUIRE(lint(broken, 3).size() == 1);
  CHECK(lint(broken, 3)[0].text.find("their breakers open after 3 x 5 calls instead of 5;") !=
        std::string::npos);
  CHECK(lint(broken, 3)[0].text.ends_with(
      "; with breaker.share = host they count together, with redis they open together"));
  for (const char* share : {"host", "redis"}) {
    CHECK(found_in(with({{"breaker.share", share}}, broken), 3).empty());
    CHECK(found_in(with({{"gate.share", share}}, broken), 3).empty());
  }
  CHECK(found_in(with({{"gate.concurrency", "8"}}), 4).empty());  // those inside are each its own
}

TEST_CASE("ADocumentOfAllSettingsIsReadAgainAsItWas") {
  for (const Config& config :
       {Config(), with({{"http.timeout", "1s"}}), with({{"http.attempt_timeout", "20s"}}),
        with({{"http.timeout", "1s"}, {"services.encar.http.timeout", "2s"}}),
        with({{"http.attempt_timeout", "8s"}, {"http.timeout", "2s"}})}) {
    Config again;
    REQUIRE(again.load_json(config.to_json()).ok());
    CHECK(found_in(again) == found_in(config));
    CHECK(again.to_json() == config.to_json());
  }
}

TEST_CASE("WhatIsSetInALaterLayerOrForAServiceIsNearer") {
  Config config;
  CHECK(config.nearness("http.timeout") == 0);
  REQUIRE(config.load_json(R"({"http": {"timeout": "15s", "queue": 7}})").ok());
  CHECK(config.nearness("http.timeout") == 0);  // as it was
  CHECK(config.nearness("http.queue") > 0);
  REQUIRE(
      config.load_env("TIDEGATE_", std::vector<std::string>{"TIDEGATE_HTTP__TIMEOUT=15s"}).ok());
  CHECK(config.nearness("http.timeout") == config.nearness("http.queue"));
  REQUIRE(config.set("services.encar.http.timeout", "3s").ok());
  const Service encar = Service::from(config, "encar");
  CHECK(encar.nearness("http.timeout") > config.nearness("http.timeout"));
  CHECK(encar.nearness("http.queue") == config.nearness("http.queue"));
  config.begin_layer();
  REQUIRE(config.set("http.queue", "9").ok());
  CHECK(config.nearness("http.queue") > encar.nearness("http.timeout"));
  CHECK_THROWS_AS(config.nearness("http.tiemout"), std::logic_error);
}

TEST_CASE("ThePageHasTheRules") {
  const char* const root = std::getenv("TIDEGATE_SOURCE_DIR");
  REQUIRE_MESSAGE(root != nullptr, "TIDEGATE_SOURCE_DIR must name the source tree");
  std::ifstream file(std::string(root) + "/docs/reference/config.md");
  std::ostringstream page;
  page << file.rdbuf();
  for (const LintRule& rule : lint_rules()) {
    std::string keys;
    for (char c : rule.keys)
      c == ',' ? keys.append("`,") : c == ' ' ? keys.append(" `") : keys.append(1, c);
    const std::string row = "| `" + std::string(rule.name) + "` | " + std::string(rule.outcome) +
                            " | `" + keys + "` | " + std::string(rule.help) + " |";
    CHECK_MESSAGE(page.str().find(row) != std::string::npos, row);
  }
}
