// SPDX-License-Identifier: Apache-2.0
// Proxies that die and come back under many callers, in virtual time: while one is well every request
// comes through, and those that are dead are tried seldom.
#include <doctest/doctest.h>

#include <array>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/sleep.hpp"
#include "http/fetch.hpp"
#include "support/flow.hpp"
#include "support/seeds.hpp"
#include "support/sim_loop.hpp"
#include "support/timed_transport.hpp"

namespace tidegate::internal {
namespace {

using test::Flow;
using test::SimLoop;
using test::TimedTransport;
using namespace std::chrono_literals;

const std::array<std::string, 4> kProxies = {"http://well.test:1", "http://b.test:1",
                                             "http://c.test:1", "http://d.test:1"};

struct Death {
  TimePoint from, until;
  int tries = 0;  // while it lasts
};

struct Run {
  explicit Run(std::uint64_t seed)
      : loop(seed),
        transport(std::make_shared<TimedTransport>(
            loop, [this](const TransportRequest& request, TransportReply& reply) {
              return answer(request, reply);
            })) {
    for (std::size_t i = 1; i < kProxies.size(); ++i) {  // the first one is always well
      const TimePoint from = loop.now() + loop.rng().between(0ms, 60s);
      deaths[kProxies[i].substr(7)] = {from, from + loop.rng().between(1s, 60s)};
    }
    options.name = "sim";
    options.proxies = {kProxies.begin(), kProxies.end()};
    options.proxy_session = loop.rng().below(10);
    options.retry.attempts(4).backoff(0ms, 0ms).budget(1, 100, 1000);
    defaults = std::make_unique<HttpDefaults>(options);
    core = std::make_shared<HttpCore>(loop, transport, options, seed, *defaults->routes);
  }
  Duration answer(const TransportRequest& request, TransportReply& reply) {
    const auto death = deaths.find(request.route->shown);
    const bool is_dead = death != deaths.end() && death->second.from <= loop.now() &&
                         loop.now() < death->second.until;
    if (is_dead) {
      ++death->second.tries;
      reply = {};
      reply.status = Status(Cause::kProxy, "no connection");
      reply.proxy_failed = true;
    } else {
      reply.connections = 1;
    }
    return loop.rng().between(0ms, 50ms);
  }

  SimLoop loop;
  std::map<std::string, Death> deaths;
  std::shared_ptr<TimedTransport> transport;
  ClientOptions::Values options;
  std::unique_ptr<HttpDefaults> defaults;
  std::shared_ptr<HttpCore> core;
  std::vector<Operation<Response>> asked;
};

constexpr int kCallers = 3;

Task<void> ask_again_and_again(Run* run) {
  for (int i = 0; i < 200; ++i) {
    Request::Values request;
    request.method = "POST";
    request.url = "http://a.test/";
    auto plan = make_plan(request, *run->defaults);
    REQUIRE(plan.ok());
    const TimePoint now = run->loop.now();
    run->asked.push_back(Fetch::start(run->core, std::move(plan).value(), now));
    const TimePoint next = now + run->loop.rng().between(250ms, 1s);
    co_await sleep_until(next);
  }
}

TEST_CASE("WhileOneProxyIsWellEveryRequestComesThroughAndTheDeadAreTriedSeldom [D10]") {
  test::each_seed(100, 2'000, [](std::uint64_t seed) {
    Run run(seed);
    {
      std::vector<std::unique_ptr<Flow>> callers;
      for (int i = 0; i < kCallers; ++i) {
        callers.push_back(std::make_unique<Flow>(run.loop, ask_again_and_again(&run)));
      }
      run.loop.drive();
    }
    for (const auto& each : run.asked) {
      REQUIRE(each.done());
      const auto response = each.wait();
      CHECK_MESSAGE(response.ok(), response.status().to_string());
    }
    // Once by each caller before the first failure is known, then after 5, 15 and 35 s.
    for (const auto& [name, death] : run.deaths) CHECK(death.tries <= kCallers + 4);
    const ProxyStats stats = run.core->proxies().stats(run.loop.now() + 5min);
    CHECK(stats.available_proxies == kProxies.size());
    CHECK(stats.request_count >= run.asked.size());
    CHECK(run.core->pool().origins() == 0);
    CHECK(run.loop.roots() == 0);
    CHECK(live_frames() == 0);
  });
}

// The proxies that three requests go by, one after the other, each slow enough for a hedge.
std::vector<std::string> ways_by(std::size_t places, std::uint64_t per_session) {
  SimLoop loop(1);
  std::vector<std::string> ways;
  const auto slow =
      std::make_shared<TimedTransport>(loop, [&](const TransportRequest& request, TransportReply&) {
        ways.push_back(request.route->shown);
        return 1s;
      });
  ClientOptions::Values options;
  options.name = "sim-hedge";
  options.proxies = {kProxies.begin(), kProxies.end()};
  options.proxy_session = per_session;
  options.max_connections = places;
  options.hedge = true;
  options.hedge_delay = 10ms;
  const HttpDefaults defaults(options);
  const auto core = std::make_shared<HttpCore>(loop, slow, options, 1, *defaults.routes);
  for (int i = 0; i < 3; ++i) {
    Request::Values request;
    request.method = "GET";
    request.url = "http://a.test/";
    auto plan = make_plan(request, defaults);
    REQUIRE(plan.ok());
    const auto asked = Fetch::start(core, std::move(plan).value(), loop.now());
    loop.drive();
    CHECK(asked.wait().ok());
  }
  CHECK(core->proxies().stats(loop.now()).request_count == ways.size());
  CHECK(core->pool().out() == 0);
  return ways;
}

TEST_CASE("AHedgeHasTheNextProxyAndTakesNoTurnWhereItFindsNoPlace [D10]") {
  const auto round = [](std::initializer_list<std::size_t> numbers) {
    std::vector<std::string> names;
    for (const std::size_t number : numbers) names.push_back(kProxies[number].substr(7));
    return names;
  };
  CHECK(ways_by(2, 1) == round({0, 1, 2, 3, 0, 1}));
  CHECK(ways_by(1, 1) == round({0, 1, 2}));
  CHECK(ways_by(2, 4) == round({0, 0, 0, 0, 1, 1}));
  CHECK(ways_by(1, 2) == round({0, 0, 1}));
}

}  // namespace
}  // namespace tidegate::internal
