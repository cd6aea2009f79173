// SPDX-License-Identifier: Apache-2.0
#include "tidegate/cache.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/event.hpp"
#include "support/manual_operation.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

struct Heavy {
  std::size_t weight = 0;
};
std::size_t weight_of(const Heavy& heavy) {
  if (heavy.weight == 0) throw std::runtime_error("no scales");
  return heavy.weight;
}

TEST_CASE("A value is loaded once and then comes from the cache") {
  const TypedCache<std::string> cache;
  std::atomic<int> loads{0};
  const auto load = [&loads] { return "value " + std::to_string(++loads); };
  const auto first = cache.get_or_load("k", load).wait();
  REQUIRE(first.ok());
  CHECK(first->value == "value 1");
  CHECK(first->source == Source::kFresh);
  CHECK(first->version != 0);
  const auto second = cache.get_or_load("k", load);
  CHECK(second.done());
  CHECK(second.wait()->source == Source::kCached);
  CHECK(second.wait()->version == first->version);
  CHECK(cache.get("k")->value == "value 1");
  CHECK_FALSE(cache.get("other").has_value());
  CHECK(loads == 1);
}

TEST_CASE("A thousand threads on one cold key make one load") {
  // The load ends when the last of them has begun, however long that takes.
  const TypedCache<int> cache(CacheOptions().load_timeout(10min));
  std::atomic<int> loads{0};
  test::Event everyone_asked;
  std::atomic<int> asked{0};
  const auto load = [&] {
    everyone_asked.wait();
    return ++loads;
  };
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 1000; ++i) {
    threads.emplace_back([&] {
      const auto op = cache.get_or_load("k", load);
      if (++asked == 1000) everyone_asked.set();
      const auto answer = op.wait();
      if (answer.ok() && answer->value == 1) ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(loads == 1);
  CHECK(right == 1000);
}

TEST_CASE("Loaders return values, results or operations, and may throw") {
  const TypedCache<int> cache;
  CHECK(cache.get_or_load("value", [] { return 1; }).wait()->value == 1);
  CHECK(cache.get_or_load("result", [] { return Result<int>(2); }).wait()->value == 2);
  const auto failed =
      cache.get_or_load("failure", [] { return Result<int>(Status(Cause::kEngineBusy, "busy")); });
  CHECK(failed.wait().status().cause() == Cause::kEngineBusy);
  const auto thrown = cache.get_or_load("throw", []() -> int { throw std::runtime_error("lost"); });
  CHECK(thrown.wait().status().cause() == Cause::kCallableFailed);
  CHECK(thrown.wait().status().message().find("lost") != std::string::npos);
  const auto inner = cache.get_or_load(
      "operation", [cache] { return cache.get_or_load("inner", [] { return 3; }).wait()->value; });
  CHECK(inner.wait()->value == 3);
}

TEST_CASE("What is thrown over the value of an operation fails its load too") {
  const TypedCache<Heavy> cache;
  test::ManualOperation<Heavy> later;
  const auto failed = cache.get_or_load("later", [&] { return later.operation(); });
  later.end(Heavy());
  CHECK(failed.wait().status().cause() == Cause::kCallableFailed);
  CHECK(failed.wait().status().message().find("no scales") != std::string::npos);
  const auto at_once = cache.get_or_load("at once", [] { return Heavy(); });
  CHECK(at_once.wait().status().cause() == Cause::kCallableFailed);
}

TEST_CASE("A weight beyond all bounds is too large, and not next to nothing") {
  const TypedCache<Heavy> cache(CacheOptions().max_bytes(1 << 20));
  for (const std::size_t beyond : {0UL, 1UL, 2UL}) {
    CHECK(cache.put("key", Heavy{SIZE_MAX - beyond}) == 0);
  }
  CHECK(cache.stats().refused == 3);
  CHECK(cache.stats().bytes == 0);
}

TEST_CASE("A loader learns what it loads, by when, and says how long it lives") {
  const TypedCache<std::string> cache(CacheOptions().load_timeout(10s));
  const auto load = [](LoadContext& context) {
    CHECK_FALSE(context.stopped());
    CHECK(context.deadline().left() <= 10s);
    context.ttl(0s).stale_for(1h);
    return context.key() + "!";
  };
  CHECK(cache.get_or_load("k", load).wait()->value == "k!");
  CHECK_FALSE(cache.get("k").has_value());
  CHECK(cache.peek("k")->source == Source::kStale);
}

TEST_CASE("A caller's deadline ends its wait, not the load") {
  const TypedCache<int> cache;
  test::Event go_on;
  const auto load = [&] {
    go_on.wait();
    return 5;
  };
  const auto patient = cache.get_or_load("k", load);
  const auto hurried = cache.get_or_load("k", load, LoadOptions().timeout(2ms));
  CHECK(hurried.wait().status().cause() == Cause::kDeadline);
  const auto cancelled = cache.get_or_load("k", load);
  cancelled.cancel();
  CHECK(cancelled.wait().status().cause() == Cause::kCancelled);
  go_on.set();
  CHECK(patient.wait()->value == 5);
}

TEST_CASE("What was put is there, and what was invalidated is not") {
  const TypedCache<int> cache;
  const auto version = cache.put("k", 1);
  CHECK(version != 0);
  CHECK(cache.get("k")->value == 1);
  CHECK_FALSE(cache.invalidate("k", version + 1));
  CHECK(cache.invalidate("k", version));
  CHECK_FALSE(cache.get("k").has_value());
  cache.put("a", 1);
  cache.invalidate_all();
  CHECK_FALSE(cache.get("a").has_value());
}

TEST_CASE("Its counters tell what happened") {
  const TypedCache<int> cache(CacheOptions().max_entries(10).eviction(Eviction::kStrictLru));
  for (int i = 0; i < 20; ++i) cache.put(std::to_string(i), i);
  CHECK(cache.get("19").has_value());
  CHECK_FALSE(cache.get("0").has_value());
  const CacheStats stats = cache.stats();
  CHECK(stats.entries == 10);
  CHECK(stats.evicted == 10);
  CHECK(stats.puts == 20);
  CHECK(stats.hits == 1);
  CHECK(stats.misses == 1);
}

TEST_CASE("A sliding value lives while it is wanted, also one that is never stale") {
  constexpr auto kTtl = 200ms;
  const TypedCache<int> cache(CacheOptions().ttl(kTtl).stale_for(0s).sliding(true).jitter(0));
  // False where the machine stood still between two looks for too long.
  const auto lives = [&] {
    TimePoint seen = Deadline::now();
    const TimePoint until = seen + 3 * kTtl;
    cache.put("k", 1);
    while (seen < until) {
      const TimePoint before = Deadline::now();
      const bool is_there = cache.get("k").has_value();
      if (Deadline::now() - seen >= kTtl) return false;
      REQUIRE(is_there);
      seen = before;
      std::this_thread::yield();
    }
    return true;
  };
  CHECK((lives() || lives() || lives()));
}

TEST_CASE("A lookup that loads is one miss, however often it looks") {
  const TypedCache<int> cache;
  CHECK(cache.get_or_load("k", [] { return 7; }).wait()->value == 7);
  CHECK(cache.get_or_load("k", [] { return 8; }).wait()->value == 7);
  const CacheStats stats = cache.stats();
  CHECK(stats.misses == 1);
  CHECK(stats.hits == 1);
}

TEST_CASE("A cache that goes with a load in flight leaves nobody waiting") {
  test::Event go_on;
  Operation<Answer<int>> op;
  {
    const TypedCache<int> cache;
    op = cache.get_or_load("k", [&go_on] {
      go_on.wait();
      return 7;
    });
  }
  go_on.set();
  CHECK(op.wait()->value == 7);
}

TEST_CASE("The least hit gives fresh values alone, and says when it is time to load ahead") {
  const auto cache = internal::make_cache(CacheOptions().refresh_ahead(1e-9).jitter(0), false);
  const auto put = [&cache](std::string_view key, Duration ttl) {
    internal::put(*cache, key, new internal::TypedValue<int>(7), 1, {}, LoadOptions().ttl(ttl));
  };
  bool is_due = false;
  CHECK(internal::get_fresh(*cache, "k", &is_due) == nullptr);
  put("stale", 0s);
  CHECK(internal::get_fresh(*cache, "stale", &is_due) == nullptr);
  put("k", 1h);
  test::eventually([&] {
    internal::CacheValue* const value = internal::get_fresh(*cache, "k", &is_due);
    REQUIRE(value != nullptr);
    CHECK(internal::TypedValue<int>::of(*value) == 7);
    value->unref();
    return is_due;
  });
}

TEST_CASE("Every value that is kept is seen, also one that is over") {
  const auto cache = internal::make_cache({}, false);
  int seen = 0;
  const auto look = [&](const internal::CacheValue& value) {
    CHECK(value.sole_reference());
    seen += internal::TypedValue<int>::of(value);
  };
  internal::for_each_value(*cache, look);
  CHECK(seen == 0);
  internal::put(*cache, "fresh", new internal::TypedValue<int>(1), 1, {}, LoadOptions());
  internal::put(*cache, "stale", new internal::TypedValue<int>(2), 1, {}, LoadOptions().ttl(0s));
  internal::for_each_value(*cache, look);
  CHECK(seen == 3);
}

}  // namespace
}  // namespace tidegate
