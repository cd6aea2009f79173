// SPDX-License-Identifier: Apache-2.0
// Which reply is whose, in virtual time: every order of cancels, deadlines and replies.
#include "net/redis_pipeline.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/redis_breaker.hpp"
#include "net/redis_command.hpp"
#include "support/deep.hpp"
#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::RedisCall;
using internal::RedisPipeline;
using internal::RedisReply;
using internal::Task;

constexpr RedisPipeline::Limits kLarge{10'000, 1 << 20, 1 << 20};

RedisReply number(std::int64_t value) {
  return {.kind = RedisReply::Kind::kInteger, .integer = value};
}

struct Line {
  internal::RedisMetrics metrics{"pipeline test"};
  RedisPipeline line;
  std::deque<std::int64_t> asked;  // what a server would answer with, in order
  explicit Line(const RedisPipeline::Limits& limits = kLarge) : line(limits, metrics) {}

  void ask(RedisCall& call, std::int64_t id, std::size_t replies) {
    for (std::size_t i = 0; i < replies; ++i) {
      internal::append_ping(line.out().bytes);
      asked.push_back(id);
    }
    line.expect(call, replies);
  }
  void send() { line.out().sent(line.out().unsent()); }
  void answer_one() {
    send();
    REQUIRE(line.take(number(asked.front())).ok());
    asked.pop_front();
  }
};

struct Outcome {
  bool over = false;
  Cause woken = Cause::kInternal;
  std::size_t wrong = 0;
};

Task<void> one_call(Line* line, std::int64_t id, std::size_t replies, Deadline until,
                    Outcome* outcome) {
  internal::Scope& scope = co_await internal::this_scope();
  outcome->woken = scope.reason();
  outcome->over = !scope.ok();
  if (outcome->over) co_return;
  RedisCall call(line->line, until);
  line->ask(call, id, replies);
  const Cause woken = co_await call;
  outcome->over = true;
  outcome->woken = woken;
  if (woken != Cause::kNone) co_return;
  if (call.count() != replies) ++outcome->wrong;
  for (std::size_t i = 0; i < call.count(); ++i) {
    if (call.reply(i).integer != id) ++outcome->wrong;
  }
}

TEST_CASE("NoReplyReachesAnotherCallHoweverCallsAreCancelledAndLate [C1]") {
  int answered = 0, cancelled = 0, late = 0;
  std::size_t wrong = 0;
  const int rounds = repeat(1'000, 20'000);
  for (int round = 1; round <= rounds; ++round) {
    SimLoop loop(static_cast<std::uint64_t>(round));
    Line line;
    std::vector<Outcome> outcomes(5 + loop.rng().below(6));
    std::vector<std::unique_ptr<Flow>> flows;
    loop.before_resume([&](std::uint64_t) {
      const auto what = loop.rng().below(4);
      if (what == 0) flows[loop.rng().below(flows.size())]->scope().cancel(Cause::kCancelled);
      if (what >= 2 && !line.asked.empty()) line.answer_one();
    });
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const Duration patience = loop.rng().between(1us, 10us);
      const auto replies = static_cast<std::size_t>(1 + loop.rng().below(3));
      flows.push_back(std::make_unique<Flow>(
          loop, one_call(&line, static_cast<std::int64_t>(i), replies,
                         Deadline::at(loop.now() + patience), &outcomes[i])));
    }
    while (loop.roots() > 0 && loop.elapsed() < 20us) {
      loop.single_turn(1us);
      if (!line.asked.empty() && loop.rng().chance(50)) line.answer_one();
    }
    while (!line.asked.empty()) line.answer_one();
    loop.drive();
    for (const Outcome& outcome : outcomes) {
      REQUIRE(outcome.over);
      wrong += outcome.wrong;
      answered += outcome.woken == Cause::kNone;
      cancelled += outcome.woken == Cause::kCancelled;
      late += outcome.woken == Cause::kNotReady;
    }
    REQUIRE(line.line.calls() == 0);
    REQUIRE(line.line.bytes() == 0);
    REQUIRE(line.line.waited_for() == 0);
    REQUIRE(line.metrics.in_flight.value() == 0);
    REQUIRE(line.metrics.in_flight_bytes.value() == 0);
    REQUIRE(loop.timers() == 0);
    flows.clear();
  }
  CHECK(wrong == 0);
  CHECK(answered > rounds);
  CHECK(cancelled > rounds);
  CHECK(late > rounds / 4);
}

TEST_CASE("CallsThatFailLearnWhetherTheyWereSent [X13]") {
  SimLoop loop;
  Line line;
  std::vector<std::string> messages(2);
  struct Local {
    static Task<void> ask(Line* line, bool sent, std::string* message) {
      RedisCall call(line->line, Deadline::never());
      line->ask(call, 0, 1);
      if (sent) line->send();
      const Cause woken = co_await call;
      CHECK(woken == Cause::kNone);
      CHECK(call.failure().cause() == Cause::kEngineUnavailable);
      *message = call.failure().message();
    }
  };
  Flow first(loop, Local::ask(&line, true, messages.data()));
  Flow second(loop, Local::ask(&line, false, &messages[1]));
  loop.drive();
  line.line.fail(Status(Cause::kEngineUnavailable, "lost"));
  loop.drive();
  CHECK(messages[0] == "lost; whether the command was carried out is not known");
  CHECK(messages[1] == "lost; the command was not sent");
  CHECK(line.line.empty());
  CHECK(line.line.out().unsent() == 0);
}

