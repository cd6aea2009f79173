// SPDX-License-Identifier: Apache-2.0
//
// A page: four calls at once under one deadline, of which one is too slow and one fails. Nothing of
// that fails the page. At the end, what was counted.
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <tidegate/tidegate.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

// 1,000 cars in a file of their own, written through a lane that may write.
class Cars {
 public:
  explicit Cars(tg::Executor& ex) {
    auto writer = ex.sqlite(path, tg::SqliteOptions().writable().concurrency(1).name("setup"));
    made = writer
               .query(
                   "CREATE TABLE cars AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                   " FROM n LIMIT 1000) SELECT i AS id, i * 37 % 1000 * 50 AS price FROM n")
               .start()
               .wait()
               .status();
  }
  ~Cars() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  Cars(const Cars&) = delete;
  Cars& operator=(const Cars&) = delete;

  const std::string path =
      std::filesystem::temp_directory_path() /
      ("tidegate-page-" + std::to_string(tg::Deadline::now().time_since_epoch().count()) + ".db");
  tg::Status made;
};

template <class T>
void show(const char* what, const tg::Result<tg::Answer<T>>& answer) {
  std::cout << what << ": ";
  if (!answer.ok()) {
    std::cout << answer.status().to_string() << '\n';
  } else if (answer->degraded()) {
    std::cout << tg::source_name(answer->source) << ", because "
              << tg::cause_info(answer->reason.cause()).name << '\n';
  } else {
    std::cout << tg::source_name(answer->source) << '\n';
  }
}

}  // namespace

int main() {
  tg::Executor ex;
  const Cars cars(ex);
  if (!cars.made.ok()) {
    std::cerr << cars.made.to_string() << '\n';
    return 1;
  }
  auto db = ex.sqlite(cars.path, tg::SqliteOptions().name("cars"));
  auto rates = ex.callables("rates", 2);

  tg::Page page(10s);
  auto newest = page.add(
      db.query("SELECT * FROM cars ORDER BY id DESC LIMIT ?", tg::Params().add(std::int64_t{4})));
  auto report = page.add(db.query("SELECT count(*) FROM cars a, cars b, cars c, cars d")
                             .timeout(100ms)
                             .label("report")
                             .fallback(tg::Rows{}));
  auto euro = page.add(rates.call([] { return 1.17; }).timeout(5s).fallback(1.0));
  auto yen =
      page.add(rates.call([]() -> double { throw std::runtime_error("no such rate"); })
                   .fallback_call([](const tg::Status&) -> tg::Result<double> { return 0.0; }));
  page.wait();

  show("newest", newest.wait());
  show("report", report.wait());
  show("euro", euro.wait());
  show("yen", yen.wait());
  std::cout << newest.wait()->value.size() << " cars, the first has id "
            << newest.wait()->value[0]["id"].integer() << '\n';

  const tg::Stats now = tg::stats();
  std::cout << "submitted to cars: " << now.value("executor.cars.submitted").value_or(0)
            << ", given up at their deadline: "
            << now.value("executor.cars.settled.deadline").value_or(0) << '\n';
}
