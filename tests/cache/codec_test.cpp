// SPDX-License-Identifier: Apache-2.0
// Values of the user's types through a tier, on the threads of production.
#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include "cache/envelope.hpp"
#include "cache/process_cache.hpp"
#include "support/child.hpp"
#include "support/event.hpp"
#include "support/manual_operation.hpp"
#include "support/memory_kv.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate {

namespace {
struct Price {
  int euros = 0;
};
struct Opaque {};
std::atomic<std::thread::id> decoded_on;
}  // namespace

template <>
struct CacheCodec<Price> {
  static constexpr std::uint8_t kId = 200;
  static std::string encode(const Price& price) {
    if (price.euros < 0) throw std::out_of_range("no price is below zero");
    return std::to_string(price.euros);
  }
  static std::optional<Price> decode(std::string_view bytes) {
    decoded_on = std::this_thread::get_id();
    if (bytes == "broken") return std::nullopt;
    return Price{std::stoi(std::string(bytes))};  // throws where it is no number
  }
};

namespace {

using namespace std::chrono_literals;
using internal::CacheHome;

// As patient as a loaded machine needs.
const CacheOptions kOptions =
    CacheOptions().name("typed").redis("redis://nowhere.invalid").redis_timeout(1min);

// A cache of one process of several, all in this one.
template <class V>
class Process {
 public:
  explicit Process(const std::shared_ptr<test::MemoryStore>& store,
                   const CacheOptions& options = kOptions)
      : home_(std::make_shared<CacheHome>(options, internal::HasCodec<V>, [store](const auto&) {
          return std::make_shared<test::MemoryKv>(store, internal::Runtime::current().shard());
        })) {}

  template <class F>
  Operation<Answer<V>> get_or_load(const std::string& key, F loader) const {
    return Operation<Answer<V>>(internal::get_or_load(
        *home_, key, std::make_shared<internal::TypedLoader<V, F>>(std::move(loader)), {},
        std::make_unique<internal::TypedHitResult<V>>()));
  }
  CacheHome& home() const { return *home_; }

