// SPDX-License-Identifier: Apache-2.0
// How often each user may ask: the front of a server, which answers 429 with the time to come back.
#include <iostream>
#include <string>

#include "tidegate/tidegate.hpp"

using namespace std::chrono_literals;

namespace {

std::string answer(const tidegate::KeyedLimiter& limiter, const std::string& user) {
  const tidegate::Verdict verdict = limiter.try_acquire(user);
  if (verdict) return "200";
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(verdict.retry_after());
  return "429, Retry-After: " + std::to_string(seconds.count());
}

}  // namespace

int main() {
  // Two requests at once and one each 30 s for each user; at most 10,000 users are remembered.
  const tidegate::KeyedLimiter limiter(
      tidegate::KeyedLimiterOptions("users").rate(2, 60s, 2).max_keys(10'000));
  if (!limiter.status().ok()) return 1;

  for (const char* const user : {"ann", "ann", "ann", "bob"}) {
    std::cout << user << ": " << answer(limiter, user) << '\n';
  }

  const auto turn = limiter.acquire("ann", 5s);  // refused at once: her turn comes later
  const tidegate::Status refused = turn.wait().status();
  std::cout << "ann: " << tidegate::cause_info(refused.cause()).name << '\n';

  const tidegate::KeyedLimiterStats stats = limiter.stats();
  std::cout << stats.keys << " users, " << stats.granted << " granted, " << stats.refused
            << " refused\n";
}
