// SPDX-License-Identifier: Apache-2.0
#include "policy/backoff.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

TEST_CASE("TheBoundOfAPauseDoublesUpToTheLongest") {
  const Backoff backoff(100ms, 1s);
  const Duration bounds[] = {100ms, 200ms, 400ms, 800ms, 1s, 1s};
  for (int retry = 0; retry < 6; ++retry) CHECK(backoff.bound(retry) == bounds[retry]);
  CHECK(backoff.bound(1'000'000) == 1s);
  CHECK(Backoff(24h, 24h).bound(1'000'000) == 24h);
  CHECK(Backoff(0s, 10s).bound(1'000'000) == 0s);
  CHECK(Backoff(10s, 1s).bound(0) == 1s);
}

TEST_CASE("APauseIsDrawnEvenlyFromZeroToItsBound") {
  const Backoff backoff(100ms, 10s);
  internal::Rng rng(1);
  Duration shortest = 1h, longest = 0s, sum = 0s;
  constexpr int kDraws = 10'000;
  for (int i = 0; i < kDraws; ++i) {
    const Duration pause = backoff.draw(3, rng);
    shortest = std::min(shortest, pause);
    longest = std::max(longest, pause);
    sum += pause;
  }
  CHECK(shortest >= 0s);
  CHECK(shortest < 10ms);
  CHECK(longest <= 800ms);
  CHECK(longest > 790ms);
  CHECK(sum / kDraws > 380ms);
  CHECK(sum / kDraws < 420ms);
}

}  // namespace
}  // namespace tidegate::policy
