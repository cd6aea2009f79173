// SPDX-License-Identifier: Apache-2.0
#include "cache/store.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/deep.hpp"
#include "support/seeds.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kOrigin{1h};

Ref<CacheValue> number(int value) { return Ref<CacheValue>::adopt(new TypedValue<int>(value)); }
int number_in(const Found& found) { return TypedValue<int>::of(*found.value); }

struct StoreInTest {
  explicit StoreInTest(StoreOptions options = {}) : store(seeded(options), kOrigin) {}
  static StoreOptions seeded(StoreOptions options) {
    options.seed = 1;
    return options;
  }
  std::uint64_t put(const std::string& key, int value, Duration ttl = 1h, Duration stale_for = 0ns,
                    std::size_t weight = 1, const Fence* fence = nullptr) {
    return store.put(key, store.hash(key),
                     {.value = number(value),
                      .life = {.fresh_until = now + ttl, .stale_until = now + ttl + stale_for},
                      .now = now,
                      .weight = weight,
                      .fence = fence});
  }
  Found find(const std::string& key) { return store.find(key, store.hash(key), now); }

  Store store;
  TimePoint now = kOrigin;
};

TEST_CASE("A value is fresh, then stale, then gone, at exactly its times") {
  StoreInTest test;
  test.put("k", 7, 60s, 30s);
  test.now += 60s - 1ms;
  CHECK(test.find("k").fresh());
  CHECK(number_in(test.find("k")) == 7);
  test.now += 1ms;
  CHECK(test.find("k").stale());
  test.now += 30s - 1ms;
  CHECK(test.find("k").stale());
  test.now += 1ms;
  CHECK(test.find("k").state == EntryState::kMiss);
}

TEST_CASE("A life of nothing is never fresh, between two ticks neither") {
  StoreInTest test;
  test.now += 300us;
  CHECK(test.put("stale", 1, 0ns, 1h) != 0);
  CHECK(test.find("stale").stale());
  CHECK(test.put("gone", 1, 0ns, 0ns) == 0);
  CHECK(test.put("short", 1, 1us) != 0);
  CHECK(test.find("short").fresh());
}

TEST_CASE("Versions grow, and an old one forgets nothing") {
  StoreInTest test;
  const auto first = test.put("k", 1);
  const auto second = test.put("k", 2);
  CHECK(second > first);
  CHECK_FALSE(test.store.erase("k", first));
  CHECK(number_in(test.find("k")) == 2);
  CHECK(test.store.erase("k", second));
  CHECK(test.find("k").state == EntryState::kMiss);
  CHECK_FALSE(test.store.erase("k"));
}

TEST_CASE("A put behind a fence that was lowered is refused") {
  StoreInTest test;
  Fence fence;
  Fence other;
  test.store.raise(fence, "k", test.store.hash("k"));
  test.store.raise(other, "o", test.store.hash("o"));
  test.store.erase("k");
  CHECK(test.put("k", 1, 1h, 0ns, 1, &fence) == 0);
  CHECK(test.put("o", 1, 1h, 0ns, 1, &other) != 0);
  test.store.new_epoch();
  CHECK(test.put("o", 1, 1h, 0ns, 1, &other) == 0);
  test.store.lower(fence);
  test.store.lower(other);
}

TEST_CASE("A load that began before all was forgotten is forgotten too, however the two meet") {
  StoreInTest test;
  const std::uint64_t hash = test.store.hash("k");
  const int rounds = test::repeat(20'000, 200'000);
  std::atomic<int> begun{0};
  std::atomic<int> forgotten{0};
  std::thread forgets([&] {
    for (int round = 1; round <= rounds; ++round) {
      while (begun.load() < round) std::this_thread::yield();
      test.store.new_epoch();
      forgotten = round;
    }
  });
  int survived = 0;
  for (int round = 1; round <= rounds; ++round) {
    Fence fence;
    test.store.raise(fence, "k", hash);
    begun = round;
    test.put("k", 1, 1h, 0ns, 1, &fence);
    while (forgotten.load() < round) std::this_thread::yield();
    survived += test.find("k").state == EntryState::kMiss ? 0 : 1;
    test.store.lower(fence);
  }
  forgets.join();
  CHECK(survived == 0);
}

