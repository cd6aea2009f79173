// SPDX-License-Identifier: Apache-2.0
#include "base/task.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "base/sleep.hpp"
#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using test::Flow;
using test::SimLoop;
using namespace std::chrono_literals;

Task<int> answer(int value) { co_return value; }

Task<void> add_up(int count, std::int64_t* sum) {
  for (int i = 0; i < count; ++i) {
    const int value = co_await answer(i);
    *sum += value;
  }
}

TEST_CASE("A task does nothing until it is awaited") {
  bool begun = false;
  struct Local {
    static Task<void> begin(bool* flag) {
      *flag = true;
      co_return;
    }
  };
  // By a pointer that the compiler does not see through: clang may put a frame that it sees die
  // where it was made into the caller's.
  Task<void> (*volatile const make)(bool*) = &Local::begin;
  {
    const auto task = make(&begun);
    CHECK(live_frames() == 1);
  }
  CHECK_FALSE(begun);
  CHECK(live_frames() == 0);
}

TEST_CASE("A million awaits that end at once leave the stack where it was") {
  struct Local {
    static Task<std::uintptr_t> frame_address() {
      co_return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    }
    static Task<void> span(std::uintptr_t* lowest, std::uintptr_t* highest) {
      for (int i = 0; i < 1'000'000; ++i) {
        const std::uintptr_t here = co_await frame_address();
        *lowest = std::min(*lowest, here);
        *highest = std::max(*highest, here);
      }
    }
  };
  SimLoop loop;
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;
  Flow flow(loop, Local::span(&lowest, &highest));
  loop.drive();
  CHECK(flow.over);
  CHECK(highest == lowest);
  CHECK(live_frames() == 0);
}

TEST_CASE("Chains of tasks hand their values up") {
  SimLoop loop;
  std::int64_t sum = 0;
  Flow flow(loop, add_up(1000, &sum));
  loop.drive();
  CHECK(sum == 499'500);
}

TEST_CASE("An exception goes up to whoever awaits, and out of a root as its error") {
  struct Local {
    static Task<int> fail() {
      throw std::runtime_error("lost");
      co_return 1;
    }
    static Task<int> pass_on() {
      const int value = co_await fail();
      co_return value;
    }
    static Task<void> save(std::string* said) {
      try {
        const int value = co_await pass_on();
        *said = std::to_string(value);
      } catch (const std::runtime_error& error) {
        *said = error.what();
      }
    }
    static Task<void> lose() {
      const int value = co_await pass_on();
      static_cast<void>(value);
    }
  };
  SimLoop loop;
  std::string said;
  Flow saved(loop, Local::save(&said));
  Flow lost(loop, Local::lose());
  loop.drive();
  CHECK(said == "lost");
  CHECK_FALSE(saved.error);
  CHECK(status_of(lost.error, Cause::kInternal, "a flow").cause() == Cause::kInternal);
  CHECK(status_of(lost.error, Cause::kInternal, "a flow").message().find("lost") !=
        std::string::npos);
  CHECK(live_frames() == 0);
}

TEST_CASE("Values are moved, not copied, and die once") {
  struct Local {
    static Task<std::unique_ptr<int>> make() { co_return std::make_unique<int>(7); }
    static Task<void> take(std::unique_ptr<int>* place) {
      auto made = co_await make();
      *place = std::move(made);
    }
  };
  SimLoop loop;
  std::unique_ptr<int> place;
  Flow flow(loop, Local::take(&place));
  loop.drive();
  REQUIRE(place);
  CHECK(*place == 7);
}

TEST_CASE("Sleepers wake in the order of their times, at their times") {
  struct Local {
    static Task<void> sleep(Duration nap, std::vector<Duration>* woken) {
      Scope& scope = co_await this_scope();
      const Cause cause = co_await sleep_until(SimLoop::kStart + nap);
      CHECK(cause == Cause::kNone);
      woken->push_back(scope.loop().now() - SimLoop::kStart);
    }
  };
  SimLoop loop(5);
  std::vector<Duration> woken;
  Flow late(loop, Local::sleep(24h, &woken));
  Flow soon(loop, Local::sleep(3ms, &woken));
  Flow then(loop, Local::sleep(1s, &woken));
  loop.drive();
  CHECK(woken == std::vector<Duration>{3ms, 1s, 24h});
}

TEST_CASE("A flow that makes itself ready for ever starves no timer") {
  struct Local {
    static Task<void> spin(const bool* stop, int* turns) {
      while (!*stop) {
        co_await test::yield();
        ++*turns;
      }
    }
    static Task<void> stop_after(Duration nap, bool* stop) {
      co_await sleep_until(SimLoop::kStart + nap);
      *stop = true;
    }
  };
  SimLoop loop;
  bool stop = false;
  int turns = 0;
  Flow spinning(loop, Local::spin(&stop, &turns));
  Flow stopping(loop, Local::stop_after(1ms, &stop));
  for (int i = 0; i < 102; ++i) loop.single_turn(10us);
  CHECK(stop);
  CHECK(turns >= 99);
  loop.drive();
  CHECK(spinning.over);
}

}  // namespace
}  // namespace tidegate::internal
