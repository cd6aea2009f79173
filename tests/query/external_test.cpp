// SPDX-License-Identifier: Apache-2.0
// External: lanes whose threads are the caller's.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <thread>

#include "support/child.hpp"
#include "support/event.hpp"
#include "tidegate/query.hpp"
#include "tidegate/runtime.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::Event;
using test::eventually;

namespace {

Operation<Answer<std::uint64_t>> submit(const External& lane, std::uint64_t tag) {
  return lane.submit(tag, {}, nullptr);
}

// A thread that finishes what it pulls until it is told to end.
std::thread thread_of(const External& lane, const Event& ended = {}) {
  return std::thread([lane, ended] {
    auto worker = lane.enter();
    while (auto task = worker.pull()) {
      if (task->spare_wanted) lane.not_started();
      worker.finish(*task, Status());
    }
    ended.set();
  });
}

}  // namespace

TEST_CASE("OfTooManyThreadsOnlyThoseLeaveThatAreTooMany") {
  Executor ex;
  const External lane = ex.external("surplus", 1);
  auto first = lane.enter();
  const auto second = lane.enter();
  const auto spare = lane.enter();
  CHECK(lane.stats().threads == 3);
  CHECK(!first.pull());  // one works, one waits: the third is one too many
  CHECK(lane.stats().threads == 2);
  CHECK(!first.pull());
  CHECK(lane.stats().threads == 2);
}

TEST_CASE("TryPullTakesWhatHasAPermitAndNeverBlocks") {
  Executor ex;
  const External lane = ex.external("try", 1);
  auto worker = lane.enter();
  CHECK(!worker.try_pull());
  auto first = submit(lane, 7);
  auto second = submit(lane, 8);
  auto task = worker.try_pull();
  REQUIRE(task.has_value());
  CHECK(task->tag == 7);
  CHECK(!task->stopped());
  CHECK(!worker.try_pull());  // the only permit is in use
  CHECK(lane.stats().queued == 1);
  CHECK(worker.finish(*task, Status()));
  CHECK(first.wait()->value == 7);
  task = worker.try_pull();
  REQUIRE(task.has_value());
  CHECK(task->tag == 8);
  CHECK(worker.finish(*task, Status(Cause::kCallableFailed, "no such car")));
  CHECK(second.wait().status().message() == "no such car");
  CHECK(!worker.try_pull());
}

TEST_CASE("TryPullWorksWherePullSaysThatThereAreThreadsEnough") {
  Executor ex;
  const External lane = ex.external("enough", 1);
  auto first = lane.enter();
  auto second = lane.enter();
  auto third = lane.enter();
  CHECK(!third.pull());  // one permit and a spare need no third
  auto call = submit(lane, 1);
  auto task = third.try_pull();
  REQUIRE(task.has_value());
  CHECK(third.finish(*task, Status()));
  CHECK(call.wait()->value == 1);
}

TEST_CASE("AGivenUpTaskSaysSoAndItsPermitIsThereForTheNext") {
  Executor ex;
  const External lane = ex.external("given-up", 1);
  auto worker = lane.enter();
  auto doomed = submit(lane, 1);
  auto next = submit(lane, 2);
  auto task = worker.try_pull();
  REQUIRE(task.has_value());
  doomed.cancel();
  CHECK(task->stopped());
  auto other = worker.try_pull();
  REQUIRE(other.has_value());
  CHECK(other->tag == 2);
  CHECK(lane.stats().zombies == 1);
  CHECK(!worker.finish(*task, Status()));
  CHECK(worker.finish(*other, Status()));
  CHECK(lane.stats().zombies == 0);
  CHECK(doomed.wait().status().cause() == Cause::kCancelled);
  CHECK(next.wait()->value == 2);
}

TEST_CASE("AWorkerOfTheParentPullsNothingInTheChild") {
  Executor ex;
  const External lane = ex.external("forked", 2);
  auto worker = lane.enter();
  auto taken = submit(lane, 1);
  auto task = worker.try_pull();
  REQUIRE(task.has_value());
  auto left = submit(lane, 2);
  CHECK(test::in_child([&] {
          if (worker.pull() || worker.try_pull()) return 1;
          if (worker.finish(*task, Status())) return 2;
          auto own = lane.enter();
          auto call = submit(lane, 3);
          auto of_child = own.try_pull();
          if (!of_child || of_child->tag != 3 || !own.finish(*of_child, Status())) return 3;
          return call.wait().ok() ? 0 : 4;
        }) == 0);
  CHECK(worker.finish(*task, Status()));
  CHECK(taken.wait().ok());
  auto still_there = worker.try_pull();
  REQUIRE(still_there.has_value());
  CHECK(still_there->tag == 2);
  CHECK(worker.finish(*still_there, Status()));
}

