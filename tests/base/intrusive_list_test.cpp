// SPDX-License-Identifier: Apache-2.0
#include "base/intrusive_list.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "base/ports/rng.hpp"

namespace tidegate::internal {
namespace {

struct Second {};

// In two lists at the same time.
struct Item : ListNode<Item>, ListNode<Second> {
  explicit Item(int name) noexcept : id(name) {}
  const int id;
  bool linked() const noexcept { return ListNode<Item>::linked(); }
  void unlink() noexcept { ListNode<Item>::unlink(); }
};
using List = IntrusiveList<Item>;
using SecondList = IntrusiveList<Item, Second>;

template <class AnyList>
std::vector<int> ids(AnyList& list) {
  std::vector<int> found;
  for (Item* each = list.empty() ? nullptr : &list.front(); each; each = list.after(*each)) {
    found.push_back(each->id);
  }
  return found;
}

template <class AnyList>
void clear(AnyList& list) {
  while (list.pop_front()) {
  }
}

TEST_CASE("Elements come out in the order in which they went in") {
  Item a(1), b(2), c(3);
  List list;
  CHECK(list.empty());
  CHECK(list.pop_front() == nullptr);
  list.push_back(a);
  list.push_back(b);
  list.push_back(c);
  CHECK(ids(list) == std::vector<int>{1, 2, 3});
  CHECK(list.pop_front() == &a);
  CHECK_FALSE(a.linked());
  list.push_back(a);
  CHECK(ids(list) == std::vector<int>{2, 3, 1});
  clear(list);
  CHECK(list.empty());
}

TEST_CASE("An element leaves from anywhere, and leaving twice does nothing") {
  Item a(1), b(2), c(3);
  List list;
  for (Item* leaving : {&a, &b, &c}) {
    for (Item* each : {&a, &b, &c}) list.push_back(*each);
    leaving->unlink();
    leaving->unlink();
    CHECK_FALSE(leaving->linked());
    const auto left = ids(list);
    CHECK(left.size() == 2);
    CHECK(std::find(left.begin(), left.end(), leaving->id) == left.end());
    clear(list);
  }
}

TEST_CASE("An element is in two lists at the same time, and leaves one alone") {
  Item a(1), b(2);
  List first;
  SecondList second;
  for (Item* each : {&a, &b}) {
    first.push_back(*each);
    second.push_back(*each);
  }
  a.unlink();
  CHECK(ids(first) == std::vector<int>{2});
  CHECK(ids(second) == std::vector<int>{1, 2});
  clear(first);
  clear(second);
}

TEST_CASE("append() takes all over, behind what is there, from and to an empty list too") {
  Item a(1), b(2), c(3), d(4);
  List list;
  List other;
  list.append(other);
  CHECK(list.empty());
  other.push_back(a);
  other.push_back(b);
  list.append(other);
  CHECK(other.empty());
  CHECK(ids(list) == std::vector<int>{1, 2});
  other.push_back(c);
  other.push_back(d);
  list.append(other);
  CHECK(ids(list) == std::vector<int>{1, 2, 3, 4});
  other.push_back(*list.pop_front());
  CHECK(ids(other) == std::vector<int>{1});
  d.unlink();
  list.push_back(d);
  CHECK(ids(list) == std::vector<int>{2, 3, 4});
  clear(list);
  clear(other);
}

TEST_CASE("The element in hand may leave during a walk that has asked for the next one") {
  Item a(1), b(2), c(3);
  List list;
  for (Item* each : {&a, &b, &c}) list.push_back(*each);
  for (Item* each = &list.front(); each;) {
    Item* const next = list.after(*each);
    if (each->id != 2) each->unlink();
    each = next;
  }
  CHECK(ids(list) == std::vector<int>{2});
  clear(list);
}

TEST_CASE("Random steps leave what they leave in a vector") {
  Rng rng(11);
  std::deque<Item> items;
  for (int i = 0; i < 20; ++i) items.emplace_back(i);
  std::array<List, 2> lists;
  std::array<std::vector<int>, 2> truth;
  for (int step = 0; step < 20'000; ++step) {
    const auto i = static_cast<int>(rng.below(20));
    const auto at = static_cast<std::size_t>(rng.below(2));
    Item& item = items[static_cast<std::size_t>(i)];
    if (rng.chance(5)) {
      lists[at].append(lists[1 - at]);
      truth[at].insert(truth[at].end(), truth[1 - at].begin(), truth[1 - at].end());
      truth[1 - at].clear();
    } else if (item.linked()) {
      item.unlink();
      for (auto& list : truth) std::erase(list, i);
    } else {
      lists[at].push_back(item);
      truth[at].push_back(i);
    }
    REQUIRE(ids(lists[0]) == truth[0]);
    REQUIRE(ids(lists[1]) == truth[1]);
  }
  for (List& list : lists) clear(list);
}

}  // namespace
}  // namespace tidegate::internal
