// SPDX-License-Identifier: Apache-2.0
#include "base/scope.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/root.hpp"
#include "base/sleep.hpp"
#include "support/fifo_gate.hpp"
#include "support/flow.hpp"
#include "support/seeds.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using test::FifoGate;
using test::Flow;
using test::SimLoop;
using namespace std::chrono_literals;

// How a wait ended, and how long after the start.
struct Ended {
  Cause cause = Cause::kInternal;
  Duration at = Duration::min();
  bool operator==(const Ended&) const = default;
};

Deadline deadline_at(Duration since_start) { return Deadline::at(SimLoop::kStart + since_start); }

Task<void> sleep_for(Duration nap, Ended* ended) {
  Scope& scope = co_await this_scope();
  ended->cause = co_await sleep_until(SimLoop::kStart + nap);
  ended->at = scope.loop().now() - SimLoop::kStart;
}

TEST_CASE("The first reason wins and stays") {
  SimLoop loop;
  Scope scope(loop, deadline_at(1s));
  CHECK(scope.ok());
  scope.cancel(Cause::kCancelled);
  scope.cancel(Cause::kClosed);
  CHECK(scope.reason() == Cause::kCancelled);
  CHECK(loop.timers() == 0);
  loop.drive(deadline_at(2s));
  CHECK(scope.reason() == Cause::kCancelled);

  Scope late(loop, deadline_at(3s));
  loop.drive(deadline_at(3s));
  late.cancel(Cause::kCancelled);
  CHECK(late.reason() == Cause::kDeadline);
}

TEST_CASE("A child inherits the reason and the deadline, and gives back neither") {
  SimLoop loop;
  Scope parent(loop, deadline_at(5s));
  {
    Scope child(parent);
    CHECK(child.deadline() == deadline_at(5s));
    CHECK(child.left() == 5s);
    CHECK(child.root_id() == parent.root_id());
    Scope grandchild(child);
    child.cancel(Cause::kClosed);
    CHECK(child.reason() == Cause::kClosed);
    CHECK(grandchild.reason() == Cause::kClosed);
    CHECK(parent.ok());
  }
  Scope below(parent);
  parent.cancel(Cause::kCancelled);
  CHECK(below.reason() == Cause::kCancelled);
  Scope born_late(parent, deadline_at(1s));
  CHECK(born_late.reason() == Cause::kCancelled);
  CHECK(born_late.deadline() == deadline_at(1s));
  CHECK(loop.timers() == 0);
}

TEST_CASE("Siblings do not notice each other's cancel, and keep a first reason of their own") {
  SimLoop loop;
  Scope parent(loop);
  Scope one(parent);
  Scope two(parent, deadline_at(1s));
  one.cancel(Cause::kClosed);
  CHECK(two.ok());
  loop.drive();
  CHECK(two.reason() == Cause::kDeadline);
  parent.cancel(Cause::kCancelled);
  CHECK(one.reason() == Cause::kClosed);
  CHECK(two.reason() == Cause::kDeadline);
}

TEST_CASE("A deadline costs a timer only where it is tighter than what bounds it already") {
  SimLoop loop;
  Scope unbounded(loop);
  CHECK(loop.timers() == 0);
  Scope root(loop, deadline_at(10s));
  CHECK(loop.timers() == 1);
  {
    Scope inherited(root);
    Scope later(root, deadline_at(11s));
    Scope same(root, deadline_at(10s));
    CHECK(later.deadline() == deadline_at(10s));
    CHECK(loop.timers() == 1);
    Scope tighter(root, deadline_at(9s));
    Scope below(tighter, deadline_at(10s));
    CHECK(below.deadline() == deadline_at(9s));
    CHECK(loop.timers() == 2);
  }
  CHECK(loop.timers() == 1);
}

TEST_CASE("A deadline that has passed cancels at once and arms nothing") {
  SimLoop loop;
  Scope scope(loop, deadline_at(0s));
  CHECK(scope.reason() == Cause::kDeadline);
  CHECK(scope.left() == 0s);
  CHECK(loop.timers() == 0);
}

