// SPDX-License-Identifier: Apache-2.0
//
// Whatever ends a flow, and wherever it stands then, nothing of it is left: no frame, no root, no
// timer, no permit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "support/scenario.hpp"
#include "support/seeds.hpp"

namespace tidegate::test {
namespace {

constexpr int kClients = 4;

// The times at which something was resumed, and how often.
struct Course {
  std::uint64_t resumes = 0;
  std::vector<TimePoint> times;
};

Course undisturbed(std::uint64_t seed) {
  SimLoop loop(seed);
  Scenario scenario(loop, kClients);
  Course course;
  loop.before_resume([&](std::uint64_t) {
    if (course.times.empty() || course.times.back() != loop.now()) {
      course.times.push_back(loop.now());
    }
  });
  loop.drive();
  REQUIRE(scenario.over());
  course.resumes = loop.resumes();
  return course;
}

void nothing_left(SimLoop& loop, Scenario& scenario) {
  REQUIRE(scenario.over());
  REQUIRE(internal::live_frames() == 0);
  REQUIRE(loop.timers() == 0);
  scenario.clients().clear();
  REQUIRE(loop.roots() == 0);
}

// Cancelled while it is ready: what it waited for has come, or another flow is about to run.
TEST_CASE("A cancel before any resume leaves nothing behind") {
  each_seed(10, 100, [](std::uint64_t seed) {
    const Course course = undisturbed(seed);
    for (std::uint64_t point = 1; point <= course.resumes; ++point) {
      for (int victim = 0; victim <= kClients; ++victim) {
        CAPTURE(point);
        CAPTURE(victim);
        SimLoop loop(seed);
        Scenario scenario(loop, kClients);
        TimePoint cancelled{};
        loop.before_resume([&](std::uint64_t number) {
          if (number != point) return;
          cancelled = loop.now();
          if (victim == kClients) return loop.cancel_roots(Cause::kClosed);
          scenario.client(victim).scope().cancel(Cause::kCancelled);
        });
        loop.drive();
        if (victim == kClients) REQUIRE(loop.now() == cancelled);  // all ends at once
        nothing_left(loop, scenario);
      }
    }
  });
}

// Cancelled while it is parked: everything waits, and nothing has come yet.
TEST_CASE("A cancel between any two wake-ups leaves nothing behind") {
  each_seed(20, 200, [](std::uint64_t seed) {
    const Course course = undisturbed(seed);
    for (const TimePoint next : course.times) {
      for (int victim = 0; victim <= kClients; ++victim) {
        CAPTURE(victim);
        SimLoop loop(seed);
        Scenario scenario(loop, kClients);
        const TimePoint just_before = next - Duration(1);
        loop.drive(Deadline::at(just_before));
        if (victim == kClients) {
          loop.cancel_roots(Cause::kClosed);
          REQUIRE(loop.timers() == 0);
        } else {
          Flow& client = scenario.client(victim);
          if (!client.over) client.scope().cancel(Cause::kCancelled);
        }
        loop.drive();
        if (victim == kClients) REQUIRE(loop.now() == std::max(just_before, SimLoop::kStart));
        nothing_left(loop, scenario);
      }
    }
  });
}

TEST_CASE("An exception in any position leaves nothing behind, and passes to the root at most") {
  each_seed(20, 500, [](std::uint64_t seed) {
    int passed = 0;
    for (int mine = 1;; ++mine) {
      CAPTURE(mine);
      SimLoop loop(seed);
      Scenario scenario(loop, kClients, mine);
      loop.drive();
      int errors = 0;
      for (const Flow& client : scenario.clients()) errors += client.error ? 1 : 0;
      REQUIRE(errors <= 1);
      nothing_left(loop, scenario);
      if (!scenario.mine_gone_off()) break;
      passed += errors;
    }
    REQUIRE(passed > 0);
  });
}

}  // namespace
}  // namespace tidegate::test
