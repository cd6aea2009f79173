// SPDX-License-Identifier: Apache-2.0
#include "net/worker_pool.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "support/event.hpp"

namespace tidegate::internal {
namespace {

using test::Event;

TEST_CASE("A pool that is retired does what waits, and then its threads end") {
  Event go_on, ran;
  std::weak_ptr<WorkerPool> alive;
  {
    const auto pool = std::make_shared<WorkerPool>(1);
    alive = pool;
    REQUIRE(pool->run([go_on] { go_on.wait(); }).ok());
    REQUIRE(pool->run([ran] { ran.set(); }).ok());
    pool->retire();
  }
  CHECK_FALSE(alive.expired());
  go_on.set();
  CHECK(ran.wait());
  CHECK(test::eventually([&] { return alive.expired(); }));
}

TEST_CASE("A pool that is retired still takes work") {
  const auto pool = std::make_shared<WorkerPool>(2);
  pool->retire();
  for (int i = 0; i < 20; ++i) {
    Event ran;
    REQUIRE(pool->run([ran] { ran.set(); }).ok());
    CHECK(ran.wait());
  }
  CHECK(pool->join(Deadline::never()) == 0);
  CHECK(pool->run([] {}).cause() == Cause::kClosed);
}

TEST_CASE("A pool that is quiesced has no thread and starts anew") {
  const auto pool = std::make_shared<WorkerPool>(2);
  Event go_on, ran;
  REQUIRE(pool->run([go_on] { go_on.wait(); }).ok());
  CHECK_FALSE(pool->quiesce());
  go_on.set();
  REQUIRE(test::eventually([&] { return pool->quiesce(); }));
  REQUIRE(pool->run([ran] { ran.set(); }).ok());
  CHECK(ran.wait());
  CHECK(pool->join(Deadline::never()) == 0);
}

TEST_CASE("A pool with a wider bound has a thread for what waits, and gives it up again") {
  const auto pool = std::make_shared<WorkerPool>(1);
  Event go_on, begun, ran;
  REQUIRE(pool->run([go_on, begun] {
                begun.set();
                go_on.wait();
              })
              .ok());
  REQUIRE(begun.wait());
  pool->bound(2);
  REQUIRE(pool->run([ran] { ran.set(); }).ok());
  CHECK(ran.wait());
  pool->bound(1);
  go_on.set();
  Event first, second;
  REQUIRE(pool->run([first] { first.set(); }).ok());
  REQUIRE(pool->run([second] { second.set(); }).ok());
  CHECK(first.wait());
  CHECK(second.wait());
  CHECK(pool->join(Deadline::never()) == 0);
}

}  // namespace
}  // namespace tidegate::internal