TEST_CASE("A cancel wakes all that waits in the scope and below it, at once and once") {
  struct Local {
    static Task<void> nest(Duration nap, Ended* ended) {
      auto sleep = sleep_for(nap, ended);
      co_await with_deadline(deadline_at(100s), std::move(sleep));
    }
  };
  SimLoop loop;
  Ended plain;
  Ended nested;
  Ended other;
  Flow one(loop, sleep_for(10s, &plain));
  Flow two(loop, Local::nest(10s, &nested));
  Flow three(loop, sleep_for(10s, &other));
  loop.drive(deadline_at(1s));
  const std::uint64_t before = loop.resumes();
  one.scope().cancel(Cause::kCancelled);
  two.scope().cancel(Cause::kClosed);
  one.scope().cancel(Cause::kCancelled);
  CHECK(plain.at == Duration::min());  // nothing is resumed inside cancel()
  CHECK(loop.timers() == 1);
  loop.drive(deadline_at(2s));
  CHECK(loop.resumes() == before + 2);
  CHECK(plain == Ended{Cause::kCancelled, 1s});
  CHECK(nested == Ended{Cause::kClosed, 1s});
  loop.drive();
  CHECK(other == Ended{Cause::kNone, 10s});
}

TEST_CASE("A leaf under a cancelled scope starts nothing and ends at once, so that loops run out") {
  struct Local {
    static Task<void> loop_on(FifoGate* gate, int* rounds, Cause* refused) {
      Scope& scope = co_await this_scope();
      for (; *rounds < 1'000; ++*rounds) {
        co_await sleep_until(scope.loop().now() + 1s);
        co_await test::yield();
        auto permit = co_await gate->enter();
        CHECK_FALSE(permit.held());
        *refused = permit.refused();
      }
    }
  };
  SimLoop loop;
  FifoGate gate(1);
  int rounds = 0;
  Cause refused = Cause::kNone;
  Flow flow(loop, Local::loop_on(&gate, &rounds, &refused));
  flow.scope().cancel(Cause::kClosed);
  loop.drive();
  CHECK(flow.over);
  CHECK(rounds == 1'000);
  CHECK(refused == Cause::kClosed);
  CHECK(loop.resumes() == 1);  // the start; no wait was begun
  CHECK(loop.elapsed() == 0s);
  CHECK(gate.free() == 1);
}

TEST_CASE("A result that has arrived survives a cancel in the same turn") {
  struct Local {
    static Task<void> hold(FifoGate* gate, Duration until) {
      auto permit = co_await gate->enter();
      co_await sleep_until(SimLoop::kStart + until);
    }
    static Task<void> wait(FifoGate* gate, bool* held) {
      auto permit = co_await gate->enter();
      *held = permit.held();
    }
    // Woken after the holder, before whoever got its permit.
    static Task<void> cancel(Scope* scope) {
      co_await sleep_until(SimLoop::kStart + 1s);
      scope->cancel(Cause::kCancelled);
    }
  };
  SimLoop loop;
  FifoGate gate(1);
  bool held = false;
  bool next_held = false;
  Flow holder(loop, Local::hold(&gate, 1s));
  Flow waiter(loop, Local::wait(&gate, &held));
  Flow next(loop, Local::wait(&gate, &next_held));
  Flow canceller(loop, Local::cancel(&waiter.scope()));
  loop.drive();
  CHECK(waiter.scope().reason() == Cause::kCancelled);
  CHECK(held);
  CHECK(next_held);
  CHECK(gate.free() == 1);
}

TEST_CASE("A timer that has fired is a result that has arrived") {
  struct Local {
    static Task<void> cancel(Scope* scope) {
      co_await sleep_until(SimLoop::kStart + 1s);
      scope->cancel(Cause::kCancelled);
    }
  };
  SimLoop loop;
  Ended ended;
  std::optional<Flow> sleeper;
  sleeper.emplace(loop, Task<void>(sleep_for(1s, &ended)));
  Flow canceller(loop, Local::cancel(&sleeper->scope()));
  loop.drive();
  CHECK(sleeper->scope().reason() == Cause::kCancelled);
  CHECK(ended == Ended{Cause::kNone, 1s});
}

TEST_CASE("A leaf ends once: the first outcome stands, whatever comes before the resume") {
  class Event final : public Leaf {
   public:
    Event() noexcept = default;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    void settle(Cause outcome) noexcept { complete(outcome); }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<Promise<void>> flow) noexcept {
      park(flow.promise().scope(), flow);
    }
    Cause await_resume() const noexcept { return outcome(); }
    int cancels = 0;

   private:
    void on_cancel() noexcept override { ++cancels; }
  };
  struct Local {
    static Task<void> wait(Event* pointer, Cause* outcome) {
      Event& event = *pointer;
      *outcome = co_await event;
    }
  };
  SimLoop loop;
  Event event;
  Cause outcome = Cause::kNone;
  Flow flow(loop, Local::wait(&event, &outcome));
  event.settle(Cause::kClosed);  // nobody waits yet
  loop.drive();
  CHECK(event.parked());
  event.settle(Cause::kDecode);
  event.settle(Cause::kClosed);
  flow.scope().cancel(Cause::kCancelled);
  CHECK_FALSE(event.parked());
  loop.drive();
  CHECK(flow.over);
  CHECK(outcome == Cause::kDecode);
  CHECK(event.cancels == 0);
  CHECK(loop.resumes() == 2);
}

