// SPDX-License-Identifier: Apache-2.0
#include "policy/overload.hpp"

#include <doctest/doctest.h>

using namespace tidegate;
using namespace std::chrono_literals;
using policy::Overload;

TEST_CASE("AQueueIsOverloadedOnlyAfterAWholeIntervalAboveTheTarget") {
  const TimePoint start{};
  Overload overload;
  overload.dequeued(1s, start);
  CHECK(!overload.overloaded(start));
  CHECK(!overload.overloaded(start + Overload::kInterval - 1ns));
  CHECK(overload.overloaded(start + Overload::kInterval));
}

TEST_CASE("OneShortWaitEndsTheOverload") {
  const TimePoint start{};
  Overload overload;
  overload.dequeued(1s, start);
  overload.dequeued(Overload::kTarget, start + 3s);
  CHECK(!overload.overloaded(start + 3s));
  overload.dequeued(1s, start + 4s);
  CHECK(!overload.overloaded(start + 5s));
  CHECK(overload.overloaded(start + 6s));
}

TEST_CASE("AnEmptyQueueIsNotOverloaded") {
  const TimePoint start{};
  Overload overload;
  overload.dequeued(1s, start);
  overload.drained();
  CHECK(!overload.overloaded(start + 1h));
}
