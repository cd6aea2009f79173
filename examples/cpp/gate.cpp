// SPDX-License-Identifier: Apache-2.0
//
// Gate: who may call a service now. At most five starts in a second, two calls at once, and a
// breaker.
//
//   c++ -std=c++20 gate.cpp $(pkg-config --cflags --libs tidegate)
#include <chrono>
#include <iostream>
#include <string>
#include <tidegate/gate.hpp>

using namespace std::chrono_literals;

int main() {
  const tidegate::Gate gate(tidegate::GateOptions("encar").strict(5, 1s).concurrency(2).breaker(
      tidegate::BreakerOptions().consecutive(3)));

  const auto entering = gate.acquire(10s);
  auto permit = entering.wait();
  if (!permit.ok()) return 1;  // permit.status() says why
  std::cout << "inside: " << gate.stats().inside << " of " << gate.stats().concurrency << '\n';
  permit->http_status(200);

  // By a function: its value, or why it may not be called. It waits for its turn.
  const auto price = gate.call(10s, [] { return 4200; });
  std::cout << "price: " << *price << '\n';

  // A start that is 0.2 s away is too far for who has 1 ms.
  const auto late = gate.call(1ms, [] { return 4200; });
  std::cout << "late: " << tidegate::cause_info(late.status().cause()).name << '\n';

  // "Too many requests, come again in 30 s" puts off all.
  auto told = gate.acquire(10s).wait();
  if (told.ok()) told->http_status(429, 30s);
  const auto refused = gate.acquire(10s).wait();
  std::cout << "told to wait: " << (refused.status().retry_after() > 29s) << '\n';
}