TEST_CASE("A flow that is cancelled before it begins still runs to its end") {
  SimLoop loop;
  Ended ended;
  Flow flow(loop, sleep_for(5s, &ended));
  flow.scope().cancel(Cause::kCancelled);
  loop.drive();
  CHECK(flow.over);
  CHECK(ended == Ended{Cause::kCancelled, 0s});
  CHECK(live_frames() == 0);
}

TEST_CASE("with_deadline ends exactly at its time, restores what was before, and nests") {
  struct Local {
    static Task<void> inner(std::vector<Ended>* log) {
      auto slow = sleep_for(60s, &log->emplace_back());
      co_await with_deadline(deadline_at(1s), std::move(slow));
      auto slower = sleep_for(60s, &log->emplace_back());
      co_await with_deadline(deadline_at(2s), std::move(slower));
      auto own = sleep_for(60s, &log->emplace_back());
      co_await std::move(own);  // bounded by the outer one
    }
    static Task<void> outer(std::vector<Ended>* log) {
      Scope& scope = co_await this_scope();
      auto bounded = inner(log);
      co_await with_deadline(deadline_at(3s), std::move(bounded));
      CHECK(scope.ok());
      CHECK(scope.deadline() == deadline_at(20s));
      auto quick = sleep_for(4s, &log->emplace_back());
      co_await with_deadline(deadline_at(10s), std::move(quick));
      auto unbounded = sleep_for(60s, &log->emplace_back());
      co_await std::move(unbounded);
    }
  };
  SimLoop loop;
  std::vector<Ended> log;
  log.reserve(8);
  Flow flow(loop, Local::outer(&log), deadline_at(20s));
  loop.drive();
  CHECK(flow.over);
  REQUIRE(log.size() == 5);
  CHECK(log[0] == Ended{Cause::kDeadline, 1s});
  CHECK(log[1] == Ended{Cause::kDeadline, 2s});
  CHECK(log[2] == Ended{Cause::kDeadline, 3s});
  CHECK(log[3] == Ended{Cause::kNone, 4s});
  CHECK(log[4] == Ended{Cause::kDeadline, 20s});
  CHECK(loop.timers() == 0);
}

TEST_CASE("with_deadline hands up the value and the exception of its task") {
  struct Local {
    static Task<std::string> say() {
      co_await sleep_until(SimLoop::kStart + 1s);
      co_return "said";
    }
    static Task<std::string> fail() {
      co_await sleep_until(SimLoop::kStart + 2s);
      throw std::runtime_error("lost");
    }
    static Task<void> both(std::string* said, std::string* lost) {
      auto good = say();
      *said = co_await with_deadline(deadline_at(9s), std::move(good));
      auto bad = fail();
      try {
        const auto never = co_await with_deadline(deadline_at(9s), std::move(bad));
        *lost = never;
      } catch (const std::runtime_error& error) {
        *lost = error.what();
      }
    }
  };
  SimLoop loop;
  std::string said;
  std::string lost;
  Flow flow(loop, Local::both(&said, &lost));
  loop.drive();
  CHECK(said == "said");
  CHECK(lost == "lost");
  CHECK(loop.elapsed() == 2s);  // the deadlines' timers went with them
  CHECK(live_frames() == 0);
}

TEST_CASE("A deadline that has passed runs its task under a cancelled scope") {
  struct Local {
    static Task<void> run(Ended* ended) {
      auto sleep = sleep_for(5s, ended);
      co_await with_deadline(deadline_at(0s), std::move(sleep));
    }
  };
  SimLoop loop;
  Ended ended;
  Flow flow(loop, Local::run(&ended));
  loop.drive();
  CHECK(ended == Ended{Cause::kDeadline, 0s});
}

