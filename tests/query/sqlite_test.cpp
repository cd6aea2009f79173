// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/database.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "tidegate/metrics.hpp"
#include "tidegate/page.hpp"
#include "tidegate/query.hpp"

using namespace tidegate;
using namespace std::chrono_literals;
using test::TempDatabase;

namespace {

double ticks(const std::string& lane) {
  return stats().value("sqlite." + lane + ".progress_ticks").value_or(0);
}

std::string endless() { return std::string(test::kEndlessSql); }

Cause cause_of(const Database& db, std::string sql, Params params = {}) {
  return db.query(std::move(sql), std::move(params)).start().wait().status().cause();
}

// A process that dies in the middle of a transaction of which a part is on the disk already. What it
// leaves beside the file has to be read by whoever opens the file next.
void crash_a_writer(const TempDatabase& file) {
  const int code = test::in_child([&] {
    sqlite3* writer = nullptr;
    const char* sql = "PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE cars SET make = '?'";
    if (sqlite3_open(file.path().c_str(), &writer) != SQLITE_OK) return 1;
    if (sqlite3_exec(writer, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return 2;
    ::raise(SIGKILL);
    return 3;
  });
  REQUIRE(code == -1000 - SIGKILL);
}

// Runs `body` in a child that may read the database but not write it, whoever runs the test.
int in_child_that_only_reads(const TempDatabase& file, const std::function<int()>& body) {
  using std::filesystem::perms;
  for (const auto& each : std::filesystem::directory_iterator(file.folder())) {
    std::filesystem::permissions(each, perms(0444));
  }
  std::filesystem::permissions(file.folder(), perms(0555));
  const int code = test::in_child([&] {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::seteuid(kNobody) != 0) return -1;
    return body();
  });
  std::filesystem::permissions(file.folder(), perms(0700));
  return code;
}

}  // namespace

TEST_CASE("AQueryYieldsItsRows") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  auto answer = db.query("SELECT id, make, price FROM cars WHERE price <= :most ORDER BY id",
                         Params().set("most", 2000))
                    .start()
                    .wait();
  REQUIRE(answer.ok());
  const Rows& rows = answer->value;
  CHECK(rows.columns() == std::vector<std::string>{"id", "make", "price"});
  REQUIRE(rows.size() == 2);
  CHECK(rows[1]["make"].text() == "make 2");
  CHECK(rows[1]["price"].integer() == 2000);
  CHECK(rows[0]["nothing"].is_null());
  CHECK(rows[7][0].is_null());
}

TEST_CASE("EveryKindOfValueGoesInAndComesOut") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  const std::string odd("a\0'\"\xc3\xa9", 6);
  Params params;
  params.set("n", ParamValue())
      .set("i", ParamValue(std::int64_t{1} << 62))
      .set("r", ParamValue(0.5));
  params.set("t", ParamValue(odd)).set("b", ParamValue(Bytes::copy_of(odd)));
  auto answer = db.query("SELECT :n, @i, $r, :t, :b", params).start().wait();
  REQUIRE(answer.ok());
  const Row row = answer->value[0];
  CHECK(row[0].kind() == ValueKind::kNull);
  CHECK(row[1].integer() == std::int64_t{1} << 62);
  CHECK(row[2].real() == 0.5);
  CHECK(row[3].kind() == ValueKind::kText);
  CHECK(row[3].text() == odd);
  CHECK(row[4].kind() == ValueKind::kBytes);
  CHECK(row[4].text() == odd);
}

TEST_CASE("BadStatementsAndParametersAreRefusedWithTheirName") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  CHECK(cause_of(db, "SELEC 1") == Cause::kQueryError);
  CHECK(cause_of(db, "SELECT * FROM nothing") == Cause::kQueryError);
  CHECK(cause_of(db, "") == Cause::kBadArgument);
  CHECK(cause_of(db, "-- only a remark") == Cause::kBadArgument);
  CHECK(cause_of(db, "SELECT 1; SELECT 2") == Cause::kBadArgument);
  CHECK(cause_of(db, "SELECT 1; ") == Cause::kNone);
  CHECK(cause_of(db, "SELECT ?", Params().add(std::int64_t{1}).add(std::int64_t{2})) ==
        Cause::kBadArgument);
  CHECK(cause_of(db, std::string(2'000'000, ' ') + "SELECT 1") == Cause::kBadArgument);
  auto missing = db.query("SELECT :make, :model", Params().set("make", "Audi")).start().wait();
  CHECK(missing.status().message() == "no value for parameter 'model'");
  auto unknown =
      db.query("SELECT :make", Params().set("make", "Audi").set("colour", "red")).start().wait();
  CHECK(unknown.status().message() == "the statement has no parameter 'colour'");
}