TEST_CASE("QuiesceEndsTheThreadsOfAnExternalLaneAndTheNextCallAsksForNewOnes") {
  const int code = test::in_child([] {
    Executor ex;
    const External lane = ex.external("quiet", 2);
    Event ended;
    std::thread first = thread_of(lane, ended);
    std::thread second = thread_of(lane);
    eventually([&] { return lane.stats().threads == 2; });
    const bool served = submit(lane, 1).wait().ok();
    const bool quiet = quiesce();
    const bool retired = lane.stats().threads == 0;
    ended.wait();
    first.join();
    second.join();
    bool start_one = false;
    auto call = lane.submit(2, {}, &start_one);
    std::thread third = thread_of(lane);
    const bool served_anew = call.wait().ok() && lane.stats().threads == 1;
    ex.close();
    third.join();
    return served && quiet && retired && start_one && served_anew ? 0 : 1;
  });
  CHECK(code == 0);
}

TEST_CASE("QuiesceIsRefusedWhileAPulledTaskIsNotFinished") {
  const int code = test::in_child([] {
    Executor ex;
    const External lane = ex.external("busy", 1);
    auto worker = lane.enter();
    auto call = submit(lane, 1);
    auto task = worker.try_pull();
    if (!task || quiesce()) return 1;
    if (!worker.finish(*task, Status())) return 2;
    return quiesce() && call.wait().ok() ? 0 : 3;
  });
  CHECK(code == 0);
}

TEST_CASE("AThreadThatQuiesceRetiredLeavesUncounted") {
  const int code = test::in_child([] {
    Executor ex;
    const External lane = ex.external("retired", 1);
    std::optional<External::Worker> old = lane.enter();
    if (lane.stats().threads != 1 || !quiesce()) return 1;
    if (lane.stats().threads != 0) return 2;
    std::optional<External::Worker> young = lane.enter();
    if (old->pull()) return 3;
    old.reset();
    if (lane.stats().threads != 1) return 4;
    young.reset();
    return lane.stats().threads == 0 ? 0 : 5;
  });
  CHECK(code == 0);
}

TEST_CASE("WhoPullsIsAskedForTheSpareThatTheSubmitterCouldNotStart") {
  Executor ex;
  const External lane = ex.external("spare", 2);
  auto worker = lane.enter();
  // The worker is on its way into pull(): no thread waits, and still none is counted as starting.
  auto first = lane.submit(1, {}, nullptr);
  auto task = worker.pull();
  REQUIRE(task.has_value());
  CHECK(task->spare_wanted);
  CHECK(lane.stats().threads == 2);
  CHECK(worker.finish(*task, Status()));
  CHECK(first.wait()->value == 1);
}

TEST_CASE("AThreadThatComesUnaskedTakesThePlaceOfOneThatWasToStart") {
  Executor ex;
  const External lane = ex.external("unasked", 2);
  bool start_one = false;
  auto first = lane.submit(1, {}, &start_one);
  REQUIRE(start_one);
  auto worker = lane.enter();
  lane.not_started();
  CHECK(lane.stats().threads == 1);
  auto task = worker.pull();
  REQUIRE(task.has_value());
  CHECK(task->spare_wanted);
  CHECK(worker.finish(*task, Status()));
  CHECK(first.wait()->value == 1);
}

TEST_CASE("ACallThatWaitsForAPermitOfAnotherLaneAsksForAThreadNow") {
  Executor ex(ExecutorOptions().max_running(1));
  Event over, begun;
  const auto running = ex.callables("other")
                           .call([over, begun] {
                             begun.set();
                             over.wait();
                           })
                           .start();
  REQUIRE(begun.wait());
  const External lane = ex.external("threadless", 2);
  bool start_one = false;
  const auto waiting = lane.submit(7, {}, &start_one);
  CHECK(start_one);
  auto worker = lane.enter();
  over.set();
  auto task = worker.pull();
  REQUIRE(task.has_value());
  CHECK(worker.finish(*task, Status()));
  CHECK(waiting.wait()->value == 7);
  CHECK(running.wait().ok());
}

TEST_CASE("AThreadThatEntersAfterTheEndIsSentAway") {
  const int code = test::in_child([] {
    Executor ex;
    const External lane = ex.external("late", 1);
    submit(lane, 1).cancel();
    std::optional<External::Worker> late;
    if (!shutdown(10s).ok()) return 1;
    late.emplace(lane.enter());
    return late->pull() ? 2 : 0;
  });
  CHECK(code == 0);
}

TEST_CASE("WhatIsAttachedComesWithTheTaskAndGoesWithOneThatNobodyTook") {
  Executor ex;
  const External lane = ex.external("attached", 1);
  const auto attach = [&lane](const std::shared_ptr<int>& what) {
    External::Options options;
    options.attached = what;
    return lane.submit(0, std::move(options), nullptr);
  };
  auto taken = std::make_shared<int>(7);
  const auto first = attach(taken);
  auto worker = lane.enter();
  auto task = worker.try_pull();
  REQUIRE(task.has_value());
  CHECK(task->attached == taken);
  task->attached.reset();
  CHECK(taken.use_count() == 1);

  const auto dropped = std::make_shared<int>(8);
  attach(dropped).cancel();
  eventually([&] { return dropped.use_count() == 1; });
  CHECK(worker.finish(*task, Status()));
}