TEST_CASE("A load that began before a put does not take its place") {
  StoreInTest test;
  Fence before;
  test.store.raise(before, "k", test.store.hash("k"));
  const auto version = test.put("k", 1);
  CHECK(test.put("k", 2, 1h, 0ns, 1, &before) == 0);
  CHECK(number_in(test.find("k")) == 1);
  Fence after;
  test.store.raise(after, "k", test.store.hash("k"));
  CHECK(test.put("k", 3, 1h, 0ns, 1, &after) > version);
  CHECK(number_in(test.find("k")) == 3);
  test.store.lower(before);
  test.store.lower(after);
}

TEST_CASE("What is too large to be kept does not leave the value that it was to replace") {
  StoreInTest test({.max_entries = 100, .max_bytes = 1600});
  CHECK(test.put("k", 1) != 0);
  CHECK(test.put("k", 2, 1h, 0ns, 200) == 0);
  CHECK(test.find("k").state == EntryState::kMiss);
}

TEST_CASE("A store works for years") {
  StoreInTest test;
  for (int month = 0; month < 12 * 10; ++month) {
    test.now += 24h * 30;
    CHECK(test.put("k", month, 60s) != 0);
    CHECK(number_in(test.find("k")) == month);
    test.now += 60s;
    CHECK(test.find("k").state == EntryState::kMiss);
  }
}

TEST_CASE("A new epoch forgets all that was there") {
  StoreInTest test;
  test.put("k", 1);
  test.store.new_epoch();
  CHECK(test.find("k").state == EntryState::kMiss);
  test.put("k", 2);
  CHECK(number_in(test.find("k")) == 2);
}

TEST_CASE("Keys that differ anywhere are different keys") {
  StoreInTest test;
  test.put("a", 1);
  test.put(std::string("a\0", 2), 2);
  test.put("", 3);
  CHECK(number_in(test.find("a")) == 1);
  CHECK(number_in(test.find(std::string("a\0", 2))) == 2);
  CHECK(number_in(test.find("")) == 3);
}

TEST_CASE("Strict LRU forgets what has not been wanted for longest") {
  StoreInTest test({.max_entries = 100, .eviction = Eviction::kStrictLru});
  std::vector<int> order;
  Rng rng(3);
  for (int i = 0; i < 20'000; ++i) {
    const int key = static_cast<int>(rng.below(150));
    const bool is_there = std::ranges::find(order, key) != order.end();
    CHECK(test.find(std::to_string(key)).fresh() == is_there);
    if (!is_there) test.put(std::to_string(key), key);
    std::erase(order, key);
    order.push_back(key);
    if (order.size() > 100) order.erase(order.begin());
  }
}

TEST_CASE("Sliding values stay fresh while they are wanted, and then go as others do") {
  StoreInTest test;
  test.store.put(
      "k", test.store.hash("k"),
      {.value = number(1),
       .life = {.fresh_until = kOrigin + 10s, .stale_until = kOrigin + 25s, .sliding = 10s},
       .now = kOrigin});
  for (int i = 0; i < 1000; ++i) {
    test.now += 8s;
    REQUIRE(test.find("k").fresh());
  }
  test.now += 11s;
  CHECK(test.find("k").stale());
  test.now += 13s;
  CHECK(test.find("k").stale());
  test.now += 2s;
  CHECK(test.find("k").state == EntryState::kMiss);
}

