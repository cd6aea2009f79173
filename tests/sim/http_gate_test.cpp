// SPDX-License-Identifier: Apache-2.0
// A client whose attempts go through a gate, in virtual time.
#include <doctest/doctest.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/sleep.hpp"
#include "gate/gate_core.hpp"
#include "gate/limiter_home.hpp"
#include "http/fetch.hpp"
#include "support/flow.hpp"
#include "support/loop_clock.hpp"
#include "support/seeds.hpp"
#include "support/sim_loop.hpp"
#include "support/sim_transport.hpp"
#include "support/timed_transport.hpp"

namespace tidegate::internal {
namespace {

using policy::Limit;
using test::Flow;
using test::LoopClock;
using test::SimLoop;
using test::SimTransport;
using test::TimedTransport;
using namespace std::chrono_literals;

policy::Limiter limiter(std::initializer_list<Limit> limits) {
  return limits.size() > 0 ? policy::Limiter(SimLoop::kStart, limits)
                           : limiter_of({}, {{nullptr, SimLoop::kStart, 0}});
}

struct Gated {
  explicit Gated(const GateOptions& gate_options, std::initializer_list<Limit> limits = {},
                 std::uint64_t seed = 0)
      : loop(seed),
        transport(std::make_shared<TimedTransport>(
            loop, [this](const TransportRequest&, TransportReply& reply) {
              if (answers) answers(reply);
              return takes;
            })) {
    options.name = "gated-sim";
    options.pool_timeout = 1h;
    options.timeout = 1h;
    options.retry.backoff(0ms, 0ms);
    set_gate(gate_options, limits);
  }
  ~Gated() {
    loop.drive();
    const GateStats stats = gate->stats();
    CHECK(stats.inside == 0);
    CHECK(stats.waiting == 0);
    if (core) CHECK(core->pool().out() == 0);
  }
  void set_gate(const GateOptions& gate_options, std::initializer_list<Limit> limits) {
    gate = GateCore::make(loop, GateCore::Clocks{.clock = clock, .coarse = clock},
                          gate_options.values(), limiter(limits), GateCore::Shared{}, 7);
  }

  Operation<Response> get(const std::function<void(Request::Values&)>& change = {}) {
    if (!core) {
      defaults = std::make_unique<HttpDefaults>(options);
      core = std::make_shared<HttpCore>(loop, transport, options, 1);
    }
    Request::Values request;
    request.method = "GET";
    request.url = "http://a.test/";
    if (change) change(request);
    auto plan = make_plan(request, *defaults);
    REQUIRE(plan.ok());
    plan->gate = gate;
    return Fetch::start(core, std::move(plan).value(), loop.now());
  }
  void run_until(Duration since_start) { loop.drive(Deadline::at(SimLoop::kStart + since_start)); }
  std::vector<Duration> starts() const {
    std::vector<Duration> times;
    for (const TimePoint each : transport->begun) times.push_back(each - SimLoop::kStart);
    return times;
  }

