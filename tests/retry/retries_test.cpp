// SPDX-License-Identifier: Apache-2.0
// The rules for calls that are not this library's.
#include <doctest/doctest.h>

#include <optional>

#include "tidegate/retry.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

Retries::Next failed(Retries& retries, int attempt, std::optional<Duration> asked = {},
                     Deadline deadline = Deadline::never()) {
  return retries.failed(attempt, "OSError", 2ms, asked, kStart, deadline);
}

TEST_CASE("EveryAttemptButTheLastIsFollowedByAPauseWithinItsBound") {
  Retries retries(RetryPolicy().attempts(3).backoff(100ms, 10s));
  for (const int attempt : {1, 2}) {
    const auto next = failed(retries, attempt);
    CHECK(next.again);
    CHECK(next.pause >= 0s);
    CHECK(next.pause <= 100ms * attempt);
  }
  const auto last = failed(retries, 3);
  CHECK_FALSE(last.again);
  CHECK(last.line == "attempt 3 of 3: OSError after 2 ms");
}

TEST_CASE("WhatTheOtherSideAsksForComesOnTopAndIsBounded") {
  Retries retries(RetryPolicy().backoff(0s, 0s).max_retry_after(60s));
  const auto next = failed(retries, 1, 5s);
  CHECK(next.pause == 5s);
  CHECK(next.line == "attempt 1 of 4: OSError after 2 ms, then a pause of 5 s");
  CHECK_FALSE(failed(retries, 1, 61s).again);
}

TEST_CASE("NoPauseReachesTheDeadline") {
  Retries retries(RetryPolicy().backoff(0s, 0s));
  CHECK(failed(retries, 1, 2s, Deadline::at(kStart + 3s)).again);
  const auto late = failed(retries, 1, 3s, Deadline::at(kStart + 2s));
  CHECK_FALSE(late.again);
  CHECK(late.line ==
        "attempt 1 of 4: OSError after 2 ms, the next would be in 3 s and 2 s are left");
}

TEST_CASE("AServerAsksInSecondsOrInMilliseconds") {
  const auto asked = [](const char* after, const char* ms, int status = 429) {
    return Retries::asked(Headers().add("Retry-After", after).add("retry-after-ms", ms), status);
  };
  CHECK(asked("5", "") == 5s);
  CHECK(asked("5", "20") == 20ms);
  CHECK(asked("5", "soon") == 5s);
  CHECK(asked("Thu, 01 Jan 1970 00:00:00 GMT", "") == 0s);
  CHECK(asked("", "") == std::nullopt);
  const Headers spent = Headers().add("RateLimit", R"("hour";r=0;t=5)");
  CHECK(Retries::asked(spent, 429) == 5s);
  CHECK(Retries::asked(spent, 200) == std::nullopt);
}

TEST_CASE("AllCallsShareOneBudget") {
  Retries retries(RetryPolicy().budget(0.5, 0, 1));
  CHECK(failed(retries, 1).again);
  const auto refused = failed(retries, 1);
  CHECK_FALSE(refused.again);
  CHECK(refused.line.find("the retry budget is used up") != std::string::npos);
  retries.call();
  CHECK_FALSE(failed(retries, 1).again);
  retries.call();
  CHECK(failed(retries, 1).again);
}

}  // namespace
}  // namespace tidegate
