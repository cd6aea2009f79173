// SPDX-License-Identifier: Apache-2.0
//
// A database behind a gate: after three failures in a row its breaker is open, and queries have
// their fallback at once.
//
//   c++ -std=c++20 lane_gate.cpp $(pkg-config --cflags --libs tidegate)
#include <chrono>
#include <iostream>
#include <string>
#include <tidegate/query.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

int main() {
  const std::string path = "/nowhere/warehouse.db";
  tg::Executor ex;

  const tg::BreakerOptions breaker = tg::BreakerOptions().consecutive(3).open_for(1h, 1h);
  const tg::Gate warehouse(tg::GateOptions("warehouse").breaker(breaker));
  auto db = ex.sqlite(path, tg::SqliteOptions().gate(warehouse));

  for (int i = 0; i < 4; ++i) {
    const auto cars = db.query("SELECT * FROM cars").fallback(tg::Rows{}).start().wait();
    if (!cars.ok()) return 1;
    std::cout << tg::source_name(cars->source) << ", because of "
              << tg::cause_info(cars->reason.cause()).name << '\n';
  }
  std::cout << "asked: " << warehouse.stats().granted << '\n';
}
