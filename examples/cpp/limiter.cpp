// SPDX-License-Identifier: Apache-2.0
// How often something may start: now or not at all, in turn, and after a "too many requests".
#include <iostream>

#include "tidegate/tidegate.hpp"

using namespace std::chrono_literals;

int main() {
  // At most 5 in any second, and 1,000 an hour on the long run.
  const tidegate::Limiter limiter(
      tidegate::LimiterOptions().name("encar").strict(5, 1s, 3).rate(1000, 1h, 100));
  if (!limiter.status().ok()) return 1;

  for (int i = 0; i < 3; ++i) {
    if (limiter.try_acquire()) std::cout << "starts at once\n";
  }

  const auto turn = limiter.acquire(10s);  // first come, first served
  const auto waited = turn.wait();
  std::cout << (waited.ok() ? "had its turn" : waited.status().to_string()) << '\n';

  limiter.penalize(30s);                  // the service said: 429, Retry-After: 30
  const auto late = limiter.acquire(5s);  // refused at once, without a wait
  const tidegate::Status refused = late.wait().status();
  std::cout << tidegate::cause_info(refused.cause()).name << ", again in "
            << tidegate::format_duration(refused.retry_after().value_or(0s)) << '\n';
}