 private:
  std::shared_ptr<CacheHome> home_;
};

template <class V, class F>
void is_shared(F load) {
  const auto store = std::make_shared<test::MemoryStore>();
  const Process<V> first(store);
  const Process<V> second(store);
  REQUIRE(first.get_or_load("k", load).wait().ok());
  REQUIRE(test::eventually([&] { return store->written == 1; }));
  std::atomic<int> loads{0};
  const auto restored = second.get_or_load("k", [&] {
    ++loads;
    return load();
  });
  REQUIRE(restored.wait().ok());
  CHECK(restored.wait()->source == Source::kCached);
  CHECK(loads == 0);
}

TEST_CASE("Bytes and strings are shared as they are, other types by their codec") {
  is_shared<Bytes>([] { return Bytes::copy_of("value"); });
  is_shared<std::string>([] { return std::string("value"); });
  is_shared<Price>([] { return Price{5}; });
  // Not on the thread of the loop, which is this process' only other one here.
  std::atomic<std::thread::id> loop;
  test::Event told;
  struct Where final : internal::Message {
    void run() noexcept override {
      *id = std::this_thread::get_id();
      done->set();
    }
    std::atomic<std::thread::id>* id = nullptr;
    const test::Event* done = nullptr;
  } where;
  where.id = &loop;
  where.done = &told;
  REQUIRE(internal::Runtime::current().shard().post(where));
  REQUIRE(told.wait());
  CHECK(decoded_on.load() != loop.load());
}

TEST_CASE("Bytes that the codec refuses, throws over, or does not know are loaded anew") {
  for (const auto& [payload, codec] : {std::pair("broken", 200), {"no number", 200}, {"7", 3}}) {
    CAPTURE(payload);
    const auto store = std::make_shared<test::MemoryStore>();
    const Process<Price> first(store);
    const Process<Price> second(store);
    REQUIRE(first.get_or_load("k", [] { return Price{1}; }).wait().ok());
    REQUIRE(test::eventually([&] { return store->written == 1; }));
    store->spoil(*internal::seal(
        {.key = "k", .payload = payload, .codec = static_cast<std::uint8_t>(codec), .life = 1h}));
    const auto anew = second.get_or_load("k", [] { return Price{2}; });
    CHECK(anew.wait()->value.euros == 2);
  }
}

TEST_CASE("What encode() throws fails the load, wherever that runs") {
  const Process<Price> process(std::make_shared<test::MemoryStore>());
  test::ManualOperation<Price> later;
  const auto in_callback = process.get_or_load("later", [&] { return later.operation(); });
  later.end(Price{-1});
  const auto on_thread = process.get_or_load("at once", [] { return Price{-1}; });
  for (const auto& failed : {in_callback, on_thread}) {
    CHECK(failed.wait().status().cause() == Cause::kCallableFailed);
    CHECK(failed.wait().status().message().find("no price is below zero") != std::string::npos);
  }
}

TEST_CASE("What is put is written, too") {
  const auto store = std::make_shared<test::MemoryStore>();
  const Process<std::string> first(store);
  const Process<std::string> second(store);
  REQUIRE(first.get_or_load("other", [] { return "x"; }).wait().ok());
  REQUIRE(test::eventually([&] { return store->written == 1; }));
  internal::put(first.home(), "k", new internal::TypedValue<std::string>("put"), 10,
                internal::encoded(std::string("put")), {});
  REQUIRE(test::eventually([&] { return store->written == 2; }));
  CHECK(second.get_or_load("k", [] { return "loaded"; }).wait()->value == "put");
}

TEST_CASE("An invalidation of one process is heard by the other") {
  const auto store = std::make_shared<test::MemoryStore>();
  const Process<std::string> first(store);
  const Process<std::string> second(store);
  for (const auto* process : {&first, &second}) {
    REQUIRE(process->get_or_load("k", [] { return "old"; }).wait().ok());
  }
  internal::invalidate(first.home(), "k", 0, false);
  REQUIRE(test::eventually([&] {
    const auto hit = internal::get(second.home(), "k", true);
    if (hit) hit->value->unref();  // it came with a reference
    return !hit;
  }));
  CHECK(second.get_or_load("k", [] { return "new"; }).wait()->value == "new");
}

TEST_CASE("A cache that cannot work says so before anything is asked of anybody") {
  const TypedCache<std::string> bad(CacheOptions().redis("http://wrong"));
  const TypedCache<Opaque> none(CacheOptions().redis("redis://localhost"));
  CHECK(bad.status().cause() == Cause::kConfig);
  CHECK(none.status().cause() == Cause::kConfig);
  CHECK(none.status().message().find("CacheCodec") != std::string::npos);
  const auto refused = bad.get_or_load("k", [] { return "never"; });
  CHECK(refused.done());
  CHECK(refused.wait().status().cause() == Cause::kConfig);
  CHECK(none.get_or_load("k", [] { return Opaque(); }).wait().status().cause() == Cause::kConfig);
  CHECK(bad.put("k", "v") == 0);
  CHECK_FALSE(bad.peek("k").has_value());
  CHECK_FALSE(bad.invalidate("k"));
  bad.invalidate_all();
  CHECK(TypedCache<Opaque>().status().ok());
}

TEST_CASE("What expires is stale at once, and serves where the load fails") {
  const TypedCache<int> cache;
  const auto fails = [] { return Result<int>(Status(Cause::kEngineUnavailable, "down")); };
  for (const bool all : {false, true}) {
    cache.put("k", 1);
    if (all) {
      cache.expire_all();
    } else {
      CHECK(cache.expire("k"));
    }
    CHECK_FALSE(cache.get("k").has_value());
    const auto stale = cache.get_or_load("k", fails);
    CHECK(stale.wait()->value == 1);
    CHECK(stale.wait()->source == Source::kStale);
  }
}

TEST_CASE("A key that is refreshed is there without being asked for, and a fork is possible") {
  const TypedCache<int> cache;
  // The last run may go on after the test.
  const auto counter = std::make_shared<std::atomic<int>>(0);
  std::atomic<int>& loads = *counter;
  CacheRefresh handle = cache.refresh_every("k", [counter] { return ++*counter; }, 5ms);
  REQUIRE(test::eventually([&] { return loads > 3; }));
  CHECK(cache.peek("k").has_value());
  REQUIRE(test::eventually([] { return quiesce(); }));
  CHECK(test::in_child([&] {
          const int before = loads;
          CHECK_FALSE(cache.peek("k").has_value());
          if (!cache.get_or_load("other", [] { return 1; }).wait().ok()) return 1;
          handle.stop();
          return loads == before ? 0 : 2;
        }) == 0);
  const int before = loads;
  REQUIRE(test::eventually([&] { return loads > before; }));
  handle.stop();
}

}  // namespace
}  // namespace tidegate
