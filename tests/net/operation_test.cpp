// SPDX-License-Identifier: Apache-2.0
#include "tidegate/operation.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/deep.hpp"
#include "support/detached.hpp"
#include "support/event.hpp"
#include "support/manual_operation.hpp"
#include "tidegate/runtime.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::Detached;
using test::Event;
using test::ManualOperation;

namespace {

template <class Op>
concept AwaitableAsTemporary = requires(Op op) { std::move(op).operator co_await(); };
template <class Op>
concept AwaitableByName = requires(Op& op) { op.operator co_await(); };
static_assert(AwaitableByName<Operation<int>>);
static_assert(!AwaitableAsTemporary<Operation<int>>,
              "gcc 12 destroys temporaries of a co_await twice");

// Runs what it is given when the test says so.
class ManualDispatcher final : public Dispatcher {
 public:
  void dispatch(std::function<void()> work) override { work_.push_back(std::move(work)); }
  std::size_t run() {
    auto work = std::exchange(work_, {});
    for (auto& each : work) each();
    return work.size();
  }

 private:
  std::vector<std::function<void()>> work_;
};

}  // namespace

TEST_CASE("AnEmptyOperationAnswersInsteadOfHanging") {
  Operation<int> nothing;
  CHECK(!nothing.done());
  CHECK(nothing.wait().status().cause() == Cause::kBadArgument);
  nothing.cancel();
}

TEST_CASE("WaitingYieldsTheResultToEveryHandle") {
  ManualOperation<int> manual;
  Operation<int> copy = manual.operation();
  CHECK(manual.end(7));
  CHECK(copy.wait().value() == 7);
  CHECK(manual.operation().wait(0s).value() == 7);
}

TEST_CASE("AWaitThatEndsFirstLeavesTheOperationRunning") {
  ManualOperation<int> manual;
  CHECK(manual.operation().wait(1ms).status().cause() == Cause::kNotReady);
  CHECK(!manual.operation().done());
  CHECK(manual.end(1));
  CHECK(manual.operation().wait().ok());
}

TEST_CASE("ASleepingWaiterIsWoken") {
  ManualOperation<int> manual;
  std::atomic<int> seen{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] { seen += manual.operation().wait().value_or(0); });
  }
  manual.end(1);
  for (auto& waiter : waiters) waiter.join();
  CHECK(seen == 4);
}

TEST_CASE("TheFirstEndWinsAndLaterOnesAreDropped") {
  ManualOperation<int> manual;
  manual.operation().cancel();
  manual.operation().cancel();
  CHECK(!manual.end(3));
  CHECK(manual.operation().wait().status().cause() == Cause::kCancelled);
}

TEST_CASE("CallbacksRunOnTheDispatcherOnceEachInOrder") {
  ManualDispatcher dispatcher;
  ManualOperation<int> manual;
  std::vector<int> order;
  manual.operation().on_done(dispatcher,
                             [&](const Result<int>& result) { order.push_back(result.value()); });
  manual.operation().on_done(
      dispatcher, [&](const Result<int>& result) { order.push_back(result.value() + 1); });
  CHECK(dispatcher.run() == 0);
  manual.end(10);
  CHECK(order.empty());
  CHECK(dispatcher.run() == 2);
  manual.operation().on_done(
      dispatcher, [&](const Result<int>& result) { order.push_back(result.value() + 2); });
  CHECK(dispatcher.run() == 1);
  CHECK(order == std::vector<int>{10, 11, 12});
}

TEST_CASE("AConsumerOfAnEndedOperationIsCalledAtOnceByWhoAddsIt") {
  // From within the first consumer the end is known, and the others have not been called yet.
  struct Immediate final : Dispatcher {
    void dispatch(std::function<void()> work) override { work(); }
  } dispatcher;
  ManualOperation<int> manual;
  std::vector<int> order;
  manual.operation().on_done(dispatcher, [&](const Result<int>&) {
    manual.operation().on_done(dispatcher, [&](const Result<int>&) { order.push_back(1); });
    order.push_back(2);
  });
  manual.end(1);
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("WithoutADispatcherCallbacksRunOnALibraryThread") {
  Event called;
  std::thread::id where;
  ManualOperation<int> manual;
  manual.operation().on_done([&where, called](const Result<int>&) {
    where = std::this_thread::get_id();
    called.set();
  });
  manual.end(1);
  REQUIRE(called.wait());
  CHECK(where != std::this_thread::get_id());
}

TEST_CASE("AnExceptionInACallbackReachesNobody") {
  Event called;
  ManualOperation<int> manual;
  manual.operation().on_done([](const Result<int>&) { throw std::runtime_error("lost"); });
  manual.operation().on_done([called](const Result<int>&) { called.set(); });
  manual.end(1);
  CHECK(called.wait());
}

TEST_CASE("ACoroutineGoesOnOnTheGivenDispatcher") {
  ManualDispatcher dispatcher;
  ManualOperation<int> manual;
  int got = 0;
  manual.operation().resume_on(dispatcher);
  auto flow = [](Operation<int>& operation, int& out) -> Detached {
    auto result = co_await operation;
    out = result.value();
  };
  flow(manual.operation(), got);
  manual.end(5);
  CHECK(got == 0);
  CHECK(dispatcher.run() == 1);
  CHECK(got == 5);
}

TEST_CASE("ACoroutineThatAwaitsAnEndedOperationDoesNotSuspend") {
  ManualOperation<int> manual;
  manual.end(5);
  int got = 0;
  auto flow = [](Operation<int>& operation, int& out) -> Detached {
    auto result = co_await operation;
    out = result.value();
  };
  flow(manual.operation(), got);
  CHECK(got == 5);
}

TEST_CASE("EndAndConsumerRacingCallTheConsumerExactlyOnce") {
  const int rounds = test::repeat(2'000, 20'000);
  std::atomic<int> called{0};
  struct Counting final : Dispatcher {
    explicit Counting(std::atomic<int>& where) : count(where) {}
    void dispatch(std::function<void()> work) override { work(); }
    std::atomic<int>& count;
  } dispatcher(called);
  for (int i = 0; i < rounds; ++i) {
    ManualOperation<int> manual;
    std::atomic<int> ready{0};
    auto meet = [&ready] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
    };
    std::thread ender([&] {
      meet();
      manual.end(1);
    });
    meet();
    manual.operation().on_done(dispatcher, [&](const Result<int>&) { ++called; });
    ender.join();
  }
  CHECK(called == rounds);
}
