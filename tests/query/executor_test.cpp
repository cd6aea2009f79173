// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/detached.hpp"
#include "support/event.hpp"
#include "support/stuck.hpp"
#include "tidegate/page.hpp"
#include "tidegate/query.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::Event;
using test::eventually;
using test::Stuck;

namespace {

// A machine may take longer to start a thread than a call has time: then its deadline finds it in
// the queue, and it never runs. What is to be inside when it is given up is tried with more and more
// time until it was; at this long, a thread that has not come is a defect.
constexpr Duration kLongEnough = 20s;

// What ended a call that its deadline found inside: the lane's one zombie. `start` gives it a time.
template <class F>
auto given_up_inside(const Callables& lane, Duration time, F start) {
  for (;; time *= 4) {
    auto ended = start(time).wait();
    CHECK(ended.status().cause() == Cause::kDeadline);
    CHECK(ended.status().elapsed() >= time);
    CHECK(lane.stats().running == 0);
    if (lane.stats().zombies == 1) return ended;
    REQUIRE(time < kLongEnough);
  }
}

}  // namespace

TEST_CASE("ACallYieldsItsFreshValue") {
  Executor ex;
  auto lane = ex.callables("fresh");
  auto answer = lane.call([] { return 42; }).start().wait();
  REQUIRE(answer.ok());
  CHECK(answer->value == 42);
  CHECK(answer->source == Source::kFresh);
  CHECK(!answer->degraded());
  CHECK(answer->reason.ok());
  CHECK(answer->timings.settled_at >= answer->timings.submitted);
}

TEST_CASE("ACallableMayReturnNothingOrAResult") {
  Executor ex;
  auto lane = ex.callables("returns");
  bool ran = false;
  CHECK(lane.call([&ran] { ran = true; }).start().wait().ok());
  CHECK(ran);
  auto failed = lane.call([]() -> Result<int> { return Status(Cause::kEngineBusy, "try later"); })
                    .start()
                    .wait();
  CHECK(failed.status().cause() == Cause::kEngineBusy);
  CHECK(failed.status().retryable());
}

TEST_CASE("AnExceptionOfACallableBecomesAStatus") {
  Executor ex;
  auto lane = ex.callables("throws");
  auto thrown = lane.call([]() -> int { throw std::runtime_error("no such car"); })
                    .label("find")
                    .start()
                    .wait();
  CHECK(thrown.status().cause() == Cause::kCallableFailed);
  CHECK(thrown.status().message().find("'find' on 'throws' threw: no such car") !=
        std::string_view::npos);
  auto odd = lane.call([]() -> int { throw 7; }).start().wait();
  CHECK(odd.status().cause() == Cause::kCallableFailed);
}

TEST_CASE("AStuckCallEndsAtItsDeadlineAndItsPermitIsFreeAtOnce") {
  Executor ex;
  auto lane = ex.callables("stuck", 1);
  Stuck stuck;
  const auto late = given_up_inside(lane, 20ms, [&](Duration time) {
    return lane.call(stuck).timeout(time).label("slow").start();
  });
  CHECK(late.status().message().find("'slow' on 'stuck' was given up at its deadline") !=
        std::string_view::npos);
  REQUIRE(stuck.entered.wait());
  CHECK(lane.stats().zombies == 1);
  CHECK(lane.call([] { return 2; }).start().wait()->value == 2);
  stuck.release.set();
  CHECK(eventually([&] { return lane.stats().zombies == 0; }));
}

TEST_CASE("AFallbackValueStandsInAndSaysWhy") {
  Executor ex;
  auto lane = ex.callables("fallback-value", 1);
  Stuck stuck;
  auto answer = lane.call(stuck).timeout(10ms).fallback(-1).start().wait();
  REQUIRE(answer.ok());
  CHECK(answer->value == -1);
  CHECK(answer->source == Source::kDefault);
  CHECK(answer->degraded());
  CHECK(answer->reason.cause() == Cause::kDeadline);
  stuck.release.set();
}

