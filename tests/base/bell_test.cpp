// SPDX-License-Identifier: Apache-2.0
#include "base/bell.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>

#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using test::Flow;
using test::SimLoop;
using namespace std::chrono_literals;

Deadline deadline_at(Duration since_start) { return Deadline::at(SimLoop::kStart + since_start); }

Task<void> hear(Bell* bell, Deadline until, std::optional<Cause>* heard) {
  const Cause woken = co_await bell->heard(until);
  *heard = woken;
}

Task<void> hear_all(Bell* bell, Duration until, int* times) {
  for (;;) {
    const Cause woken = co_await bell->heard(deadline_at(until));
    if (woken != Cause::kNone) break;
    ++*times;
  }
}

// What two hear that wait one after the other.
struct Hearers {
  SimLoop loop;
  Bell bell;
  std::optional<Cause> first;
  std::optional<Cause> second;

  void let_the_second_wait() {
    Flow flow(loop, hear(&bell, deadline_at(9s), &second));
    loop.drive();
  }
};

TEST_CASE("ARingIsHeardOnceByWhoWaitsAndKeptWhereNobodyDoes") {
  SimLoop loop;
  Bell bell;
  int times = 0;
  Flow flow(loop, hear_all(&bell, 9s, &times));
  loop.drive(deadline_at(1s));
  CHECK(times == 0);
  for (int rings = 1; rings <= 3; ++rings) bell.ring();
  loop.drive(deadline_at(2s));
  CHECK(times == 1);
  loop.drive();
  REQUIRE(flow.over);
  CHECK(times == 1);
  CHECK(loop.elapsed() == 9s);

  bell.ring();
  std::optional<Cause> heard;
  Flow late(loop, hear(&bell, Deadline::never(), &heard));
  loop.drive();
  CHECK(heard == Cause::kNone);
  CHECK(loop.timers() == 0);
}

TEST_CASE("ARingThatComesWhileItsHearerIsBeingCancelledIsKeptForTheNext") {
  Hearers heard;
  Flow flow(heard.loop, hear(&heard.bell, Deadline::never(), &heard.first));
  heard.loop.drive();
  flow.scope().cancel(Cause::kCancelled);
  heard.bell.ring();
  heard.loop.drive();
  CHECK(heard.first == Cause::kCancelled);
  heard.let_the_second_wait();
  CHECK(heard.second == Cause::kNone);
}

TEST_CASE("ARingWhoseHearerIsCancelledBeforeItGoesOnIsHeardByTheNextAsWell") {
  Hearers heard;
  Flow flow(heard.loop, hear(&heard.bell, Deadline::never(), &heard.first));
  heard.loop.drive();
  heard.bell.ring();
  flow.scope().cancel(Cause::kCancelled);
  heard.loop.drive();
  CHECK(heard.first == Cause::kNone);
  heard.let_the_second_wait();
  CHECK(heard.second == Cause::kNone);
}

TEST_CASE("ARingIsNotSpentOnOneThatIsCancelledBeforeItWaits") {
  Hearers heard;
  heard.bell.ring();
  Flow flow(heard.loop, hear(&heard.bell, Deadline::never(), &heard.first));
  flow.scope().cancel(Cause::kClosed);
  heard.loop.drive();
  CHECK(heard.first == Cause::kClosed);
  heard.let_the_second_wait();
  CHECK(heard.second == Cause::kNone);
}

TEST_CASE("ARingThatComesAfterTheTimeOfItsHearerIsKeptForTheNext") {
  Hearers heard;
  Flow flow(heard.loop, hear(&heard.bell, deadline_at(1s), &heard.first));
  heard.loop.drive(deadline_at(0s));
  heard.loop.before_resume([&](std::uint64_t) {
    if (!heard.first) heard.bell.ring();
  });
  heard.loop.drive(deadline_at(2s));
  heard.loop.before_resume(nullptr);
  CHECK(heard.first == Cause::kNotReady);
  heard.let_the_second_wait();
  CHECK(heard.second == Cause::kNone);
}

}  // namespace
}  // namespace tidegate::internal
