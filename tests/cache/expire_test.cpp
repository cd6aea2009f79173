// SPDX-License-Identifier: Apache-2.0
// What the store keeps beside fresh values: what expired before its time, and what came from elsewhere.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "cache/store.hpp"

namespace tidegate::internal {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{100h};

struct StoreInTest {
  StoreInTest() : store({.seed = 1}, TimePoint{1h}) {}

  PutRequest request(int value, Duration ttl = 1h) const {
    return {.value = Ref<CacheValue>::adopt(new TypedValue<int>(value)),
            .life = {.fresh_until = kNow + ttl, .stale_until = kNow + ttl + 1h},
            .now = kNow,
            .weight = 1};
  }
  std::uint64_t put(const std::string& key, PutRequest what) {
    return store.put(key, store.hash(key), std::move(what));
  }
  Found find(const std::string& key) { return store.find(key, store.hash(key), kNow); }
  int value(const std::string& key) { return TypedValue<int>::of(*find(key).value); }

  Store store;
};

TEST_CASE("What expires is stale at once, to the end it had") {
  StoreInTest test;
  const std::uint64_t version = test.put("k", test.request(1));
  CHECK_FALSE(test.store.expire("k", version + 1));
  CHECK_FALSE(test.store.expire("other"));
  CHECK(test.find("k").fresh());
  CHECK(test.store.expire("k", version));
  CHECK(test.find("k").stale());
  CHECK(test.find("k").stale_until == kNow + 2h);
  test.put("k", test.request(2));
  CHECK(test.find("k").fresh());
}

TEST_CASE("All expires at once, and what is put after it is fresh") {
  StoreInTest test;
  for (int i = 0; i < 1000; ++i) test.put(std::to_string(i), test.request(i));
  test.store.expire_all();
  test.put("new", test.request(1));
  for (int i = 0; i < 1000; ++i) REQUIRE(test.find(std::to_string(i)).stale());
  CHECK(test.find("new").fresh());
}

TEST_CASE("What expires does not slide back") {
  StoreInTest test;
  for (const bool all : {false, true}) {
    PutRequest sliding = test.request(1);
    sliding.life.sliding = 1h;
    test.put("k", std::move(sliding));
    if (all) {
      test.store.expire_all();
    } else {
      test.store.expire("k");
    }
    CHECK(test.find("k").stale());
    CHECK(test.find("k").stale());
  }
}

TEST_CASE("That there is none is never stale") {
  StoreInTest test;
  for (const bool all : {false, true}) {
    PutRequest negative = test.request(1);
    negative.flags = kNegative;
    test.put("k", std::move(negative));
    CHECK(test.find("k").fresh());
    if (all) {
      test.store.expire_all();
    } else {
      test.store.expire("k");
    }
    CHECK(test.find("k").state == EntryState::kMiss);
  }
}

TEST_CASE("A load that began before its key expired is refused") {
  StoreInTest test;
  for (const bool all : {false, true}) {
    Fence fence;
    test.store.raise(fence, "k", test.store.hash("k"));
    if (all) {
      test.store.expire_all();
    } else {
      test.store.expire("k");
    }
    CHECK_FALSE(fence.stands());
    PutRequest late = test.request(1);
    late.fence = &fence;
    CHECK(test.put("k", std::move(late)) == 0);
    test.store.lower(fence);
  }
}

TEST_CASE("An interim value serves until the load behind the fence brings its own") {
  StoreInTest test;
  Fence fence;
  test.store.raise(fence, "k", test.store.hash("k"));
  PutRequest interim = test.request(1, 0h);
  interim.fence = &fence;
  interim.made_at = kNow - 30h;
  interim.is_interim = true;
  const std::uint64_t version = test.put("k", std::move(interim));
  CHECK(test.find("k").stale());
  CHECK(test.find("k").stored_at == kNow - 30h);
  PutRequest loaded = test.request(2);
  loaded.fence = &fence;
  CHECK(test.put("k", std::move(loaded)) > version);
  CHECK(test.value("k") == 2);
  test.store.lower(fence);
}

TEST_CASE("An interim value takes no place of a younger one, nor one behind a lowered fence") {
  StoreInTest test;
  test.put("k", test.request(1));
  Fence fence;
  test.store.raise(fence, "k", test.store.hash("k"));
  PutRequest older = test.request(2, 0h);
  older.fence = &fence;
  older.made_at = kNow - 1h;
  older.is_interim = true;
  CHECK(test.put("k", std::move(older)) == 0);
  CHECK(test.value("k") == 1);
  test.store.erase("k");
  PutRequest late = test.request(3, 0h);
  late.fence = &fence;
  late.is_interim = true;
  CHECK(test.put("k", std::move(late)) == 0);
  test.store.lower(fence);
}

}  // namespace
}  // namespace tidegate::internal
