#include <iostream>
#include <tidegate/tidegate.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  auto endless = "WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT * FROM n) SELECT count(*) FROM n";
  tidegate::Executor ex;
  auto db = ex.sqlite(argc > 1 ? argv[1] : ":memory:");
  tidegate::Page page(18s);  // no call outlives its page
  auto car = page.add(db.query("SELECT :make AS make", tidegate::Params().set("make", "Audi")));
  auto slow = page.add(db.query(endless).timeout(200ms).fallback(tidegate::Rows{}));
  page.wait();  // 0.2 s: both have ended, and the endless query has really stopped
  for (const auto& op : {car, slow}) {
    auto answer = op.wait();  // a Result<Answer<Rows>>
    if (!answer.ok()) return 1;
    std::cout << tidegate::source_name(answer->source) << ", " << answer->value.size()
              << " rows: " << answer->reason.to_string() << '\n';
  }
}