TEST_CASE("ADatabaseIsReadOnlyUnlessAskedOtherwise") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  for (const char* sql :
       {"DELETE FROM cars", "CREATE TABLE t(x)", "INSERT INTO cars VALUES(1000, 'x', 1)"}) {
    CHECK(cause_of(db, sql) == Cause::kQueryError);
  }
  CHECK(cause_of(db, "ATTACH ':memory:' AS other") == Cause::kQueryError);
  auto writer = ex.sqlite(file.path(), SqliteOptions().writable().name("writer"));
  CHECK(cause_of(writer, "DELETE FROM cars WHERE id > 10") == Cause::kNone);
  CHECK(db.query("SELECT count(*) FROM cars").start().wait()->value[0][0].integer() == 10);
}

TEST_CASE("AChangedRowIsSeenByTheNextQuery") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path());
  const char* sql = "SELECT price FROM cars WHERE id = 1";
  CHECK(db.query(sql).start().wait()->value[0][0].integer() == 1000);
  file.execute("UPDATE cars SET price = 7 WHERE id = 1");
  CHECK(db.query(sql).start().wait()->value[0][0].integer() == 7);
}

TEST_CASE("AnEndlessQueryReallyStopsAtItsDeadline") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path(), SqliteOptions().name("endless"));
  double after = 0;
  // Where its thread takes longer to start than it has time, it never begins.
  for (Duration time = 50ms; after == 0; time *= 4) {
    auto answer = db.query(endless()).timeout(time).fallback(Rows()).start().wait();
    REQUIRE(answer.ok());
    CHECK(answer->source == Source::kDefault);
    CHECK(answer->reason.cause() == Cause::kDeadline);
    CHECK(db.stats().running == 0);
    REQUIRE(test::eventually([&] { return db.stats().zombies == 0; }));
    after = ticks("endless");
    REQUIRE((after > 0 || time < 20s));
  }
  CHECK(db.query("SELECT 1").start().wait().ok());
  CHECK(ticks("endless") == after);
}

TEST_CASE("ACancelledQueryReallyStops") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path(), SqliteOptions().name("cancelled"));
  auto operation = db.query(endless()).start();
  REQUIRE(test::eventually([&] { return ticks("cancelled") > 0; }));
  operation.cancel();
  CHECK(operation.wait().status().cause() == Cause::kCancelled);
  CHECK(test::eventually([&] { return db.stats().zombies == 0; }));
}

TEST_CASE("AThousandTimeoutsLeaveThreadsWithinPermitsAndCeiling") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path(), SqliteOptions().name("thousand"));
  std::vector<Operation<Answer<Rows>>> operations;
  for (int i = 0; i < 1000; ++i) {
    operations.push_back(db.query(endless())
                             .timeout(std::chrono::milliseconds(1 + i % 20))
                             .fallback(Rows())
                             .start());
  }
  for (auto& operation : operations) {
    auto answer = operation.wait();
    REQUIRE(answer.ok());
    CHECK(answer->source == Source::kDefault);
  }
  CHECK(db.stats().threads <= 4 + 8);
  CHECK(db.stats().running == 0);
  REQUIRE(test::eventually([&] { return db.stats().zombies == 0; }));
  CHECK(db.query("SELECT 1").start().wait().ok());
}

