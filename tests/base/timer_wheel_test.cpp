// SPDX-License-Identifier: Apache-2.0

#include "base/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

using tidegate::internal::TimerNode;
using tidegate::internal::TimerWheel;

namespace {

struct Node : TimerNode {
  int id = 0;
};

std::vector<int> take_all(TimerWheel& wheel) {
  std::vector<int> ids;
  while (TimerNode* node = wheel.take_due()) ids.push_back(static_cast<Node*>(node)->id);
  return ids;
}

// The wheel beside a sorted map that is right by construction.
class Twin {
 public:
  Twin(std::uint64_t start, std::uint64_t seed)
      : random_(seed), now_(start), wheel_(start), nodes_(kNodes) {
    for (int i = 0; i < kNodes; ++i) nodes_[static_cast<std::size_t>(i)].id = i;
  }
  ~Twin() {
    for (Node& node : nodes_) wheel_.disarm(node);
  }

  void step() {
    const auto choice = random(100);
    if (choice < 50) {
      arm(random(kNodes), now_ + distance());
    } else if (choice < 70) {
      disarm(random(kNodes));
    } else if (choice < 72) {
      arm(random(kNodes), now_ - random(100));
    } else {
      drive(now_ + distance() / 8);
    }
  }

  void drain() {
    while (wheel_.next()) drive(*wheel_.next());
    check(truth_.empty() && wheel_.armed_count() == 0);
  }

  // Plain counters: an assertion macro per step would be most of the run time.
  int fired = 0;
  int wakeups = 0;
  int violations = 0;

 private:
  static constexpr int kNodes = 512;
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // (tick, sequence)

  void check(bool holds) { violations += holds ? 0 : 1; }

  std::uint64_t random(std::uint64_t below) { return random_() % below; }

  // All levels alike, now and then beyond the reach of the last.
  std::uint64_t distance() { return random(std::uint64_t{1} << random(34)); }

  void arm(std::size_t i, std::uint64_t when) {
    if (const auto known = keys_[i]) truth_.erase(*known);
    const Key key{std::max(when, now_ + 1), ++sequence_};
    keys_[i] = key;
    truth_.emplace(key, i);
    wheel_.arm(nodes_[i], when);
    check(nodes_[i].armed() && nodes_[i].when() == key.first);
  }

  void disarm(std::size_t i) {
    check(wheel_.disarm(nodes_[i]) == keys_[i].has_value());
    check(!nodes_[i].armed());
    if (const auto known = keys_[i]) truth_.erase(*known);
    keys_[i].reset();
  }

  // As a loop does it: from one wake-up to the next until `target`.
  void drive(std::uint64_t target) {
    while (true) {
      const auto next = wheel_.next();
      check(next.has_value() == !truth_.empty());
      if (next) check(*next <= truth_.begin()->first.first && *next >= now_);
      check(wheel_.armed_count() == truth_.size());
      now_ = next && *next < target ? *next : target;
      wheel_.advance(now_);
      ++wakeups;
      while (TimerNode* due = wheel_.take_due()) fire(*static_cast<Node*>(due));
      check(truth_.empty() || truth_.begin()->first.first > now_);  // nothing is late
      if (now_ == target) return;
    }
  }

  void fire(Node& node) {
    const auto i = static_cast<std::size_t>(node.id);
    ++fired;
    check(!node.armed());
    check(keys_[i].has_value());
    check(keys_[i] == truth_.begin()->first);    // in order
    check(truth_.begin()->first.first == now_);  // neither early nor late
    truth_.erase(truth_.begin());
    keys_[i].reset();
    const auto choice = random(10);
    if (choice < 3) arm(i, now_ + distance());
    if (choice == 3) arm(random(kNodes), now_ + distance());
    if (choice == 4) disarm(random(kNodes));
    if (choice == 5 && !truth_.empty()) disarm(truth_.begin()->second);  // perhaps due as well
  }

  std::mt19937_64 random_;
  std::uint64_t now_;
  std::uint64_t sequence_ = 0;
  TimerWheel wheel_;
  std::vector<Node> nodes_;
  std::map<Key, std::size_t> truth_;
  std::map<std::size_t, std::optional<Key>> keys_;
};

}  // namespace