  SimLoop loop;
  LoopClock clock{loop};
  ClientOptions::Values options;
  std::shared_ptr<TimedTransport> transport;
  std::function<void(TransportReply&)> answers;
  Duration takes = 10ms;
  std::shared_ptr<GateCore> gate;
  std::unique_ptr<HttpDefaults> defaults;
  std::shared_ptr<HttpCore> core;
};

GateOptions plain() { return GateOptions("encar"); }

TEST_CASE("StartsAreNeverCloserThanThePaceAttemptsAndHedgesIncluded") {
  Gated test(plain(), {Limit::rate(10, 1s, 1)});
  test.options.hedge = true;
  test.options.hedge_delay = 1ms;
  int left = 5;
  test.takes = 250ms;
  test.answers = [&](TransportReply& reply) { reply.http_status = left-- > 0 ? 503 : 200; };
  std::vector<Operation<Response>> running;
  for (int i = 0; i < 8; ++i) running.push_back(test.get());
  test.loop.drive();
  for (const auto& each : running) CHECK(each.wait()->status == 200);
  const auto starts = test.starts();
  CHECK(starts.size() >= 13);
  for (std::size_t i = 1; i < starts.size(); ++i) CHECK(starts[i] - starts[i - 1] >= 100ms);
}

TEST_CASE("AnAttemptIsSlowForTheBreakerPastFourFifthsOfTheTimeItHas") {
  struct Row {
    Duration attempt_timeout, timeout, takes;
    std::uint64_t slow;
  };
  const Row rows[] = {
      {5s, 15s, 3900ms, 0}, {5s, 15s, 4100ms, 1}, {5s, 2s, 1700ms, 1}, {5s, 2s, 1500ms, 0}};
  for (const Row& row : rows) {
    Gated test(plain().breaker(BreakerOptions()));
    test.options.attempt_timeout = row.attempt_timeout;
    test.options.timeout = row.timeout;
    test.takes = row.takes;
    const auto answered = test.get();
    test.loop.drive();
    CHECK(answered.wait().ok());
    CHECK(test.gate->stats().breaker->slow == row.slow);
    CHECK(test.gate->stats().breaker->failures == 0);
  }
}

TEST_CASE("AnAttemptThatItsCallerLeftNoTimeIsNoFailureOfTheService") {
  for (const auto& [time, failures] : {std::pair{1s, 0U}, std::pair{2s, 1U}}) {
    Gated test(plain().breaker(BreakerOptions()));
    test.options.timeout = 2s;  // so the attempt may take 1.6 s
    test.takes = 1h;
    const Deadline until = Deadline::at(SimLoop::kStart + time);
    const auto late = test.get([until](Request::Values& request) { request.deadline = until; });
    test.loop.drive();
    CHECK(late.wait().status().cause() == Cause::kDeadline);
    CHECK(test.gate->stats().breaker->failures == failures);
  }
}

TEST_CASE("ATimeOfAnAttemptBeginsWithItsStart") {
  Gated test(plain(), {Limit::rate(1, 1s, 1)});
  test.options.attempt_timeout = 50ms;
  const auto first = test.get();
  const auto second = test.get();
  test.loop.drive();
  CHECK(first.wait().ok());
  REQUIRE(second.wait().ok());
  CHECK(second.wait()->timings.queue == 1s);
  CHECK(second.wait()->attempts == 1);
}

TEST_CASE("WhoCannotStartInTimeIsRefusedAtOnceAndNothingIsSent") {
  Gated test(plain(), {Limit::rate(1, 1s, 1)});
  (void)test.get();
  const auto late = test.get([](Request::Values& request) { request.timeout = 900ms; });
  test.run_until(1ms);
  REQUIRE(late.done());
  const Status status = late.wait().status();
  CHECK(status.cause() == Cause::kRateLimited);
  CHECK(status.retry_after() == 1s);
  CHECK(status.attempts() == 0);
  test.loop.drive();
  CHECK(test.transport->begun.size() == 1);
}

TEST_CASE("ABreakerThatOpensStopsAttemptsAndTheAnswerBeforeIsTheOutcome") {
  Gated test(plain().breaker(BreakerOptions().consecutive(2).open_for(10s, 60s)));
  test.options.retry.attempts(5);
  test.answers = [](TransportReply& reply) { reply.http_status = 503; };
  const auto stopped = test.get();
  test.run_until(1s);
  REQUIRE(stopped.done());
  REQUIRE_MESSAGE(stopped.wait().ok(), stopped.wait().status().to_string());
  CHECK(stopped.wait()->status == 503);
  CHECK(stopped.wait()->attempts == 2);
  REQUIRE(stopped.wait()->history.size() == 3);
  CHECK(stopped.wait()->history[2].starts_with("attempt 3 of 5: circuit_open"));
  const auto refused = test.get();
  test.run_until(2s);
  REQUIRE(refused.done());
  CHECK(refused.wait().status().cause() == Cause::kCircuitOpen);
  CHECK(refused.wait().status().retry_after() > 0s);
  CHECK(test.transport->begun.size() == 2);
}

TEST_CASE("AnAnswerThatSaysWhenToComeAgainHoldsAll") {
  Gated test(plain());
  test.options.retry.attempts(1);
  test.answers = [&](TransportReply& reply) {
    if (test.transport->begun.size() > 1) return;
    reply.http_status = 429;
    reply.headers.add("Retry-After", "2");
  };
  const auto told = test.get();
  test.run_until(20ms);
  std::vector<Operation<Response>> others;
  for (int i = 0; i < 3; ++i) others.push_back(test.get());
  test.loop.drive();
  CHECK(told.wait()->status == 429);
  for (const auto& each : others) CHECK(each.wait()->status == 200);
  const auto starts = test.starts();
  REQUIRE(starts.size() == 4);
  CHECK(starts[1] >= 2010ms);
}

TEST_CASE("OfEachGateOneRequestAtMostWaitsInThePool") {
  Gated test(plain());
  test.options.max_connections = 1;
  const auto other = std::exchange(test.gate, nullptr);
  test.set_gate(plain(), {});
  std::vector<Operation<Response>> running;
  for (int i = 0; i < 10; ++i) {
    running.push_back(test.get());
    auto mine = std::exchange(test.gate, other);
    running.push_back(test.get());
    test.gate = std::move(mine);
  }
  test.run_until(5ms);
  CHECK(test.core->pool().waiting() == 2);
  CHECK(test.gate->stats().waiting == 9);
  CHECK(other->stats().waiting == 10);
  test.loop.drive();
  for (const auto& each : running) CHECK(each.wait().ok());
  CHECK(test.transport->most == 1);
}

TEST_CASE("WhoGivesUpInTheLineOrInsideLeavesNothingBehind") {
  Gated test(plain().concurrency(1));
  const auto inside = test.get();
  const auto waits = test.get();
  const auto next = test.get();
  test.run_until(5ms);
  waits.cancel();
  inside.cancel();
  test.loop.drive();
  CHECK(inside.wait().status().cause() == Cause::kCancelled);
  CHECK(waits.wait().status().cause() == Cause::kCancelled);
  CHECK(next.wait().ok());
  CHECK(test.transport->begun.size() == 2);
}

// Its first request opens the breaker; the next one, much later, is a probe, and slow.
TEST_CASE("AHedgeIsNeverTheProbeOfABreaker") {
  Gated test(GateOptions("hedge-probe")
                 .breaker(BreakerOptions().consecutive(1).open_for(1s, 1s).probes(3)));
  test.options.retry.attempts(1);
  test.options.hedge = true;
  test.options.hedge_delay = 1ms;
  test.takes = 0ms;
  test.answers = [](TransportReply& reply) { reply.http_status = 503; };
  const auto opens = test.get();
  test.loop.drive();
  REQUIRE(test.gate->stats().breaker->state == BreakerState::kOpen);
  test.run_until(2s);

  test.takes = 250ms;
  test.answers = nullptr;
  test.transport->begun.clear();
  const auto probe = test.get();
  test.run_until(2100ms);
  CHECK(test.transport->begun.size() == 1);
  CHECK(test.gate->stats().breaker->state == BreakerState::kHalfOpen);
  CHECK(test.gate->stats().breaker->probing == 1);
  test.loop.drive();
  CHECK(probe.wait()->status == 200);
  CHECK_FALSE(probe.wait()->hedged);
  CHECK(test.gate->stats().refused == 0);
}

TEST_CASE("AHedgeThatItsGateDoesNotLetInIsNoRefusal") {
  Gated test(GateOptions("hedge-refused").concurrency(1));
  test.options.hedge = true;
  test.options.hedge_delay = 1ms;
  test.takes = 250ms;
  const auto slow = test.get();
  test.loop.drive();
  CHECK(slow.wait()->status == 200);
  CHECK(test.transport->begun.size() == 1);
  CHECK(test.gate->stats().granted == 1);
  CHECK(test.gate->stats().refused == 0);
  CHECK(test.core->budget().left(test.loop.now()) == 100);
}

// Cancels, failures, answers that say when to come again, hedges and a breaker, in random order.
TEST_CASE("A gate keeps its bounds whatever becomes of the requests behind it") {
  test::each_seed(100, 5'000, [](std::uint64_t seed) {
    SimLoop loop(seed);
    const LoopClock clock(loop);
    const auto transport = std::make_shared<SimTransport>(loop, seed);
    const std::size_t slots = 1 + loop.rng().below(4);
    GateOptions gate_options = plain().concurrency(slots).queue(20).max_penalty(500ms);
    if (loop.rng().chance(50))
      gate_options.breaker(BreakerOptions().min_calls(5).open_for(300ms, 1s));
    const auto gate = GateCore::make(loop, GateCore::Clocks{.clock = clock, .coarse = clock},
                                     gate_options.values(), limiter({}), GateCore::Shared{}, seed);
    ClientOptions::Values options;
    options.name = "gate-seeds";
    options.max_connections = 1 + loop.rng().below(6);
    options.timeout = 1s;
    options.hedge = loop.rng().chance(50);
    options.hedge_delay = 20ms;
    options.retry.backoff(10ms, 50ms);
    const HttpDefaults defaults(options);
    const auto core = std::make_shared<HttpCore>(loop, transport, options, seed);
    std::vector<Operation<Response>> running;
    const auto ask = [](SimLoop* on, const std::function<void()>* once) -> Task<void> {
      for (int i = 0; i < 60; ++i) {
        (*once)();
        const TimePoint next = on->now() + on->rng().between(Duration::zero(), Duration(40ms));
        co_await sleep_until(next);
      }
    };
    const std::function<void()> once = [&] {
      Request::Values request;
      request.method = "GET";
      request.url = "http://a.test/" + std::to_string(running.size());
      if (loop.rng().chance(30)) request.timeout = loop.rng().between(0ms, 300ms);
      auto plan = make_plan(request, defaults);
      REQUIRE(plan.ok());
      plan->gate = gate;
      running.push_back(Fetch::start(core, std::move(plan).value(), loop.now()));
      if (loop.rng().chance(20)) running[loop.rng().below(running.size())].cancel();
    };
    {
      Flow flow(loop, ask(&loop, &once));
      loop.drive();
    }
    for (const auto& each : running) CHECK(each.done());
    CHECK(transport->most() <= slots);
    CHECK(gate->stats().inside == 0);
    CHECK(gate->stats().waiting == 0);
    CHECK(core->pool().out() == 0);
    CHECK(core->pool().waiting() == 0);
    CHECK(loop.timers() == 0);
    CHECK(loop.roots() == 0);
  });
}

}  // namespace
}  // namespace tidegate::internal
