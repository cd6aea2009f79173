// SPDX-License-Identifier: Apache-2.0
//
// The sound spelling of everything that gcc 12 gets wrong in a statement with co_await (see
// base/task.hpp; tests/flows/check_form_test.py has the spellings that fail, by the same letters).
// What the compiler copies bit by bit, destroys twice or never shows in the objects (Checked), and
// under gcc's address sanitizer above all.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/task.hpp"
#include "support/checked.hpp"
#include "support/flow.hpp"

namespace tidegate::internal {
namespace {

using test::Checked;
using test::expect;
using test::yield;

struct Aggregate {
  Checked one;
  Checked two;
  int add() const { return one.get() + two.get(); }
};

// What is called: each keeps its argument over a suspension.

Task<int> read(Checked value) {
  co_await yield();
  co_return value.get();
}

template <class F>
Task<int> call(F function) {
  co_await yield();
  const int value = function();
  co_return value;
}

template <class F>
Task<int> call_moved(F&& function) {
  auto own = std::forward<F>(function);
  return call(std::move(own));
}

template <class F, class G>
Task<int> call_both(F first, G second) {
  co_await yield();
  const int value = first() + second();
  co_return value;
}

Task<int> add(Aggregate aggregate) {
  co_await yield();
  co_return aggregate.add();
}

Task<int> add_all(std::vector<Checked> list) {
  co_await yield();
  int sum = 0;
  for (const Checked& each : list) sum += each.get();
  co_return sum;
}

Task<Aggregate> make(int one, int two) {
  co_await yield();
  co_return Aggregate{Checked(one), Checked(two)};
}

Task<bool> less(int value, int bound) {
  co_await yield();
  co_return value < bound;
}

TEST_CASE("A: a lambda with captures has a name before it is an argument") {
  expect(5, []() -> Task<int> {
    const Checked five(5);
    auto function = [five] { return five.get(); };
    const int value = co_await call(std::move(function));
    co_return value;
  });
  expect(6, []() -> Task<int> {
    const Checked six(6);
    auto function = [six] { return six.get(); };
    const int value = co_await call_moved(std::move(function));
    co_return value;
  });
  expect(7, []() -> Task<int> {
    const Checked seven(7);
    std::function<int()> function = [seven] { return seven.get(); };
    const int value = co_await call(std::move(function));
    co_return value;
  });
}

TEST_CASE("A: two lambdas have two names, and one for a plain function a statement of its own") {
  expect(11, []() -> Task<int> {
    const Checked five(5);
    const Checked six(6);
    auto first = [five] { return five.get(); };
    auto second = [six] { return six.get(); };
    const int value = co_await call_both(std::move(first), std::move(second));
    co_return value;
  });
  expect(12, []() -> Task<int> {
    const Checked five(5);
    auto function = [five] { return five.get(); };
    const int before = function();
    auto task = read(Checked(7));
    const int value = co_await std::move(task);
    co_return before + value;
  });
}

TEST_CASE("A: a shared pointer that a named lambda captures is counted right") {
  expect(1, []() -> Task<int> {
    auto shared = std::make_shared<Checked>(1);
    auto function = [shared] { return shared->get(); };
    const int value = co_await call(std::move(function));
    CHECK(shared.use_count() == 1);
    co_return value;
  });
}

TEST_CASE("A: a coroutine lambda captures nothing, and what it needs are its parameters") {
  expect(8, []() -> Task<int> {
    auto flow = [](Checked value) -> Task<int> {
      co_await yield();
      co_return value.get();
    };
    Checked eight(8);
    auto task = flow(std::move(eight));
    const int value = co_await std::move(task);
    co_return value;
  });
}

TEST_CASE("A: an aggregate has a name before it is an argument, by value, const& and nested") {
  expect(3, []() -> Task<int> {
    Aggregate aggregate{Checked(1), Checked(2)};
    const int value = co_await add(std::move(aggregate));
    co_return value;
  });
  expect(7, []() -> Task<int> {
    Aggregate aggregate{.one = Checked(3), .two = Checked(4)};
    const Aggregate& bound = aggregate;
    const int value = co_await add(bound);
    co_return value;
  });
  expect(9, []() -> Task<int> {
    struct Outer {
      explicit Outer(Aggregate value) : inner(std::move(value)) {}
      Aggregate inner;
      static Task<int> add(Outer outer) {
        co_await yield();
        co_return outer.inner.add();
      }
    };
    Aggregate aggregate{Checked(4), Checked(5)};
    Outer outer(std::move(aggregate));
    const int value = co_await Outer::add(std::move(outer));
    co_return value;
  });
}

TEST_CASE("A: what goes into an aggregate's braces was awaited before") {
  expect(21, []() -> Task<int> {
    auto first = make(1, 20);
    auto made = co_await std::move(first);
    auto second = read(Checked(1));
    const int read_value = co_await std::move(second);
    const Aggregate aggregate{Checked(read_value), std::move(made.two)};
    co_await yield();
    co_return aggregate.add();
  });
}

TEST_CASE("A: an aggregate that holds a task, an array of classes, a member call have names") {
  expect(15, []() -> Task<int> {
    struct Holder {
      Task<int> task;
      Checked beside;
      static Task<int> run(Holder holder) {
        const int value = co_await std::move(holder.task);
        co_return value + holder.beside.get();
      }
    };
    auto inner = read(Checked(7));
    Holder holder{.task = std::move(inner), .beside = Checked(8)};
    const int value = co_await Holder::run(std::move(holder));
    co_return value;
  });
  expect(3, []() -> Task<int> {
    struct Local {
      static Task<int> add(std::array<Checked, 2> both) {
        co_await yield();
        co_return both[0].get() + both[1].get();
      }
    };
    std::array<Checked, 2> both{Checked(1), Checked(2)};
    const int value = co_await Local::add(std::move(both));
    co_return value;
  });
  expect(4, []() -> Task<int> {
    struct Sender {
      Checked value;
      Task<int> send() {
        co_await yield();
        co_return value.get();
      }
    };
    Sender sender{Checked(4)};
    const int value = co_await sender.send();
    co_return value;
  });
}

TEST_CASE("A: a second function stands for a default argument of class type") {
  expect(17, []() -> Task<int> {
    struct Local {
      static Task<int> send(int more, Aggregate options) {
        co_await yield();
        co_return more + options.add();
      }
      static Task<int> send(int more) { return send(more, Aggregate{Checked(3), Checked(4)}); }
    };
    const int value = co_await Local::send(10);
    co_return value;
  });
}

TEST_CASE("A: an awaiter with class members has a constructor and no copy") {
  class Wait {
   public:
    explicit Wait(Checked value) : value_(std::move(value)) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
    int await_resume() const { return value_.get(); }
    static Wait for_value(Checked value) { return Wait(std::move(value)); }

   private:
    Checked value_;
  };
  expect(19, []() -> Task<int> {
    Checked nine(9);
    const int from_function = co_await Wait::for_value(std::move(nine));
    Wait named(Checked(10));
    const int from_name = co_await named;
    co_return from_function + from_name;
  });
}

TEST_CASE("A: an aggregate that a task hands up is bound, assigned and taken apart by name") {
  expect(10, []() -> Task<int> {
    auto first = make(1, 2);
    auto made = co_await std::move(first);
    auto second = make(3, 4);
    Aggregate kept = co_await std::move(second);
    auto third = make(5, 6);
    const int before = made.add() + kept.add();
    made = co_await std::move(third);
    auto& [five, six] = made;
    CHECK(five.get() == 5);
    CHECK(six.get() == 6);
    co_return before;
  });
}

TEST_CASE("B: an if takes the place of the conditional operator") {
  for (const bool first : {true, false}) {
    static bool chosen;
    chosen = first;
    expect(chosen ? 1 : 2, []() -> Task<int> {
      Task<int> task;
      if (chosen) {
        task = read(Checked(1));
      } else {
        task = read(Checked(2));
      }
      const int value = co_await std::move(task);
      Checked argument(0);
      if (chosen) {
        argument = Checked(1);
      } else {
        argument = Checked(2);
      }
      const int again = co_await read(std::move(argument));
      CHECK(again == value);
      const Checked one(1);
      const Checked two(2);
      const Checked returned = chosen ? one : two;
      co_return returned.get();
    });
  }
}

TEST_CASE("C: a list has a name, and an array is made of what was awaited before") {
  expect(6, []() -> Task<int> {
    std::vector<Checked> list{Checked(1), Checked(2), Checked(3)};
    const int value = co_await add_all(std::move(list));
    co_return value;
  });
  expect(10, []() -> Task<int> {
    auto first = make(1, 2);
    auto one = co_await std::move(first);
    auto second = make(3, 4);
    auto two = co_await std::move(second);
    const Aggregate both[] = {std::move(one), std::move(two)};
    co_await yield();
    co_return both[0].add() + both[1].add();
  });
}

TEST_CASE("D: a condition is a name, also where no other local is in scope") {
  struct Local {
    static Task<void> count_if(int* count) {
      const bool holds = co_await less(1, 2);
      if (holds) ++*count;
    }
    static Task<void> count_while(int* count) {
      for (;;) {
        const bool goes_on = co_await less(*count, 10);
        if (!goes_on) break;
        ++*count;
      }
    }
    static Task<void> count_in_try(int* count) {
      try {
        const bool holds = co_await less(1, 2);
        if (holds) throw std::runtime_error("out");
      } catch (const std::runtime_error&) {
        ++*count;
      }
    }
    static Task<void> count_switch(int* count) {
      Checked three(3);
      const int chosen = co_await read(std::move(three));
      switch (chosen) {
        case 3: ++*count; break;
        default: *count = 0;
      }
    }
  };
  expect(12, []() -> Task<int> {
    int count = 0;
    co_await Local::count_if(&count);
    co_await Local::count_while(&count);
    co_await Local::count_in_try(&count);
    co_await Local::count_switch(&count);
    co_return count;
  });
}

TEST_CASE("E: a step that may fail is a name and a test of it") {
  struct Local {
    static Task<Result<int>> may_fail(bool fails) {
      co_await yield();
      if (fails) co_return Status(Cause::kDecode, "broken");
      co_return 4;
    }
    static Task<Result<int>> steps(int* reached) {
      auto first = co_await may_fail(false);
      if (!first.ok()) co_return first.status();
      *reached = first.value();
      auto second = co_await may_fail(true);
      if (!second.ok()) co_return second.status();
      *reached = 0;
      co_return 0;
    }
  };
  expect(4, []() -> Task<int> {
    int reached = 0;
    auto result = co_await Local::steps(&reached);
    CHECK(result.status().cause() == Cause::kDecode);
    co_return reached;
  });
}

TEST_CASE("F: what is over-aligned stands behind a pointer") {
  struct alignas(64) Wide {
    explicit Wide(int number) : value(number) {}
    Checked value;
  };
  expect(5, []() -> Task<int> {
    const auto wide = std::make_unique<Wide>(5);
    co_await yield();
    CHECK(reinterpret_cast<std::uintptr_t>(wide.get()) % 64 == 0);
    co_return wide->value.get();
  });
}

TEST_CASE("G: parameters may die in any order, and an awaited lvalue is not copied") {
  class Event {
   public:
    explicit Event(int value) : value_(value) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
    int await_resume() const { return value_.get(); }

   private:
    Checked value_;
  };
  struct Local {
    static Task<int> both(Checked one, Checked two) {
      co_await yield();
      co_return one.get() + two.get();
    }
  };
  expect(9, []() -> Task<int> {
    Checked one(1);
    Checked two(2);
    const int sum = co_await Local::both(std::move(one), std::move(two));
    Event event(6);
    const int value = co_await event;
    co_return sum + value;
  });
}

TEST_CASE("An exception is kept in its handler and answered behind it") {
  struct Local {
    static Task<int> fail(Checked value) {
      co_await yield();
      throw std::runtime_error(std::to_string(value.get()));
    }
  };
  expect(7, []() -> Task<int> {
    std::exception_ptr error;
    try {
      auto task = Local::fail(Checked(3));
      const int value = co_await std::move(task);
      co_return value;
    } catch (const std::runtime_error&) {
      error = std::current_exception();
    }
    Checked seven(7);
    const int after = co_await read(std::move(seven));
    CHECK(error);
    co_return after;
  });
}

}  // namespace
}  // namespace tidegate::internal