TEST_CASE("AnInterruptNeverHitsTheNextStatement") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path(), SqliteOptions().name("interrupts").concurrency(1));
  const int rounds = test::repeat(2'000, 100'000);
  int fresh = 0;
  for (int i = 0; i < rounds; ++i) {
    auto doomed = db.query("SELECT count(*) FROM cars").start();
    if (i % 3) std::this_thread::yield();
    doomed.cancel();
    auto next = db.query("SELECT count(*) FROM cars").start().wait();
    fresh += next.ok() ? 1 : 0;
    const Cause ended = doomed.wait().status().cause();
    REQUIRE((ended == Cause::kNone || ended == Cause::kCancelled));
  }
  CHECK(fresh == rounds);
}

TEST_CASE("AResultPastItsBoundsIsAnErrorNotAPart") {
  TempDatabase file;
  Executor ex;
  auto rows = ex.sqlite(file.path(), SqliteOptions().name("rows").max_rows(99));
  CHECK(cause_of(rows, "SELECT * FROM cars") == Cause::kTooLarge);
  CHECK(cause_of(rows, "SELECT * FROM cars LIMIT 99") == Cause::kNone);
  auto bytes = ex.sqlite(file.path(), SqliteOptions().name("bytes").max_bytes(1000));
  CHECK(cause_of(bytes, "SELECT * FROM cars") == Cause::kTooLarge);
  auto value = ex.sqlite(file.path(), SqliteOptions().name("value").max_value_bytes(1000));
  CHECK(cause_of(value, "SELECT length(replace(hex(zeroblob(400)), '0', 'aa'))") ==
        Cause::kTooLarge);
}