TEST_CASE("AFallbackCallableSeesTheFailureAndStaysInsideTheDeadline") {
  Executor ex;
  auto lane = ex.callables("fallback-call", 1);
  // The fallback has a tenth of the time and half a second at most: its thread may start too late.
  const Deadline enough = Deadline::after(1min);
  for (Duration time = 200ms;; time = std::min<Duration>(time * 5, 5s)) {
    Stuck stuck;
    const TimePoint begun = Deadline::now();
    auto operation = lane.call(stuck)
                         .timeout(time)
                         .fallback_call([](const Status& why) -> Result<int> {
                           return why.cause() == Cause::kDeadline ? -2 : -3;
                         })
                         .start();
    const TimePoint latest = Deadline::now() + time;
    auto answer = operation.wait();
    stuck.release.set();
    REQUIRE(eventually([&] { return lane.stats().zombies == 0; }));  // none is shed for the last
    if (answer.status().cause() == Cause::kDeadline && !enough.passed(Deadline::now())) continue;
    REQUIRE(answer.ok());
    CHECK(answer->value == -2);
    CHECK(answer->source == Source::kDefault);
    CHECK(answer->timings.settled_at >= begun);
    CHECK(answer->timings.settled_at <= latest);
    break;
  }
}

TEST_CASE("AFallbackThatFailsThrowsOrHangsLeavesTheFirstFailure") {
  Executor ex;
  auto lane = ex.callables("fallback-bad");
  auto fail = []() -> Result<int> { return Status(Cause::kQueryError, "first"); };
  using Make = std::function<Result<int>(const Status&)>;
  Event release;
  const Make bad[] = {
      [](const Status&) -> Result<int> { return Status(Cause::kInternal, "second"); },
      [](const Status&) -> Result<int> { throw std::runtime_error("second"); },
      [release](const Status&) -> Result<int> {
        release.wait();
        return 1;
      },
  };
  for (const Make& make : bad) {
    for (Duration time = 100ms;; time *= 4) {
      auto answer = lane.call(fail).timeout(time).fallback_call(make).start().wait();
      // Its own deadline is the first failure where no thread came to it in time.
      if (answer.status().cause() == Cause::kDeadline && time < kLongEnough) continue;
      CHECK(answer.status().message() == "first");
      break;
    }
  }
  release.set();
}

TEST_CASE("CancellingACallWithAFallbackRunsNoFallback") {
  Executor ex;
  auto lane = ex.callables("fallback-cancel", 1);
  Stuck stuck;
  std::atomic<bool> ran{false};
  auto operation = lane.call(stuck)
                       .fallback_call([&ran](const Status&) -> Result<int> {
                         ran = true;
                         return 1;
                       })
                       .start();
  REQUIRE(stuck.entered.wait());
  operation.cancel();
  CHECK(operation.wait().status().cause() == Cause::kCancelled);
  CHECK(!ran);
  stuck.release.set();
}

TEST_CASE("ACancelledCallEndsAtOnceWhetherItWaitsOrRuns") {
  Executor ex;
  auto lane = ex.callables("cancel", 1);
  Stuck stuck;
  auto running = lane.call(stuck).start();
  REQUIRE(stuck.entered.wait());
  bool ran = false;
  auto waiting = lane.call([&ran] { ran = true; }).start();
  CHECK(lane.stats().queued == 1);
  waiting.cancel();
  CHECK(waiting.wait().status().cause() == Cause::kCancelled);
  CHECK(lane.stats().queued == 0);
  running.cancel();
  CHECK(running.wait().status().cause() == Cause::kCancelled);
  stuck.release.set();
  CHECK(eventually([&] { return lane.stats().zombies == 0; }));
  CHECK(!ran);
}

TEST_CASE("ACancelledCallIsNotGivenItsFallback") {
  Executor ex;
  auto lane = ex.callables("cancel-fallback", 1);
  Stuck stuck;
  auto call = lane.call(stuck).fallback(-1).start();
  REQUIRE(stuck.entered.wait());
  call.cancel();
  CHECK(call.wait().status().cause() == Cause::kCancelled);
  stuck.release.set();
}