TEST_CASE("RandomTimersComeOutAsFromASortedMap") {
  const int rounds = std::getenv("TIDEGATE_DEEP") != nullptr ? 20 : 2;
  for (int round = 0; round < rounds; ++round) {
    std::mt19937_64 random(static_cast<std::uint64_t>(round));
    const std::uint64_t start = round == 0 ? 0 : random() >> (4 + random() % 50);
    CAPTURE(round);
    Twin twin(start, random());
    for (int i = 0; i < 400'000 && twin.violations == 0; ++i) twin.step();
    twin.drain();
    CHECK(twin.violations == 0);
    CHECK(twin.fired > 50'000);
    CHECK(twin.wakeups > twin.fired / 2);
  }
}

TEST_CASE("TimersOfOneTickComeOutInTheOrderOfArming") {
  constexpr std::uint64_t kTick = 1'000'000;
  TimerWheel wheel(5);
  std::deque<Node> nodes(300);
  std::vector<int> expected;
  for (int i = 0; i < 300; ++i) {
    nodes[static_cast<std::size_t>(i)].id = i;
    expected.push_back(i);
    wheel.advance(5 + static_cast<std::uint64_t>(i) * 3'333);  // each is put into another slot
    wheel.arm(nodes[static_cast<std::size_t>(i)], kTick);
  }
  wheel.advance(kTick - 1);
  CHECK(take_all(wheel).empty());
  wheel.advance(kTick);
  CHECK(take_all(wheel) == expected);
}

TEST_CASE("OneAdvanceOverManyTicksKeepsTheOrderOfTime") {
  TimerWheel wheel(0);
  std::deque<Node> nodes(64);
  std::vector<int> expected;
  for (int i = 63; i >= 0; --i) {
    Node& node = nodes[static_cast<std::size_t>(i)];
    node.id = i;
    wheel.arm(node, static_cast<std::uint64_t>(1 + i * 7'919));
    expected.insert(expected.begin(), i);
  }
  wheel.advance(std::uint64_t{1} << 32);
  CHECK(take_all(wheel) == expected);
}

TEST_CASE("ADueTimerThatIsNotTakenCanBeDisarmed") {
  TimerWheel wheel(100);
  Node a;
  Node b;
  wheel.arm(a, 110);
  wheel.arm(b, 110);
  wheel.advance(120);
  CHECK(wheel.armed_count() == 2);
  CHECK(wheel.next() == 120);  // at once: something waits to be taken
  CHECK(wheel.disarm(a));
  CHECK_FALSE(wheel.disarm(a));
  CHECK(wheel.take_due() == &b);
  CHECK_FALSE(b.armed());
  CHECK_FALSE(wheel.disarm(b));
  CHECK(wheel.take_due() == nullptr);
  CHECK_FALSE(wheel.next().has_value());
}

TEST_CASE("ATimeThatIsAlreadyReachedBecomesTheNextTick") {
  TimerWheel wheel(1'000);
  Node node;
  wheel.arm(node, 3);
  CHECK(node.when() == 1'001);
  CHECK(wheel.next() == 1'001);
  wheel.advance(1'000);
  CHECK(wheel.take_due() == nullptr);
  wheel.advance(1'001);
  CHECK(wheel.take_due() == &node);
}

TEST_CASE("TimeNeverGoesBack") {
  TimerWheel wheel(1'000);
  wheel.advance(10);
  CHECK(wheel.now() == 1'000);
}

TEST_CASE("ALoneFarTimerCostsFewWakeUps") {
  struct Row {
    std::uint64_t ticks;
    int wakeups;
  };
  for (const Row row :
       {Row{15'000'000, 4}, Row{15'000, 3}, Row{60, 1}, Row{std::uint64_t{1} << 36, 70}}) {
    TimerWheel wheel(123'456'789);
    Node node;
    wheel.arm(node, wheel.now() + row.ticks);
    int wakeups = 0;
    while (wheel.take_due() == nullptr) {
      wheel.advance(*wheel.next());
      ++wakeups;
    }
    CHECK(wheel.now() == 123'456'789 + row.ticks);
    CHECK(wakeups <= row.wakeups);
  }
}

TEST_CASE("AMillionTimersArmedAndDisarmedLeaveNothing") {
  TimerWheel wheel(7);
  std::mt19937_64 random(7);
  std::deque<Node> nodes(1'000);
  for (int round = 0; round < 1'000; ++round) {
    for (Node& node : nodes) wheel.arm(node, wheel.now() + random() % (1U << 31));
    CHECK(wheel.armed_count() == nodes.size());
    int disarmed = 0;
    for (Node& node : nodes) disarmed += wheel.disarm(node) ? 1 : 0;
    CHECK(disarmed == 1'000);
    CHECK(wheel.armed_count() == 0);
    CHECK_FALSE(wheel.next().has_value());
    wheel.advance(wheel.now() + random() % 1'000);
  }
}

TEST_CASE("TheFarthestTimeCanBeArmed") {
  TimerWheel wheel(0);
  Node node;
  wheel.arm(node, UINT64_MAX);
  CHECK(*wheel.next() < UINT64_MAX);
  wheel.advance(std::uint64_t{1} << 40);
  CHECK(wheel.take_due() == nullptr);
  CHECK(wheel.disarm(node));
}