TEST_CASE("ALockedDatabaseIsBusyWithinItsBoundAndComesBack") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path(), SqliteOptions().busy_timeout(20ms));
  REQUIRE(db.query("SELECT 1 FROM cars").start().wait().ok());
  sqlite3* holder = nullptr;
  REQUIRE(sqlite3_open(file.path().c_str(), &holder) == SQLITE_OK);
  REQUIRE(sqlite3_exec(holder, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
  auto locked = db.query("SELECT 1 FROM cars").start().wait();
  CHECK(locked.status().cause() == Cause::kEngineBusy);
  CHECK(locked.status().retryable());
  sqlite3_exec(holder, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(holder);
  CHECK(db.query("SELECT 1 FROM cars").start().wait().ok());
}

TEST_CASE("ACancelEndsWaitingForALock") {
  TempDatabase file;
  Executor ex;
  auto db = ex.sqlite(file.path(), SqliteOptions().busy_timeout(1h));
  sqlite3* holder = nullptr;
  REQUIRE(sqlite3_open(file.path().c_str(), &holder) == SQLITE_OK);
  REQUIRE(sqlite3_exec(holder, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
  auto waiting = db.query("SELECT 1 FROM cars").timeout(1h).start();
  REQUIRE(test::eventually([&] { return db.stats().running == 1; }));
  waiting.cancel();
  CHECK(waiting.wait().status().cause() == Cause::kCancelled);
  CHECK(test::eventually([&] { return db.stats().zombies == 0; }));
  sqlite3_close(holder);
}

TEST_CASE("AMissingBrokenOrTruncatedFileIsTypedAndItsReturnIsNoticed") {
  TempDatabase file(5'000);
  const std::string safe = file.path() + ".safe";
  std::filesystem::copy_file(file.path(), safe);
  const auto restore = [&] {
    std::filesystem::copy_file(safe, file.path() + ".back");
    std::filesystem::rename(file.path() + ".back", file.path());
  };
  Executor ex;
  auto db = ex.sqlite(file.path());
  const auto count = [&] {
    return db.query("SELECT count(*), max(make) FROM cars").start().wait();
  };
  REQUIRE(count().ok());

  std::filesystem::remove(file.path());
  CHECK(count().status().cause() == Cause::kEngineUnavailable);
  restore();
  CHECK(count().ok());

  file.replace_with("this is no database, and long enough to be read as one: " +
                    std::string(4096, 'x'));
  CHECK(count().status().cause() == Cause::kEngineCorrupt);
  restore();
  CHECK(count().ok());

  std::filesystem::resize_file(file.path(), 8192);
  CHECK(!count().ok());
  restore();
  CHECK(count().ok());

  file.overwrite_with("garbage in the old file " + std::string(100'000, '\xff'));
  CHECK(!count().ok());
  restore();
  CHECK(count().ok());

  std::filesystem::remove(file.path());
  std::filesystem::create_directory(file.path());
  CHECK(count().status().cause() == Cause::kEngineUnavailable);
  std::filesystem::remove(file.path());
  restore();
  CHECK(count()->value[0][0].integer() == 5'000);
}

TEST_CASE("AFileThatACrashedWriterLeftIsUnavailableUntilItIsRolledBack") {
  TempDatabase file(5'000);
  Executor ex;
  auto db = ex.sqlite(file.path());
  const auto count = [&] {
    return db.query("SELECT count(*) FROM cars WHERE make LIKE 'make %'").start().wait();
  };
  REQUIRE(count().ok());
  crash_a_writer(file);
  REQUIRE(std::filesystem::file_size(file.path() + "-journal") > 0);
  const auto refused = count();
  CHECK(refused.status().cause() == Cause::kEngineUnavailable);
  CHECK(refused.status().retryable());
  CHECK(refused.status().message().find("until a connection that may write has opened it") !=
        std::string_view::npos);
  file.execute("SELECT count(*) FROM cars");
  auto whole = count();
  REQUIRE(whole.ok());
  CHECK(whole->value[0][0].integer() == 5'000);
}

TEST_CASE("AWriterThatMayNotWriteTheFileSeesItAsUnavailable") {
  TempDatabase file;
  CHECK(in_child_that_only_reads(file, [&] {
          Executor ex;
          auto db = ex.sqlite(file.path(), SqliteOptions().writable());
          if (!db.query("SELECT count(*) FROM cars").start().wait().ok()) return 1;
          return cause_of(db, "DELETE FROM cars") == Cause::kEngineUnavailable ? 0 : 2;
        }) == 0);
}

TEST_CASE("AFileThatIsRewrittenInPlaceUnderQueriesIsReadAgainOnceItIsWhole") {
  TempDatabase file(20'000);
  file.execute("CREATE INDEX by_make ON cars(make)");
  std::ifstream in(file.path(), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  Executor ex;
  auto db = ex.sqlite(file.path());
  const auto count = [&] {
    return db.query("SELECT count(*), max(make) FROM cars WHERE make > 'a'").start().wait();
  };
  const int rounds = test::repeat(20, 300);
  for (int round = 0; round < rounds; ++round) {
    std::atomic<bool> over{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        while (!over) (void)count();
      });
    }
    std::filesystem::resize_file(file.path(), 0);
    (void)count();
    std::ofstream out(file.path(), std::ios::binary | std::ios::trunc);
    for (std::size_t at = 0; at < whole.size(); at += 65'536) {
      out << whole.substr(at, 65'536) << std::flush;
    }
    out.close();
    over = true;
    for (auto& reader : readers) reader.join();
    for (int i = 0; i < 8; ++i) {
      auto answer = count();
      CAPTURE(answer.status().to_string());
      REQUIRE(answer.ok());
      REQUIRE(answer->value[0][0].integer() == 20'000);
    }
  }
}

TEST_CASE("APageOfQueriesRunsInParallelAndNoneFailsAnother") {
  TempDatabase file;
  std::size_t fresh = 0;
  for (Duration time = 200ms; fresh < 17; time *= 5) {  // a busy machine needs more for them all
    Executor ex;
    auto db = ex.sqlite(file.path(), SqliteOptions().name("parallel"));
    Page page(time);
    std::vector<Operation<Answer<Rows>>> good, late;
    for (int i = 0; i < 2; ++i)
      late.push_back(page.add(db.query(endless()).timeout(1h).fallback(Rows())));
    for (int i = 0; i < 17; ++i) {
      good.push_back(page.add(db.query("SELECT count(*) FROM cars").timeout(1h).fallback(Rows())));
    }
    page.wait();
    fresh = 0;
    for (auto& each : good) fresh += each.wait()->source == Source::kFresh ? 1U : 0U;
    for (auto& each : late) CHECK(each.wait()->source == Source::kDefault);
    CHECK(db.stats().running == 0);
    REQUIRE((fresh == 17 || time < 20s));
  }
}
