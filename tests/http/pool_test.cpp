// SPDX-License-Identifier: Apache-2.0
// Who has a slot and who waits for one, in virtual time.
#include "http/pool.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "base/sleep.hpp"
#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;
using test::Flow;
using test::SimLoop;

struct PoolInTest {
  explicit PoolInTest(const HttpPoolLimits& limits) : pool(limits, waiting) {}
  ~PoolInTest() {
    flows.clear();
    CHECK(pool.out() == 0);
    CHECK(pool.waiting() == 0);
    CHECK(pool.origins() == 0);
    CHECK(waiting.value() == 0);
  }

  // Enters, stays for `time`, and goes.
  Flow& visit(std::string name, std::string origin, Duration time, Duration patience = 1h) {
    return flows.emplace_back(loop, stay(this, std::move(name), std::move(origin), time,
                                         Deadline::after(patience, loop.now())));
  }
  static Task<void> stay(PoolInTest* self, std::string name, std::string origin, Duration time,
                         Deadline until) {
    HttpPool& pool = self->pool;
    const HttpSlot slot = co_await pool.enter(origin, until);
    if (!slot.held()) {
      self->seen.push_back(name + ": " + std::string(cause_info(slot.refused()).name));
      co_return;
    }
    self->seen.push_back(name);
    const TimePoint over = self->loop.now() + time;
    co_await sleep_until(over);
  }

  SimLoop loop;
  Gauge waiting;
  HttpPool pool;
  std::deque<Flow> flows;
  std::vector<std::string> seen;
};

using Seen = std::vector<std::string>;

TEST_CASE("FirstComeFirstServed [C7]") {
  PoolInTest test({.most = 1, .most_per_origin = 1, .most_waiting = 10});
  for (const char* const name : {"1", "2", "3", "4"}) test.visit(name, "a", 1s);
  test.loop.drive();
  CHECK(test.seen == Seen{"1", "2", "3", "4"});
  CHECK(test.loop.elapsed() == 4s);
}

TEST_CASE("OriginsThatWaitHaveTheirTurnsHoweverManyWaitForOne") {
  PoolInTest test({.most = 1, .most_per_origin = 5, .most_waiting = 100});
  for (const char* const name : {"a1", "a2", "a3", "a4"}) test.visit(name, "a", 1s);
  for (const char* const name : {"b1", "b2"}) test.visit(name, "b", 1s);
  test.loop.drive();
  CHECK(test.seen == Seen{"a1", "a2", "b1", "a3", "b2", "a4"});
}

TEST_CASE("AnOriginAtItsBoundHoldsUpNobody [C7]") {
  PoolInTest test({.most = 3, .most_per_origin = 2, .most_waiting = 100});
  for (const char* const name : {"a1", "a2", "a3"}) test.visit(name, "a", 10s);
  for (const char* const name : {"b1", "b2", "b3"}) test.visit(name, "b", 1s);
  test.loop.drive(Deadline::at(SimLoop::kStart + 5s));
  CHECK(test.seen == Seen{"a1", "a2", "b1", "b2", "b3"});
  CHECK(test.pool.waiting() == 1);
  test.loop.drive();
  CHECK(test.seen.back() == "a3");
}

TEST_CASE("WhoIsOneTooManyOrWaitsTooLongIsRefused [C7]") {
  PoolInTest test({.most = 1, .most_per_origin = 1, .most_waiting = 2});
  test.visit("1", "a", 10s);
  test.visit("2", "a", 1s, 5s);
  test.visit("3", "b", 1s);
  test.visit("4", "c", 1s);
  test.loop.drive();
  CHECK(test.seen == Seen{"1", "4: queue_full", "2: pool_timeout", "3"});
}

TEST_CASE("NobodyWaitsWhereNobodyMay") {
  PoolInTest test({.most = 1, .most_per_origin = 1, .most_waiting = 0});
  test.visit("1", "a", 1s);
  test.visit("2", "a", 1s);
  test.loop.drive();
  CHECK(test.seen == Seen{"1", "2: queue_full"});
}

TEST_CASE("WhereItMayOpenMoreNobodyWaitsAndTheBoundsHoldAgainAfterwards") {
  PoolInTest test(
      {.most = 1, .most_per_origin = 1, .most_waiting = 10, .overflow = Overflow::kOpen});
  for (const char* const name : {"1", "2", "3"}) test.visit(name, "a", 1s);
  test.visit("4", "b", 2s);
  test.loop.drive(Deadline::at(SimLoop::kStart));
  CHECK(test.seen == Seen{"1", "2", "3", "4"});
  CHECK(test.pool.out() == 4);
  test.loop.drive();
  CHECK(test.loop.elapsed() == 2s);
}

TEST_CASE("WhereItMayNotWaitWhoFindsNoSlotIsRefusedAtOnce") {
  PoolInTest test(
      {.most = 2, .most_per_origin = 1, .most_waiting = 10, .overflow = Overflow::kFail});
  for (const char* const name : {"1", "2"}) test.visit(name, "a", 1s);
  for (const char* const name : {"3", "4"}) test.visit(name, "b", 1s);
  test.loop.drive(Deadline::at(SimLoop::kStart + 5s));
  test.visit("5", "a", 1s);
  test.loop.drive();
  CHECK(test.seen == Seen{"1", "2: queue_full", "3", "4: queue_full", "5"});
}

TEST_CASE("WhoGivesUpLeavesTheQueueAndWhoIsInGivesItsSlotBack") {
  PoolInTest test({.most = 1, .most_per_origin = 1, .most_waiting = 10});
  Flow& inside = test.visit("1", "a", 1h);
  Flow& waits = test.visit("2", "a", 1s);
  test.visit("3", "a", 1s);
  test.loop.drive(Deadline::at(SimLoop::kStart + 1s));
  waits.scope().cancel(Cause::kCancelled);
  inside.scope().cancel(Cause::kCancelled);
  Flow& never = test.visit("4", "b", 1s);
  never.scope().cancel(Cause::kClosed);
  test.loop.drive();
  CHECK(test.seen == Seen{"1", "2: cancelled", "4: closed", "3"});
}

// A slot that was handed to a flow in the moment in which it is cancelled.
TEST_CASE("ASlotThatIsHandedOverInTheMomentOfACancelIsNotLost") {
  PoolInTest test({.most = 1, .most_per_origin = 1, .most_waiting = 10});
  Flow& inside = test.visit("1", "a", 1h);
  Flow& waits = test.visit("2", "a", 1h);
  test.visit("3", "a", 1s);
  bool done = false;
  test.loop.drive(Deadline::at(SimLoop::kStart + 1s));
  test.loop.before_resume([&](std::uint64_t) {
    // The one inside has just ended: the next to be resumed has the slot already.
    if (inside.over && !done) {
      done = true;
      waits.scope().cancel(Cause::kCancelled);
    }
  });
  inside.scope().cancel(Cause::kCancelled);
  test.loop.drive();
  CHECK(done);
  CHECK(test.seen == Seen{"1", "2", "3"});
}

}  // namespace
}  // namespace tidegate::internal