TEST_CASE("cancel_roots ends every flow of the loop, those that have not begun too") {
  SimLoop loop;
  std::deque<Ended> ended(3);
  std::deque<Flow> flows;
  flows.emplace_back(loop, sleep_for(60s, &ended[0]));
  flows.emplace_back(loop, sleep_for(61s, &ended[1]), deadline_at(30s));
  loop.drive(deadline_at(1s));
  flows.emplace_back(loop, sleep_for(62s, &ended[2]));
  CHECK(loop.roots() == 3);
  loop.cancel_roots(Cause::kClosed);
  CHECK(loop.timers() == 0);
  loop.drive();
  for (const Ended& each : ended) CHECK(each == Ended{Cause::kClosed, 1s});
  CHECK(live_frames() == 0);
  flows.clear();
  CHECK(loop.roots() == 0);
}

// One gate, flows that come and go through it, and cancels and deadlines at random moments.
class Crowd {
 public:
  explicit Crowd(std::uint64_t seed)
      : rng_(seed),
        loop_(seed % 2 == 0 ? seed : 0),
        permits_(1 + static_cast<int>(rng_.below(3))),
        gate_(permits_) {}

  void run() {
    for (int i = 0; i < 8; ++i) {
      const bool bounded = rng_.chance(25);
      const Duration limit = rng_.between(0us, 40us);
      const Deadline deadline = bounded ? Deadline::after(limit, loop_.now()) : Deadline::never();
      flows_.emplace_back(loop_, visit(), deadline);
    }
    for (int i = 0; i < 4; ++i) flows_.emplace_back(loop_, cancel_one());
    loop_.drive();
    REQUIRE(violations_ == 0);
    for (const Flow& flow : flows_) {
      REQUIRE(flow.over);
      REQUIRE_FALSE(flow.error);
    }
    REQUIRE(gate_.free() == permits_);
    REQUIRE_FALSE(gate_.has_waiting());
    REQUIRE(inside_ == 0);
    REQUIRE(live_frames() == 0);
    REQUIRE(loop_.timers() == 0);
    flows_.clear();
    REQUIRE(loop_.roots() == 0);
  }

  int refused() const noexcept { return refused_; }
  int waited() const noexcept { return waited_; }

 private:
  Task<void> visit() {
    for (int round = 0; round < 3; ++round) {
      const Duration walk = rng_.between(0us, 10us);
      co_await sleep_until(loop_.now() + walk);
      const int ticket = ++tickets_;
      waited_ += gate_.free() == 0 ? 1 : 0;
      auto permit = co_await gate_.enter();
      if (!permit.held()) {
        ++refused_;
        violations_ += permit.refused() == Cause::kNone ? 1 : 0;
        continue;
      }
      // With one permit nobody can run between the grant and the resume: that is the order.
      if (permits_ == 1 && ticket < served_) ++violations_;
      served_ = ticket;
      violations_ += ++inside_ > permits_ ? 1 : 0;
      const Duration stay = rng_.between(0us, 10us);
      co_await sleep_until(loop_.now() + stay);
      --inside_;
    }
  }

  Task<void> cancel_one() {
    const Duration walk = rng_.between(0us, 60us);
    co_await sleep_until(loop_.now() + walk);
    flows_[rng_.below(8)].scope().cancel(Cause::kCancelled);
  }

  Rng rng_;
  SimLoop loop_;
  const int permits_;
  FifoGate gate_;
  std::deque<Flow> flows_;
  int tickets_ = 0;
  int served_ = 0;
  int inside_ = 0;
  int refused_ = 0;
  int waited_ = 0;
  int violations_ = 0;
};

TEST_CASE("A FIFO gate keeps its order and its permits under random cancels") {
  int runs = 0;
  int refused = 0;
  int waited = 0;
  test::each_seed(2'000, 100'000, [&](std::uint64_t seed) {
    Crowd crowd(seed);
    crowd.run();
    ++runs;
    refused += crowd.refused();
    waited += crowd.waited();
  });
  if (runs < 10) return;  // a few alone need not show everything
  CHECK(waited > 0);
  CHECK(refused > 0);
}

}  // namespace
}  // namespace tidegate::internal
