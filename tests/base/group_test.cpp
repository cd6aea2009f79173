// SPDX-License-Identifier: Apache-2.0
#include "base/group.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/sleep.hpp"
#include "support/fifo_gate.hpp"
#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using test::FifoGate;
using test::Flow;
using test::SimLoop;
using namespace std::chrono_literals;

Deadline deadline_at(Duration since_start) { return Deadline::at(SimLoop::kStart + since_start); }

// What happened, in order: who, and how long after the start.
struct Event {
  int who;
  Duration at;
  bool operator==(const Event&) const = default;
};

struct Log {
  SimLoop loop;
  std::vector<Event> events;
  std::vector<Cause> causes;

  void add(int who) { events.push_back({who, loop.elapsed()}); }
};

Task<void> sleeper(Log* log, Duration until) {
  const Cause cause = co_await sleep_until(SimLoop::kStart + until);
  log->causes.push_back(cause);
}

Task<void> thrower(Duration until) {
  co_await sleep_until(SimLoop::kStart + until);
  throw std::runtime_error("lost");
}

// Lets a turn pass also under a cancelled scope, as clean-up may that waits for nobody.
class PassTurn final : public Leaf {
 public:
  PassTurn() noexcept = default;
  PassTurn(const PassTurn&) = delete;
  PassTurn& operator=(const PassTurn&) = delete;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    park_uninterrupted(flow.promise().scope(), flow);
    complete(Cause::kNone);
  }
  void await_resume() const noexcept {}

 private:
  void on_cancel() noexcept override {}
};
PassTurn pass_turn() noexcept { return {}; }

// Runs `flow` with a group, and what is left of it.
template <class Flowing>
void run(Log& log, Flowing flow, int* result = nullptr) {
  struct Local {
    static Task<void> root(Flowing body, Log* into, int* place) {
      auto task = with_group(body, into);
      const int value = co_await std::move(task);
      if (place) *place = value;
    }
  };
  Flow root(log.loop, Local::root(flow, &log, result));
  log.loop.drive();
  CHECK(root.over);
  if (root.error) std::rethrow_exception(root.error);
  CHECK(live_frames() == 0);
  CHECK(log.loop.timers() == 0);
}

TEST_CASE("next() gives the children in the order of their ends, each once, at that time") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      CHECK(group.spawn(sleeper(log, 3s)) == 0);
      CHECK(group.spawn(sleeper(log, 1s)) == 1);
      CHECK(group.spawn(sleeper(log, 2s)) == 2);
      for (;;) {
        const int child = co_await group.next(Deadline::never());
        log->add(child);
        if (child == Group::kNobody) break;
      }
      co_return 7;
    }
  };
  Log log;
  int result = 0;
  run(log, Local::flow, &result);
  CHECK(result == 7);
  CHECK(log.events == std::vector<Event>{{1, 1s}, {2, 2s}, {0, 3s}, {Group::kNobody, 3s}});
}

TEST_CASE("next() comes back at its time, and what ends later is still seen") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(sleeper(log, 5s));
      const int early = co_await group.next(deadline_at(2s));
      log->add(early);
      const int passed = co_await group.next(deadline_at(1s));
      log->add(passed);
      const int late = co_await group.next(deadline_at(60s));
      log->add(late);
      co_return 0;
    }
  };
  Log log;
  run(log, Local::flow);
  CHECK(log.events == std::vector<Event>{{Group::kNobody, 2s}, {Group::kNobody, 2s}, {0, 5s}});
}

TEST_CASE("Children that end together are all seen") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      for (int i = 0; i < 5; ++i) group.spawn(sleeper(log, 1s));
      int seen = 0;
      for (;;) {
        const int child = co_await group.next(Deadline::never());
        if (child == Group::kNobody) break;
        seen |= 1 << child;
      }
      co_return seen;
    }
  };
  Log log;
  int seen = 0;
  run(log, Local::flow, &seen);
  CHECK(seen == 31);
  CHECK(log.loop.elapsed() == 1s);
}