TEST_CASE("TheUsersDestructorsNeverRunOnTheThreadThatKeepsDeadlines") {
  Executor ex;
  auto lane = ex.callables("dropped", 1);
  Stuck stuck;
  auto running = lane.call(stuck).timeout(1h).start();
  REQUIRE(stuck.entered.wait());
  struct Captured {
    ~Captured() {
      char name[16] = {};
      ::pthread_getname_np(::pthread_self(), name, sizeof name);
      *where = name;
      dropped.set();
    }
    std::shared_ptr<std::string> where;
    Event dropped;
  };
  for (Duration time = 1ms;; time *= 4) {
    Event dropped;
    auto where = std::make_shared<std::string>();
    const TimePoint begun = Deadline::now();
    {
      auto captured = std::make_shared<Captured>(where, dropped);
      (void)lane.call([captured] {}).timeout(time).start();
    }
    // Otherwise this thread may have been the last to hold it.
    const bool counts = Deadline::now() < begun + time;
    REQUIRE(dropped.wait());
    if (counts) {
      CHECK(*where == "tg-callback");
      break;
    }
    REQUIRE(time < kLongEnough);
  }
  stuck.release.set();
}

TEST_CASE("ACallableLearnsThatNobodyWaitsAnyMore") {
  Executor ex;
  auto lane = ex.callables("stop", 1);
  Event entered;
  std::atomic<bool> stopped{false};
  auto operation = lane.call([&stopped, entered](const StopSignal& stop) {
                         entered.set();
                         while (!stop.stopped()) std::this_thread::yield();
                         stopped = true;
                       })
                       .start();
  REQUIRE(entered.wait());
  operation.cancel();
  CHECK(eventually([&] { return stopped.load(); }));
}

TEST_CASE("WhoWaitsIsServedByTheEarliestDeadline") {
  Executor ex;
  auto lane = ex.callables("order", 1);
  Stuck stuck;
  auto first = lane.call(stuck).start();
  REQUIRE(stuck.entered.wait());
  std::mutex mutex;
  std::vector<int> order;
  std::vector<Operation<Answer<std::monostate>>> calls;
  for (const int seconds : {30, 10, 20, 10}) {
    calls.push_back(lane.call([&, seconds] {
                          std::lock_guard lock(mutex);
                          order.push_back(seconds);
                        })
                        .timeout(std::chrono::seconds(seconds))
                        .start());
  }
  stuck.release.set();
  for (auto& call : calls) CHECK(call.wait().ok());
  CHECK(order == std::vector<int>{10, 10, 20, 30});
  CHECK(first.wait().ok());
}

TEST_CASE("AFullQueueRefusesAtOnce") {
  Executor ex(ExecutorOptions().queue(2));
  auto lane = ex.callables("full", 1);
  Stuck stuck;
  auto running = lane.call(stuck).start();
  REQUIRE(stuck.entered.wait());
  auto a = lane.call([] {}).start();
  auto b = lane.call([] {}).start();
  auto c = lane.call([] {}).start();
  CHECK(c.done());
  CHECK(c.wait().status().cause() == Cause::kQueueFull);
  CHECK(c.wait().status().code() == Code::kResourceExhausted);
  stuck.release.set();
  CHECK(a.wait().ok());
  CHECK(b.wait().ok());
}

TEST_CASE("ACallThatCannotRunBeforeItsDeadlineIsRefusedAtSubmission") {
  Executor ex;
  auto lane = ex.callables("admission", 1);
  Stuck first, second;
  // The lane learns how long calls take: 60 ms at the least.
  (void)given_up_inside(lane, 60ms,
                        [&](Duration time) { return lane.call(first).timeout(time).start(); });
  auto running = lane.call(second).timeout(1h).start();
  REQUIRE(second.entered.wait());
  auto hopeless = lane.call([] {}).timeout(50ms).start();
  CHECK(hopeless.done());
  CHECK(hopeless.wait().status().cause() == Cause::kAdmission);
  auto patient = lane.call([] {}).timeout(1h).start();
  CHECK(!patient.done());
  first.release.set();
  second.release.set();
  CHECK(patient.wait().ok());
}

