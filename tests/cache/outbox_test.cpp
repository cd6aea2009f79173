// SPDX-License-Identifier: Apache-2.0
#include "cache/outbox.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1h};

struct OutboxInTest {
  explicit OutboxInTest(const Outbox::Limits& limits = {}) : outbox(limits, 7, metrics) {}

  void store(const std::string& key, const std::string& value, Duration life = 1min) {
    outbox.store({.key = key,
                  .value = value,
                  .guard_seen = "",
                  .made = kNow,
                  .life = life,
                  .until = kNow + life});
  }
  std::string next_key() {
    const auto next = outbox.next_forgetting();
    return next ? next->key : "none";
  }
  std::string next_value(TimePoint now = kNow) {
    const auto next = outbox.next_store(now);
    return next ? next->value : "none";
  }

  TierMetrics metrics{"outbox"};
  Outbox outbox;
};

TEST_CASE("A key that is invalidated again while it is told is told again") {
  OutboxInTest test;
  test.outbox.forget("k", true);
  const auto first = test.outbox.next_forgetting();
  REQUIRE(first.has_value());
  test.outbox.forget("k", false);
  CHECK(test.next_key() == "none");
  test.outbox.told(*first, true);
  CHECK(test.outbox.is_void("k"));
  const auto second = test.outbox.next_forgetting();
  REQUIRE(second.has_value());
  CHECK(second->token != first->token);
  CHECK_FALSE(second->keeps_stale);
  test.outbox.told(*second, true);
  CHECK_FALSE(test.outbox.is_void("k"));
  CHECK_FALSE(test.outbox.has_next());
}

TEST_CASE("What could not be told is told again, with another token") {
  OutboxInTest test;
  test.outbox.forget("k", false);
  const auto first = test.outbox.next_forgetting();
  test.outbox.told(*first, false);
  const auto second = test.outbox.next_forgetting();
  CHECK(second->key == "k");
  CHECK(second->token != first->token);
}

TEST_CASE("Everything forgotten takes the place of all keys, and is told again if asked again") {
  OutboxInTest test;
  test.outbox.forget("a", false);
  test.outbox.forget("b", true);
  test.outbox.forget_everything(true);
  const auto first = test.outbox.next_forgetting();
  REQUIRE(first->everything);
  CHECK_FALSE(first->keeps_stale);  // "a" may not be served any more
  CHECK(test.next_key() == "none");
  CHECK(test.outbox.is_void("anything"));
  test.outbox.forget_everything(false);
  test.outbox.told(*first, true);
  CHECK(test.outbox.is_void("anything"));
  const auto second = test.outbox.next_forgetting();
  REQUIRE(second->everything);
  test.outbox.told(*second, true);
  CHECK_FALSE(test.outbox.is_void("anything"));
}

TEST_CASE("A key too long to be told forgets everything") {
  OutboxInTest test;
  test.outbox.forget(std::string((std::size_t{1} << 20) + 1, 'k'), false);
  CHECK(test.outbox.next_forgetting()->everything);
}

TEST_CASE("Of a key's values the newest is written, after all invalidations") {
  OutboxInTest test;
  test.store("k", "first");
  test.store("other", "value");
  test.store("k", "second");
  test.outbox.forget("x", false);
  CHECK(test.next_value() == "none");
  const auto forgetting = test.outbox.next_forgetting();
  CHECK(test.next_value() == "none");
  test.outbox.told(*forgetting, true);
  CHECK(test.next_value() == "value");
  CHECK(test.next_value() == "second");
  test.store("k", "third");
  CHECK(test.next_value() == "none");  // the second is on its way
  test.outbox.settled("k");
  CHECK(test.next_value() == "third");
}

TEST_CASE("A value whose key is invalidated is not wanted any more, waiting or on its way") {
  OutboxInTest test;
  test.store("k", "on its way");
  CHECK(test.next_value() == "on its way");
  CHECK(test.outbox.still_wanted("k"));
  test.store("k", "waiting");
  test.outbox.forget("k", false);
  CHECK_FALSE(test.outbox.still_wanted("k"));
  test.outbox.settled("k");
  test.outbox.told(*test.outbox.next_forgetting(), true);
  CHECK(test.next_value() == "none");
}

TEST_CASE("What is put back takes no place of what came meanwhile") {
  OutboxInTest test;
  test.store("k", "old");
  auto old = *test.outbox.next_store(kNow);
  test.store("k", "new");
  test.outbox.settled("k");
  test.outbox.put_back(std::move(old));
  CHECK(test.next_value() == "new");
  test.outbox.settled("k");
  CHECK(test.next_value() == "none");
}

TEST_CASE("A value whose life is over is not written") {
  OutboxInTest test;
  test.store("k", "short", 1s);
  CHECK(test.next_value(kNow + 1s) == "none");
  CHECK_FALSE(test.outbox.has_next());
}

TEST_CASE("Threads that forget and store at the same time leave nothing behind") {
  OutboxInTest test({.store_bytes = 1000, .invalidations = 50});
  const std::int64_t before = test.metrics.pending_invalidations.value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&test, i] {
      for (int n = 0; n < 2000; ++n) {
        const std::string key = std::to_string(n % 100);
        if (n % 7 == i) test.outbox.forget_everything(false);
        test.outbox.forget(key, false);
        test.store(key, "value");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (const auto next = test.outbox.next_forgetting()) test.outbox.told(*next, true);
  CHECK(test.metrics.pending_invalidations.value() == before);
  while (const auto next = test.outbox.next_store(kNow)) test.outbox.settled(next->key);
  CHECK_FALSE(test.outbox.has_next());
  CHECK(test.metrics.pending_stores.value() == 0);
  CHECK(test.metrics.pending_bytes.value() == 0);
}

}  // namespace
}  // namespace tidegate::internal