TEST_CASE("A child does not begin inside spawn()") {
  struct Local {
    static Task<void> mark(bool* begun) {
      *begun = true;
      co_return;
    }
    static Task<int> flow(Group& group, Log*) {
      bool begun = false;
      group.spawn(mark(&begun));
      CHECK_FALSE(begun);
      co_await group.join();
      CHECK(begun);
      co_return 0;
    }
  };
  Log log;
  run(log, Local::flow);
}

TEST_CASE("What is left when the flow returns is cancelled and joined") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(sleeper(log, 1s));
      group.spawn(sleeper(log, 60s));
      const int winner = co_await group.next(Deadline::never());
      co_return winner;
    }
  };
  Log log;
  int winner = -2;
  run(log, Local::flow, &winner);
  CHECK(winner == 0);
  CHECK(log.causes == std::vector<Cause>{Cause::kNone, Cause::kCancelled});
  CHECK(log.loop.elapsed() == 1s);
}

TEST_CASE("One child can be cancelled alone") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(sleeper(log, 60s));
      group.spawn(sleeper(log, 2s));
      co_await test::yield();
      group.cancel(0);
      const int first = co_await group.next(Deadline::never());
      log->add(first);
      const int second = co_await group.next(Deadline::never());
      log->add(second);
      co_return 0;
    }
  };
  Log log;
  run(log, Local::flow);
  CHECK(log.events == std::vector<Event>{{0, 0s}, {1, 2s}});
  CHECK(log.causes == std::vector<Cause>{Cause::kCancelled, Cause::kNone});
}

TEST_CASE("What ends the flow ends its children, with its reason") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(sleeper(log, 60s));
      const int nobody = co_await group.next(Deadline::never());
      log->add(nobody);
      co_return 0;
    }
    static Task<void> root(Log* log) {
      auto task = with_group(flow, log);
      const int value = co_await with_deadline(deadline_at(4s), std::move(task));
      CHECK(value == 0);
    }
  };
  Log log;
  Flow root(log.loop, Local::root(&log));
  log.loop.drive();
  CHECK(root.over);
  CHECK(log.events == std::vector<Event>{{Group::kNobody, 4s}});
  CHECK(log.causes == std::vector<Cause>{Cause::kDeadline});
}

TEST_CASE("A winner that has been chosen survives a cancel in the same turn") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(sleeper(log, 1s));
      const int winner = co_await group.next(Deadline::never());
      log->add(winner);
      co_return 0;
    }
    static Task<void> root(Log* log) {
      auto task = with_group(flow, log);
      const int value = co_await std::move(task);
      CHECK(value == 0);
    }
    static Task<void> cancel(Scope* scope) {
      co_await sleep_until(SimLoop::kStart + 1s);
      scope->cancel(Cause::kCancelled);
    }
  };
  Log log;
  Flow root(log.loop, Local::root(&log));
  log.loop.drive(deadline_at(500ms));  // so that the child's timer is the earlier one
  Flow canceller(log.loop, Local::cancel(&root.scope()));
  log.loop.drive();
  CHECK(root.scope().reason() == Cause::kCancelled);
  CHECK(log.events == std::vector<Event>{{0, 1s}});
}

TEST_CASE("A cancel does not cut join() short: it waits until every child has ended") {
  struct Local {
    // Slow to go, as one that must hand back what it holds.
    static Task<void> stubborn(Log* log) {
      co_await sleep_until(SimLoop::kStart + 60s);
      log->add(1);
      for (int i = 0; i < 10; ++i) {
        co_await pass_turn();
      }
      log->add(2);
    }
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(stubborn(log));
      co_await group.join();
      log->add(3);
      co_return 0;
    }
  };
  Log log;
  struct Root {
    static Task<void> root(Log* into) {
      auto task = with_group(Local::flow, into);
      const int value = co_await std::move(task);
      CHECK(value == 0);
    }
  };
  Flow root(log.loop, Root::root(&log));
  log.loop.drive(deadline_at(1s));
  root.scope().cancel(Cause::kCancelled);
  root.scope().cancel(Cause::kClosed);
  log.loop.drive();
  CHECK(root.over);
  CHECK(log.events == std::vector<Event>{{1, 1s}, {2, 1s}, {3, 1s}});
}

