// SPDX-License-Identifier: Apache-2.0
// Queries behind a cache: cached call, then fallback, then the callable that makes one.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <atomic>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "query/query_key.hpp"
#include "support/database.hpp"
#include "support/event.hpp"
#include "support/redis_server.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/query.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::eventually;

namespace {

using Results = TypedCache<Rows>;

constexpr auto kCount = "SELECT count(*) AS n FROM cars WHERE price > :price";

struct CarsInTest {
  test::TempDatabase file;
  Executor ex;
  Database db = ex.sqlite(file.path());

  Query count(int price = 0) const { return db.query(kCount, Params().set("price", price)); }
};

// Nobody reads the file until it is released.
class Locked {
 public:
  explicit Locked(const std::string& path) {
    REQUIRE(sqlite3_open(path.c_str(), &connection_) == SQLITE_OK);
    REQUIRE(sqlite3_exec(connection_, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  ~Locked() { release(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  void release() { sqlite3_close(std::exchange(connection_, nullptr)); }

 private:
  sqlite3* connection_ = nullptr;
};

std::int64_t number_in(const Result<Answer<Rows>>& answer) {
  REQUIRE(answer.ok());
  return answer->value.at(0, 0).integer();
}

Source source_of(const Result<Answer<Rows>>& answer) {
  REQUIRE(answer.ok());
  return answer->source;
}

}  // namespace

TEST_CASE("AQueryBehindACacheIsQueriedOnceAndSaysHowOldItsAnswerIs") {
  const CarsInTest cars;
  const Results results(CacheOptions().ttl(1h));
  const auto first = cars.count().cache(results).start().wait();
  CHECK(source_of(first) == Source::kFresh);
  CHECK(number_in(first) == 100);
  cars.file.execute("DELETE FROM cars");
  const auto second = cars.count().cache(results).start().wait();
  CHECK(source_of(second) == Source::kCached);
  CHECK(number_in(second) == 100);
  CHECK(second->version != 0);
  CHECK(second->age >= Duration::zero());
  CHECK(results.stats().puts == 1);
  CHECK(number_in(cars.count().start().wait()) == 0);
}

TEST_CASE("OtherParametersOtherSqlAndAnotherFileAreOtherAnswers") {
  const CarsInTest cars;
  const test::TempDatabase other_file(7);
  Executor ex;
  const Database other = ex.sqlite(other_file.path());
  const Results results(CacheOptions().ttl(1h));
  CHECK(number_in(cars.count(0).cache(results).start().wait()) == 100);
  CHECK(number_in(cars.count(50'000).cache(results).start().wait()) == 50);
  CHECK(number_in(cars.db.query("SELECT 3").cache(results).start().wait()) == 3);
  const auto elsewhere = other.query(kCount, Params().set("price", 0));
  CHECK(number_in(Query(elsewhere).cache(results).start().wait()) == 7);
  CHECK(results.stats().entries == 4);
}

TEST_CASE("AQueryIsForgottenByItsKey") {
  const CarsInTest cars;
  const Results results(CacheOptions().ttl(1h));
  const auto key = cars.db.key(kCount, Params().set("price", 0));
  (void)cars.count().cache(results).start().wait();
  cars.file.execute("DELETE FROM cars");
  CHECK(results.invalidate(key));
  const auto after = cars.count().cache(results).start().wait();
  CHECK(source_of(after) == Source::kFresh);
  CHECK(number_in(after) == 0);
}

TEST_CASE("AQueryThatFailsIsAnsweredWithTheStaleRowsAndTheReason") {
  const CarsInTest cars;
  const Results results(CacheOptions().ttl(1h));
  (void)cars.count().cache(results).start().wait();
  cars.file.execute("DROP TABLE cars");
  results.expire_all();
  const auto answer = cars.count().cache(results).fallback(Rows()).start().wait();
  CHECK(source_of(answer) == Source::kStale);
  CHECK(number_in(answer) == 100);
  CHECK(answer->reason.cause() == Cause::kQueryError);
  CHECK(answer->degraded());
}

TEST_CASE("AFallbackAnswersWhereThereIsNeitherAFreshNorAStaleValueAndIsNotKept") {
  const CarsInTest cars;
  const Results results;
  const auto broken = [&] { return cars.db.query("SELECT nothing").cache(results); };
  const auto answer = broken().fallback(Rows()).start().wait();
  CHECK(source_of(answer) == Source::kDefault);
  CHECK(answer->value.empty());
  CHECK(answer->reason.cause() == Cause::kQueryError);
  CHECK(answer->timings.settled_at >= answer->timings.submitted);
  CHECK(broken().start().wait().status().cause() == Cause::kQueryError);
  CHECK(results.stats().puts == 0);
}

TEST_CASE("AFallbackCallableRunsOnlyWhereTheCacheHasNothing") {
  const CarsInTest cars;
  const Results results(CacheOptions().ttl(1h));
  std::atomic<int> runs{0};
  const auto make = [&runs](const Status& why) -> Result<Rows> {
    ++runs;
    CHECK(why.cause() == Cause::kQueryError);
    Rows::Builder rows({"n"});
    rows.append(std::int64_t{-1});
    return std::move(rows).build();
  };
  (void)cars.count().cache(results).fallback_call(make).start().wait();
  cars.file.execute("DROP TABLE cars");
  CHECK(source_of(cars.count().cache(results).fallback_call(make).start().wait()) ==
        Source::kCached);
  results.expire_all();
  CHECK(source_of(cars.count().cache(results).fallback_call(make).start().wait()) ==
        Source::kStale);
  CHECK(runs == 0);
  results.invalidate_all();
  const auto made = cars.count().cache(results).fallback_call(make).start().wait();
  CHECK(source_of(made) == Source::kDefault);
  CHECK(number_in(made) == -1);
  CHECK(runs == 1);
}

TEST_CASE("AQueryThatIsLateForItsCallersGoesOnForTheCache") {
  const test::TempDatabase file;
  Executor ex;
  const Database db = ex.sqlite(file.path(), SqliteOptions().busy_timeout(1min));
  const Results results(CacheOptions().ttl(1h));
  const auto count = db.query(kCount, Params().set("price", 0)).cache(results);
  Locked locked(file.path());
  auto first = count.start();
  REQUIRE(eventually([&] { return db.stats().running == 1; }));
  const auto late = Query(count).timeout(1ms).fallback(Rows()).start().wait();
  CHECK(source_of(late) == Source::kDefault);
  CHECK(late->reason.cause() == Cause::kDeadline);
  first.cancel();
  CHECK(first.wait().status().cause() == Cause::kCancelled);
  locked.release();
  const auto key = db.key(kCount, Params().set("price", 0));
  REQUIRE(eventually([&] { return results.get(key).has_value(); }));
  CHECK(number_in(count.start().wait()) == 100);
  CHECK(results.stats().puts == 1);
}

TEST_CASE("TheRowsOfAQueryAreSharedOverRedis") {
  const test::RedisServer redis;
  const CarsInTest cars;
  const auto options =
      CacheOptions().name("queries-in-test").ttl(1h).redis(redis.url()).redis_timeout(10s);
  const Results one(options);
  const Results other(options);
  CHECK(number_in(cars.count().cache(one).start().wait()) == 100);
  REQUIRE(eventually([&] { return one.stats().tier.stored == 1; }));
  cars.file.execute("DROP TABLE cars");
  const auto answer = cars.count().cache(other).start().wait();
  CHECK(source_of(answer) == Source::kCached);
  CHECK(number_in(answer) == 100);
  CHECK(answer->value.columns() == std::vector<std::string>{"n"});
}

TEST_CASE("ManyWhoAskAtOnceAreOneQuery") {
  const CarsInTest cars;
  const Results results(CacheOptions().ttl(1h));
  std::vector<Operation<Answer<Rows>>> asked;
  for (int i = 0; i < 50; ++i) asked.push_back(cars.count().cache(results).start());
  for (auto& each : asked) CHECK(number_in(each.wait()) == 100);
  CHECK(results.stats().puts == 1);
}

TEST_CASE("ACancelledWaitForACachedQueryHasNoFallback") {
  const CarsInTest cars;
  const Results results;
  auto asked = cars.db.query(std::string(test::kEndlessSql)).cache(results);
  auto operation = asked.fallback(Rows()).start();
  operation.cancel();
  CHECK(operation.wait().status().cause() == Cause::kCancelled);
}

TEST_CASE("ACallMayWantAnotherTimeToLive") {
  const CarsInTest cars;
  const Results results(CacheOptions().ttl(1h));
  (void)cars.count().cache(results, LoadOptions().ttl(0s)).start().wait();
  CHECK(source_of(cars.count().cache(results).start().wait()) == Source::kFresh);
}

TEST_CASE("ACallableHasNoKeyOfItsOwn") {
  Executor ex;
  auto call = ex.callables("rows").call([] { return Rows(); });
  CHECK_THROWS_AS(call.cache(Results()), std::logic_error);
}

TEST_CASE("QueriesHaveOneKeyExactlyWhereTheyAskTheSame") {
  using internal::query_key;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string same = query_key("e", "q", Params().set("a", 1).set("b", "x"));
  CHECK(query_key("e", "q", Params().set("b", "x").set("a", 1)) == same);
  CHECK(query_key("e", "q", Params().add(nan)) == query_key("e", "q", Params().add(-nan)));

  const std::string empty;
  const Params given[] = {
      Params(),
      Params().add(std::monostate()),
      Params().add(std::int64_t{1}),
      Params().add(1.0),
      Params().add(0.0),
      Params().add(-0.0),
      Params().add(nan),
      Params().add(std::string("1")),
      Params().add(Bytes::copy_of("1")),
      Params().add(empty),
      Params().add(std::string("ab")).add(std::string("c")),
      Params().add(std::string("a")).add(std::string("bc")),
      Params().add(std::string("abc")),
      Params().add(std::string("abc")).add(empty),
      Params().add(empty).add(std::string("abc")),
      Params().add(std::int64_t{1}).add(std::int64_t{2}),
      Params().add(std::int64_t{2}).add(std::int64_t{1}),
      Params().set("a", 1),
      Params().set("a", 2),
      Params().set("b", 1),
      Params().set("a", "1"),
      Params().set("a", 1).set("b", 1),
      Params().set("a", "b").set("c", "d"),
      Params().set("ab", "c").set("c", "d"),
  };
  std::set<std::string> keys;
  std::size_t made = 0;
  for (const auto& [engine, sql] : {std::pair("e", "q"), {"eq", ""}, {"", "eq"}, {"e", "q "}}) {
    for (const Params& params : given) {
      keys.insert(query_key(engine, sql, params));
      ++made;
    }
  }
  CHECK(keys.size() == made);
}

TEST_CASE("AFileIsOneEngineByWhateverWayItIsNamedAndAMemoryIsItsOwn") {
  const test::TempDatabase file;
  Executor ex;
  const auto key = [&](const std::string& path) { return ex.sqlite(path).key("SELECT 1"); };
  CHECK(key(file.path()) == key(file.folder() + "/./" + file.path().substr(file.folder().size())));
  CHECK(key(file.path()) != key(file.path() + "x"));
  CHECK(key(":memory:") != key(":memory:"));
  const Database memory = ex.sqlite(":memory:");
  CHECK(memory.key("SELECT 1") == memory.key("SELECT 1"));
}