TEST_CASE("Sliding values that are never stale slide too, and give their memory back") {
  StoreInTest test;
  for (int i = 0; i < 100; ++i) {
    const std::string key = std::to_string(i);
    test.store.put(
        key, test.store.hash(key),
        {.value = number(i),
         .life = {.fresh_until = kOrigin + 10s, .stale_until = kOrigin + 10s, .sliding = 10s},
         .now = kOrigin,
         .weight = 1});
  }
  for (int round = 0; round < 100; ++round) {
    test.now += 7s;
    for (int i = 0; i < 50; ++i) REQUIRE(test.find(std::to_string(i)).fresh());
    for (int i = 0; i < 64; ++i) test.put("n" + std::to_string(i), i, 1h);
  }
  CHECK(test.store.stats().expired == 50);
  CHECK(test.store.stats().entries == 50 + 64);
  test.now += 12s;
  for (int i = 0; i < 300 * 8; ++i) test.put("n" + std::to_string(i % 64), i, 1h);
  CHECK(test.store.stats().entries == 64);
}

TEST_CASE("What is over gives its memory back without being asked for") {
  StoreInTest test;
  for (int i = 0; i < 1000; ++i) test.put(std::to_string(i), i, 10s);
  CHECK(test.store.stats().entries == 1000);
  test.now += 12s;
  for (int i = 0; i < 300 * 8; ++i) test.put("n" + std::to_string(i % 64), i, 1h);
  CHECK(test.store.stats().entries == 64);
  CHECK(test.store.stats().expired == 1000);
}

TEST_CASE("A value that is larger than its part of the cache is refused") {
  StoreInTest test({.max_entries = 100, .max_bytes = 1600});
  CHECK(test.put("k", 1, 1h, 0ns, 200) == 0);
  CHECK(test.put("k", 1, 1h, 0ns, 90) != 0);
  CHECK(test.store.stats().refused == 1);
}

TEST_CASE("Whatever happens, a value is what was put last, and the bounds hold") {
  test::each_seed(20, 2'000, [](std::uint64_t seed) {
    const bool lru = seed % 2 == 0;
    StoreInTest test({.max_entries = 300,
                      .max_bytes = 20'000,
                      .eviction = lru ? Eviction::kStrictLru : Eviction::kClockTinyLfu,
                      .shards = 4});
    Rng rng(seed);
    std::map<std::string, int> last;
    for (int i = 0; i < 3'000; ++i) {
      const std::string key = std::to_string(rng.below(500));
      const auto what = rng.below(10);
      if (what < 4) {
        const Duration ttl = rng.between(1ms, 20s);
        const Duration stale = rng.between(0ms, 20s);
        const std::size_t weight = rng.below(60);
        if (test.put(key, i, ttl, stale, weight) != 0) last[key] = i;
      } else if (what < 9) {
        const Found found = test.find(key);
        if (found.state != EntryState::kMiss) CHECK(number_in(found) == last.at(key));
      } else if (rng.chance(50)) {
        test.store.erase(key);
        CHECK(test.find(key).state == EntryState::kMiss);
      } else {
        test.now += rng.between(0ms, 5s);
      }
      const CacheStats stats = test.store.stats();
      CHECK(stats.entries <= 300);
      CHECK(stats.bytes <= 20'000);
    }
  });
}

TEST_CASE("A value may use the store when it dies") {
  struct Nosy final : CacheValue {
    explicit Nosy(StoreInTest& of) : test(of) {}
    ~Nosy() override { test.find("other"); }
    StoreInTest& test;
  };
  StoreInTest test;
  for (int i = 0; i < 2; ++i) {
    test.store.put("k", test.store.hash("k"),
                   {.value = Ref<CacheValue>::adopt(new Nosy(test)),
                    .life = {.fresh_until = kOrigin + 1h, .stale_until = kOrigin + 1h},
                    .now = kOrigin});
  }
  CHECK(test.store.erase("k"));
}

