// SPDX-License-Identifier: Apache-2.0
//
// Queries behind a cache: each is asked of the database once, whoever wants it; when the database
// cannot answer, what was there before does, and where there was nothing, the fallback.
#include <filesystem>
#include <iostream>
#include <string>
#include <tidegate/tidegate.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

void show(const char* when, const tg::Result<tg::Answer<tg::Rows>>& answer) {
  std::cout << when << ": ";
  if (!answer.ok()) {
    std::cout << tg::cause_info(answer.status().cause()).name << '\n';
    return;
  }
  std::cout << answer->value.size() << " cars, " << tg::source_name(answer->source);
  if (answer->degraded()) std::cout << ", because " << tg::cause_info(answer->reason.cause()).name;
  std::cout << '\n';
}

void run(const tg::Database& db, const char* sql) {
  const auto done = db.query(sql).start().wait();
  if (!done.ok()) std::cout << sql << ": " << done.status().message() << '\n';
}

}  // namespace

int main() {
  const auto path = std::filesystem::temp_directory_path() /
                    ("tidegate-" + std::to_string(tg::Deadline::now().time_since_epoch().count()));
  tg::Executor ex;
  const auto db = ex.sqlite(path, tg::SqliteOptions().writable());
  run(db, "CREATE TABLE cars (make TEXT)");
  run(db, "INSERT INTO cars VALUES ('Audi'), ('Audi'), ('Kia')");

  const std::string by_make = "SELECT * FROM cars WHERE make = :make";
  const auto audi = tg::Params().set("make", "Audi");
  const tg::TypedCache<tg::Rows> results(tg::CacheOptions().ttl(5min).stale_for(1h));
  const auto cars = db.query(by_make, audi).cache(results).fallback(tg::Rows{});

  show("first", cars.start().wait());
  run(db, "DELETE FROM cars");
  show("again", cars.start().wait());

  results.expire(db.key(by_make, audi));
  run(db, "DROP TABLE cars");
  show("broken", cars.start().wait());

  const auto kia = db.query(by_make, tg::Params().set("make", "Kia")).cache(results);
  show("broken, never asked", tg::Query(kia).fallback(tg::Rows{}).start().wait());
  std::filesystem::remove(path);
}