TEST_CASE("A group goes on after a join, with new children") {
  struct Local {
    // In a frame of its own, which is gone when the second child ends.
    static Task<void> join(Group* group) { co_await group->join(); }
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(sleeper(log, 1s));
      auto joining = join(&group);
      co_await std::move(joining);
      const int first = co_await group.next(Deadline::never());
      log->add(first);
      group.spawn(sleeper(log, 2s));
      const int second = co_await group.next(Deadline::never());
      log->add(second);
      co_return 0;
    }
  };
  Log log;
  run(log, Local::flow);
  CHECK(log.events == std::vector<Event>{{0, 1s}, {1, 2s}});
}

TEST_CASE("A hundred children at once, and a join of none") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      co_await group.join();
      for (int i = 0; i < 100; ++i) group.spawn(sleeper(log, std::chrono::seconds(100 - i)));
      co_await group.join();
      co_return static_cast<int>(log->causes.size());
    }
  };
  Log log;
  int ended = 0;
  run(log, Local::flow, &ended);
  CHECK(ended == 100);
}

TEST_CASE("An exception of the flow cancels and joins the children, then passes") {
  struct Local {
    static Task<int> flow(Group& group, Log* log) {
      group.spawn(sleeper(log, 60s));
      co_await sleep_until(SimLoop::kStart + 1s);
      throw std::logic_error("flow");
    }
  };
  Log log;
  CHECK_THROWS_WITH(run(log, Local::flow), "flow");
  CHECK(log.causes == std::vector<Cause>{Cause::kCancelled});
  CHECK(log.loop.elapsed() == 1s);
  CHECK(live_frames() == 0);
}

TEST_CASE("An exception of a child ends the child, and passes out of join() and with_group()") {
  struct Local {
    static Task<int> goes_on(Group& group, Log* log) {
      group.spawn(thrower(1s));
      group.spawn(sleeper(log, 2s));
      const int first = co_await group.next(Deadline::never());
      log->add(first);
      const int second = co_await group.next(Deadline::never());
      log->add(second);
      co_return 0;
    }
    static Task<int> joins(Group& group, Log* log) {
      group.spawn(thrower(1s));
      group.spawn(sleeper(log, 2s));
      co_await group.join();
      log->add(9);
      co_return 0;
    }
  };
  Log going_on;
  CHECK_THROWS_WITH(run(going_on, Local::goes_on), "lost");
  CHECK(going_on.events == std::vector<Event>{{0, 1s}, {1, 2s}});
  Log joining;
  CHECK_THROWS_WITH(run(joining, Local::joins), "lost");
  CHECK(joining.events.empty());
  CHECK(joining.loop.elapsed() == 2s);
  CHECK(live_frames() == 0);
}

TEST_CASE("Losers give back their permits before with_group() hands up the value") {
  struct Local {
    static Task<void> hold(FifoGate* gate, Duration until) {
      auto permit = co_await gate->enter();
      co_await sleep_until(SimLoop::kStart + until);
    }
    static Task<int> flow(Group& group, FifoGate* gate) {
      group.spawn(hold(gate, 1s));
      group.spawn(hold(gate, 60s));
      group.spawn(hold(gate, 60s));  // never gets in
      const int winner = co_await group.next(Deadline::never());
      co_return winner;
    }
    static Task<void> root(FifoGate* gate, int* free) {
      auto task = with_group(flow, gate);
      const int winner = co_await std::move(task);
      CHECK(winner == 0);
      *free = gate->free();
    }
  };
  SimLoop loop;
  FifoGate gate(2);
  int free = 0;
  Flow root(loop, Local::root(&gate, &free));
  loop.drive();
  CHECK(free == 2);
}

}  // namespace
}  // namespace tidegate::internal