TEST_CASE("AQueueOfZeroStillRunsWhatNeedNotWait") {
  Executor ex(ExecutorOptions().queue(0).zombies_per_permit(0));
  auto lane = ex.callables("no-queue", 1);
  CHECK(lane.call([] { return 1; }).start().wait().ok());
  Stuck stuck;
  auto running = lane.call(stuck).start();
  REQUIRE(stuck.entered.wait());
  CHECK(lane.call([] { return 1; }).start().wait().status().cause() == Cause::kQueueFull);
  stuck.release.set();
  CHECK(running.wait().ok());
}

TEST_CASE("WhatComesBackAfterTheDeadlineIsLateWhoeverNoticesFirst") {
  Executor ex;
  auto lane = ex.callables("late", 1);
  for (int i = 0; i < 200; ++i) {
    auto answer = lane.call([](const StopSignal& stop) {
                        while (!stop.stopped()) std::this_thread::yield();
                      })
                      .timeout(1ms)
                      .start()
                      .wait();
    REQUIRE(answer.status().cause() == Cause::kDeadline);
    REQUIRE(answer.status().message().find("given up at its deadline") != std::string_view::npos);
    REQUIRE(eventually([&] { return lane.stats().zombies == 0; }));
  }
}

TEST_CASE("WhateverComesBackAfterTheDeadlineSaysTheDeadlineAndItsFigures") {
  Executor ex;
  auto lane = ex.callables("late-words", 1);
  const auto spin = [](const StopSignal& stop) {
    while (!stop.stopped()) std::this_thread::yield();
  };
  using Ends = std::function<Result<int>()>;
  const Ends ends[] = {
      [] { return 1; },
      [] { return Status(Cause::kQueryError, "interrupted"); },
      [] { return Status(Cause::kEngineBusy, "interrupted"); },
      [] { return Status(Cause::kCancelled, "interrupted"); },
      []() -> Result<int> { throw std::runtime_error("interrupted"); },
  };
  for (int i = 0; i < 200; ++i) {
    for (const Ends& end : ends) {
      const auto late = lane.call([&](const StopSignal& stop) {
                              spin(stop);
                              return end();
                            })
                            .timeout(1ms)
                            .start()
                            .wait();
      REQUIRE(late.status().cause() == Cause::kDeadline);
      REQUIRE(late.status().message().find("given up at its deadline after") !=
              std::string_view::npos);
      REQUIRE(eventually([&] { return lane.stats().zombies == 0; }));
    }
  }
}

TEST_CASE("PastItsBoundOfZombiesALaneShedsAndThreadsStayBounded") {
  Executor ex(ExecutorOptions().zombies_per_permit(2));
  auto lane = ex.callables("saturated", 2);
  Event release;
  const auto sheds = [&] {
    auto call = lane.call([release] { release.wait(); }).timeout(2ms).start();
    const Cause cause = call.wait().status().cause();
    CHECK((cause == Cause::kDeadline || cause == Cause::kSaturated));
    CHECK(lane.stats().running == 0);
    CHECK(lane.stats().threads <= 2 + 4);
    return cause == Cause::kSaturated;
  };
  REQUIRE(eventually([&] {  // not each is inside before its deadline
    CHECK_FALSE(sheds());
    return lane.stats().zombies == 4;
  }));
  int shed = 0;
  for (int i = 0; i < 100; ++i) shed += sheds() ? 1 : 0;
  CHECK(shed >= 90);
  release.set();
  CHECK(eventually([&] { return lane.stats().zombies == 0; }));
  CHECK(lane.call([] { return 1; }).start().wait().ok());
}

TEST_CASE("ALaneKeepsItsThreadsAndStartsNoMoreThanItsPermits") {
  Executor ex;
  auto lane = ex.callables("threads", 2);
  std::mutex mutex;
  std::set<pid_t> threads;
  for (int round = 0; round < 50; ++round) {
    std::vector<Operation<Answer<std::monostate>>> calls;
    for (int i = 0; i < 20; ++i) {
      calls.push_back(lane.call([&] {
                            std::lock_guard lock(mutex);
                            threads.insert(::gettid());
                          })
                          .start());
    }
    for (auto& call : calls) CHECK(call.wait().ok());
  }
  CHECK(threads.size() <= 2);
}