TEST_CASE("WhatComesBeforeACommandIsSentDoesNotAnswerIt [X11]") {
  SimLoop loop;
  Line line;
  CHECK(line.line.take(number(1)).cause() == Cause::kDecode);
  Outcome outcome;
  Flow flow(loop, one_call(&line, 7, 1, Deadline::never(), &outcome));
  loop.drive();
  CHECK(line.line.take(number(1)).cause() == Cause::kDecode);
  line.answer_one();
  loop.drive();
  CHECK(outcome.woken == Cause::kNone);
  CHECK(outcome.wrong == 0);
  CHECK(line.line.take(number(1)).cause() == Cause::kDecode);
}

// As where memory ends between the two.
TEST_CASE("ACommandWithoutAPlaceInTheLineIsNeverSent [C1]") {
  SimLoop loop;
  Line line;
  std::vector<Outcome> outcomes(2);
  Flow first(loop, one_call(&line, 0, 1, Deadline::never(), outcomes.data()));
  loop.drive();
  line.line.out().bytes += "*1\r\n$4\r\nPI";
  line.line.drop_unexpected();
  Flow second(loop, one_call(&line, 1, 1, Deadline::never(), &outcomes[1]));
  loop.drive();
  std::string ping;
  internal::append_ping(ping);
  CHECK(line.line.out().rest() == ping + ping);
  while (!line.asked.empty()) line.answer_one();
  loop.drive();
  CHECK(outcomes[0].woken == Cause::kNone);
  CHECK(outcomes[1].woken == Cause::kNone);
  CHECK(outcomes[0].wrong + outcomes[1].wrong == 0);
}

TEST_CASE("WhatIsUnderWayIsBounded") {
  SimLoop loop;
  Line line({.calls = 2, .bytes = 100, .unsent = 60});
  CHECK(line.line.admit(60).ok());
  CHECK(line.line.admit(61).cause() == Cause::kSaturated);
  std::vector<Outcome> outcomes(2);
  Flow first(loop, one_call(&line, 0, 3, Deadline::never(), outcomes.data()));
  loop.drive();
  CHECK(line.line.bytes() == 42);
  CHECK(line.line.admit(20).cause() == Cause::kSaturated);
  line.send();
  CHECK(line.line.admit(58).ok());
  CHECK(line.line.admit(59).cause() == Cause::kSaturated);
  Flow second(loop, one_call(&line, 1, 1, Deadline::never(), &outcomes[1]));
  loop.drive();
  CHECK(line.line.admit(1).cause() == Cause::kSaturated);
  while (!line.asked.empty()) line.answer_one();
  loop.drive();
  CHECK(line.line.admit(60).ok());
}

TEST_CASE("AnOutboxKnowsWhatWasSentHoweverItIsTaken") {
  internal::RedisOutbox out;
  internal::Rng rng(1);
  std::string expected, got;
  std::uint64_t appended = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string more(rng.below(300), static_cast<char>('a' + rng.below(26)));
    out.bytes += more;
    expected += more;
    appended += more.size();
    const std::size_t taken = rng.below(out.unsent() + 1);
    got += out.rest().substr(0, taken);
    out.sent(taken);
    REQUIRE(out.end() == appended);
    REQUIRE(out.sent_until() == got.size());
    REQUIRE(out.unsent() == appended - got.size());
  }
  got += out.rest();
  CHECK(got == expected);
  out.bytes += "0123456789";
  const std::uint64_t before = out.end() - 4;
  out.truncate(before);
  CHECK(out.end() == before);
  CHECK(out.bytes.ends_with("012345"));
  out.truncate(0);
  CHECK(out.unsent() == 0);
  CHECK(out.end() == out.sent_until());
}

TEST_CASE("FailuresInARowOpenTheBreakerAndOneHiccupIsOne") {
  internal::RedisBreaker breaker(3);
  const TimePoint t{1s};
  CHECK_FALSE(breaker.failed(t, t + 50ms));
  for (int i = 0; i < 50; ++i) CHECK_FALSE(breaker.failed(t + 10ms, t + 60ms));  // the same
  CHECK_FALSE(breaker.failed(t + 50ms, t + 100ms));
  breaker.succeeded();
  CHECK_FALSE(breaker.failed(t + 100ms, t + 150ms));
  CHECK_FALSE(breaker.failed(t + 150ms, t + 200ms));
  CHECK(breaker.failed(t + 200ms, t + 250ms));
  CHECK(breaker.since() == t + 150ms);
}

TEST_CASE("AThousandWorkersThatLoseAServerTogetherComeBackSpreadOut [X15]") {
  const internal::RedisOptions options;
  std::vector<internal::RedisBackoff> workers(1000, internal::RedisBackoff(options));
  std::vector<internal::Rng> draws;
  for (std::uint64_t seed = 0; seed < workers.size(); ++seed) draws.emplace_back(seed);
  Duration bound = options.first_pause;
  for (int step = 0; step < 10; ++step) {
    std::vector<int> tenths(10);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const Duration pause = workers[i].next(false, draws[i]);
      REQUIRE(pause >= 0s);
      REQUIRE(pause <= bound);
      ++tenths[static_cast<std::size_t>(pause * 10 / (bound + 1ns))];
    }
    for (const int attempts : tenths) {
      CHECK(attempts > 50);
      CHECK(attempts < 150);
    }
    bound = std::min(2 * bound, options.longest_pause);
  }
  CHECK(bound == options.longest_pause);
  const Duration permanent = workers[0].next(true, draws[0]);
  CHECK(permanent >= options.permanent_pause / 2);
  CHECK(permanent <= options.permanent_pause);
  workers[0].lived(options.longest_pause - 1ns);
  workers[1].lived(options.longest_pause);
  CHECK(workers[1].next(false, draws[1]) <= options.first_pause);
}

}  // namespace
}  // namespace tidegate::test