TEST_CASE("Threads that use it at the same time see whole values and the bounds") {
  StoreInTest test({.max_entries = 500});
  const auto work = [&](std::uint64_t seed) {
    Rng rng(seed);
    for (int i = 0; i < test::repeat(20'000, 500'000); ++i) {
      const int key = static_cast<int>(rng.below(1000));
      const std::string text = std::to_string(key);
      const auto what = rng.below(20);
      if (what == 0) {
        test.store.erase(text);
      } else if (what < 6) {
        test.put(text, key);
      } else if (const Found found = test.find(text); found.fresh()) {
        REQUIRE(number_in(found) == key);
      }
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
  CHECK(test.store.stats().entries <= 500);
}

// A put of a sixteenth of the shard makes thousands go, 64 for each time that it holds the lock: most
// of their values die before it is there.
TEST_CASE("A large put beside small ones keeps the bounds and lets others in between") {
  bool is_watching = false;
  int between = 0;
  StoreInTest test({.max_entries = 100'000, .max_bytes = 1 << 20, .shards = 1});
  struct Watch final : CacheValue {
    Watch(StoreInTest& store, const bool& watching, int& count)
        : test(store), is_watching(watching), between(count) {}
    ~Watch() override {
      if (is_watching && test.find("large").state == EntryState::kMiss) ++between;
    }
    StoreInTest& test;
    const bool& is_watching;
    int& between;
  };
  for (int i = 0; i < 60'000; ++i) {
    const std::string key = std::to_string(i);
    test.store.put(key, test.store.hash(key),
                   {.value = Ref<CacheValue>::adopt(new Watch(test, is_watching, between)),
                    .life = {.fresh_until = kOrigin + 1h, .stale_until = kOrigin + 1h},
                    .now = kOrigin,
                    .weight = 16});
  }
  is_watching = true;
  CHECK(test.put("large", 7, 1h, 0ns, (1 << 16) - 16) != 0);
  is_watching = false;
  CHECK(number_in(test.find("large")) == 7);
  CHECK(between > 2'000);
  CHECK(test.store.stats().bytes <= 1 << 20);
}

TEST_CASE("Keys of all lengths are found, and the places of one length serve another") {
  StoreInTest test({.max_entries = 20'000, .shards = 1});
  const auto key_of = [](int i, std::size_t size) {
    std::string key = std::to_string(100'000 + i);
    key.resize(size, '.');
    return key;
  };
  std::size_t most = 0;
  for (const std::size_t size : {6u, 20u, 7u, 64u, 65u, 8u, 300u, 40u, 20u}) {
    for (int i = 0; i < 40'000; ++i) {
      test.put(key_of(i, size), i);
      REQUIRE(number_in(test.find(key_of(i, size))) == i);
    }
    most = std::max(most, test.store.overhead_bytes());
  }
  CHECK(test.store.stats().entries == 20'000);
  CHECK(most <= 20'000 * 200);
}

TEST_CASE("A value that replaces another may weigh more, and the bounds hold") {
  StoreInTest test({.max_entries = 1'000, .max_bytes = 16'000, .shards = 1});
  for (int i = 0; i < 1'000; ++i) test.put(std::to_string(i), i, 1h, 0ns, 10);
  for (int i = 0; i < 1'000; ++i) {
    CHECK(test.put(std::to_string(i % 50), i, 1h, 0ns, 900) != 0);
    CHECK(number_in(test.find(std::to_string(i % 50))) == i);
    CHECK(test.store.stats().bytes <= 16'000);
  }
}

// Everything is counted: entries, tables, and what malloc adds.
TEST_CASE("An entry takes at most 96 bytes beside its value and its key") {
  for (const std::size_t size : {8u, 20u, 40u}) {
    // Where the tables are fullest, where they have just doubled, and as they come.
    for (const int entries : {16'384, 28'673, 32'769, 100'000}) {
      StoreInTest test(
          {.max_entries = static_cast<std::size_t>(entries), .shards = entries < 50'000 ? 1u : 8u});
      for (int i = 0; i < entries + entries / 5; ++i) {
        std::string key = std::to_string(1'000'000 + i);
        key.resize(size, '.');
        test.put(key, i);
      }
      CAPTURE(size);
      CAPTURE(entries);
      const auto held = static_cast<double>(test.store.stats().entries);
      CHECK(held > 0.99 * entries);
      CHECK(static_cast<double>(test.store.overhead_bytes()) / held <= 96);
    }
  }
}

}  // namespace
}  // namespace tidegate::internal