TEST_CASE("AllLanesTogetherKeepToTheTotalAndTakeTurns") {
  Executor ex(ExecutorOptions().max_running(1));
  auto a = ex.callables("turn-a", 4);
  auto b = ex.callables("turn-b", 4);
  Stuck stuck;
  auto first = a.call(stuck).start();
  REQUIRE(stuck.entered.wait());
  std::mutex mutex;
  std::string order;
  std::vector<Operation<Answer<std::monostate>>> calls;
  auto note = [&](char who) {
    return [&, who] {
      std::lock_guard lock(mutex);
      order += who;
    };
  };
  for (int i = 0; i < 3; ++i) calls.push_back(a.call(note('a')).start());
  for (int i = 0; i < 3; ++i) calls.push_back(b.call(note('b')).start());
  CHECK(a.stats().running + b.stats().running == 1);
  stuck.release.set();
  for (auto& call : calls) CHECK(call.wait().ok());
  REQUIRE(order.size() == 6);
  CHECK(std::ranges::adjacent_find(order) == order.end());
}

TEST_CASE("AnExpiredDeadlineIsAnsweredWithoutRunning") {
  Executor ex;
  auto lane = ex.callables("expired");
  bool ran = false;
  auto call = lane.call([&ran] { ran = true; }).timeout(-1s).start();
  CHECK(call.done());
  CHECK(call.wait().status().cause() == Cause::kDeadline);
  CHECK(!ran);
}

TEST_CASE("DestroyingAnExecutorEndsItsCalls") {
  auto ex = std::make_unique<Executor>();
  auto lane = ex->callables("destroyed", 1);
  Stuck stuck;
  auto running = lane.call(stuck).start();
  auto waiting = lane.call([] { return 1; }).start();
  REQUIRE(stuck.entered.wait());
  ex.reset();
  CHECK(running.wait().status().cause() == Cause::kClosed);
  CHECK(waiting.wait().status().cause() == Cause::kClosed);
  CHECK(lane.call([] { return 1; }).start().wait().status().cause() == Cause::kClosed);
  stuck.release.set();
}

TEST_CASE("ACoroutineReadsAsStraightLineCode") {
  Executor ex;
  auto lane = ex.callables("coroutine");
  Event done;
  int sum = 0;
  auto flow = [](Callables calls, int& out, Event ended) -> test::Detached {
    auto first = calls.call([] { return 20; }).start();
    auto second = calls.call([] { return 22; }).start();
    auto a = co_await first;
    auto b = co_await second;
    out = a->value + b->value;
    ended.set();
  };
  flow(lane, sum, done);
  REQUIRE(done.wait());
  CHECK(sum == 42);
}

TEST_CASE("APageBoundsItsCallsAndWaitsForAllOfThem") {
  Executor ex;
  auto lane = ex.callables("page", 4);
  Stuck stuck;
  for (Duration time = 50ms;; time *= 4) {
    Page page(time);
    auto quick = page.add(lane.call([] { return 1; }).timeout(1h));
    auto late = page.add(lane.call(stuck).timeout(1h).fallback(0));
    page.wait();
    CHECK(page.done() == 2);
    CHECK(late.wait()->source == Source::kDefault);
    CHECK(late.wait()->timings.settled_at >= page.deadline().time());
    const auto answer = quick.wait();
    if (answer.status().cause() == Cause::kDeadline && time < kLongEnough) continue;
    REQUIRE(answer.ok());
    CHECK(answer->source == Source::kFresh);
    break;
  }
  stuck.release.set();
}

TEST_CASE("LeavingAPageCancelsWhatIsInFlight") {
  Executor ex;
  auto lane = ex.callables("left", 1);
  Stuck stuck;
  Operation<Answer<int>> abandoned;
  {
    Page page(60s);
    abandoned = page.add(lane.call(stuck));
    REQUIRE(stuck.entered.wait());
  }
  CHECK(abandoned.wait().status().cause() == Cause::kCancelled);
  stuck.release.set();
}
