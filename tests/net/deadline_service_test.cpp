// SPDX-License-Identifier: Apache-2.0
#include "net/deadline_service.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "support/deep.hpp"
#include "support/event.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using internal::DeadlineService;
using test::Event;

namespace {

// Whoever sees `fired` may destroy it: what stands behind it must not touch it.
struct Recorded final : internal::DeadlineTimer {
  void expired() noexcept override {
    early = Deadline::now() < when;
    std::atomic<int>* const left = all;
    Event* const last = done;
    ++fired;
    if (left && left->fetch_sub(1) == 1) last->set();
  }
  TimePoint when{};
  bool early = false;
  std::atomic<int> fired{0};
  std::atomic<int>* all = nullptr;
  Event* done = nullptr;
};

}  // namespace

TEST_CASE("TimersFireOnceAndNeverEarly") {
  DeadlineService service;
  std::mt19937 random(1);
  Event done;
  constexpr int kTimers = 2'000;
  std::atomic<int> left{kTimers};
  std::vector<Recorded> timers(kTimers);
  for (auto& timer : timers) {
    timer.all = &left;
    timer.done = &done;
    timer.when = Deadline::now() + std::chrono::microseconds(random() % 50'000);
    REQUIRE(service.arm(timer, timer.when).ok());
  }
  REQUIRE(done.wait());
  for (const auto& timer : timers) {
    CHECK(timer.fired == 1);
    CHECK(!timer.early);
  }
  service.stop(Deadline::after(10s));
}

TEST_CASE("ADisarmedTimerNeverFires") {
  DeadlineService service;
  Recorded near, far;
  REQUIRE(service.arm(far, Deadline::now() + 1h).ok());
  CHECK(service.disarm(far));
  CHECK(!service.disarm(far));
  CHECK(!service.disarm(near));
  service.stop(Deadline::after(10s));
  CHECK(far.fired == 0);
}

TEST_CASE("AnEarlierTimerWakesTheSleepingThread") {
  DeadlineService service;
  Recorded far, near;
  Event done;
  std::atomic<int> left{1};
  near.all = &left;
  near.done = &done;
  REQUIRE(service.arm(far, Deadline::now() + 1h).ok());
  REQUIRE(service.arm(near, Deadline::now() + 1ms).ok());
  CHECK(done.wait());
  CHECK(service.disarm(far));
  service.stop(Deadline::after(10s));
}

TEST_CASE("AStoppedServiceRefusesTimers") {
  DeadlineService service;
  service.stop(Deadline::after(10s));
  Recorded timer;
  CHECK(service.arm(timer, Deadline::now()).cause() == Cause::kClosed);
}

TEST_CASE("AQuiescedServiceHasNoThreadAndStartsAgain") {
  DeadlineService service;
  Recorded armed;
  REQUIRE(service.arm(armed, Deadline::now() + 1h).ok());
  CHECK(!service.quiesce());
  CHECK(service.disarm(armed));
  CHECK(service.quiesce());
  Recorded again;
  Event done;
  std::atomic<int> left{1};
  again.all = &left;
  again.done = &done;
  REQUIRE(service.arm(again, Deadline::now()).ok());
  CHECK(done.wait());
  service.stop(Deadline::after(10s));
}

TEST_CASE("ATimerIsOnTimeWhoeverGivesTheThreadBackMeanwhile") {
  DeadlineService service;
  std::atomic<bool> ends{false};
  std::thread quiescing([&] {
    while (!ends) static_cast<void>(service.quiesce());
  });
  for (int i = 0; i < test::repeat(5'000, 100'000); ++i) {
    Recorded far;
    Recorded near;
    Event done;
    std::atomic<int> left{1};
    near.all = &left;
    near.done = &done;
    REQUIRE(service.arm(far, Deadline::now() + 1h).ok());
    REQUIRE(service.arm(near, Deadline::now() + 10us).ok());
    CHECK(done.wait());
    CHECK(service.disarm(far));
  }
  ends = true;
  quiescing.join();
  service.stop(Deadline::after(10s));
}

TEST_CASE("DisarmAndFireRacingDecideForOneOfThem") {
  DeadlineService service;
  const int rounds = test::repeat(2'000, 50'000);
  for (int i = 0; i < rounds; ++i) {
    Recorded timer;
    REQUIRE(service.arm(timer, Deadline::now()).ok());
    if (service.disarm(timer)) {
      CHECK(timer.fired == 0);
    } else {
      CHECK(test::eventually([&] { return timer.fired == 1; }));
    }
  }
  service.stop(Deadline::after(10s));
}
