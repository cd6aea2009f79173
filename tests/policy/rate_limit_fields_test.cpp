// SPDX-License-Identifier: Apache-2.0
#include "policy/rate_limit_fields.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/ports/rng.hpp"

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow = std::chrono::sys_days{std::chrono::year(2026) / 11 / 28};

std::optional<Duration> left(std::initializer_list<Headers::Field> fields) {
  Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return nothing_left_for(headers, kNow);
}

TEST_CASE("NothingLeftIsReadInEachFormOfTheFamily") {
  CHECK(left({{"RateLimit", R"("hour";r=0;t=1200)"}}) == 1200s);
  CHECK(left({{"ratelimit", R"("hour"; r=0 ; t=1200; pk=:YWJj:)"}}) == 1200s);
  CHECK(left({{"RateLimit", "limit=100, remaining=0, reset=7"}}) == 7s);
  CHECK(left({{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "7"}}) == 7s);
  CHECK(left({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "7.5"}}) == 7500ms);
  CHECK(left({{"x-rate-limit-remaining", "0"}, {"x-rate-limit-reset", "7"}}) == 7s);
}

TEST_CASE("AResetMayBeATime") {
  const auto seconds = std::to_string(kNow.time_since_epoch().count() + 30);
  CHECK(left({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", seconds}}) == 30s);
  CHECK(left({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", seconds + "000"}}) == 30s);
  const auto past = std::to_string(kNow.time_since_epoch().count() - 30);
  CHECK(left({{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", past}}) == 0s);
  CHECK(left({{"X-RateLimit-Remaining", "0"},
              {"X-RateLimit-Reset-After", "1.25"},
              {"X-RateLimit-Reset", seconds}}) == 1250ms);
}

TEST_CASE("OfSeveralPoliciesTheLongestThatIsSpentCounts") {
  CHECK(left({{"RateLimit", R"("a";r=5;t=90, "b";r=0;t=3, "c;t=99,r=0";r=0;t=8)"}}) == 8s);
  CHECK(left({{"RateLimit", R"("a";r=0;t=3)"}, {"RateLimit", R"("b";r=0;t=4)"}}) == 4s);
  CHECK(left({{"RateLimit", R"("a";r=0;t=3)"},
              {"X-RateLimit-Remaining", "0"},
              {"X-RateLimit-Reset", "9"}}) == 9s);
}

TEST_CASE("WhereSomethingIsLeftOrCannotBeReadThereIsNoWait") {
  CHECK_FALSE(left({}));
  CHECK_FALSE(left({{"RateLimit", R"("a";r=1;t=90)"}}));
  CHECK_FALSE(left({{"RateLimit", R"("a";t=90)"}}));
  CHECK_FALSE(left({{"RateLimit", R"("a";r=0)"}}));
  CHECK_FALSE(left({{"RateLimit", R"("r=0;t=5)"}}));
  CHECK_FALSE(left({{"RateLimit-Policy", R"("a";q=0;w=90)"}}));
  CHECK_FALSE(left({{"X-RateLimit-Remaining", "0"}}));
  CHECK_FALSE(left({{"X-RateLimit-Reset", "9"}}));
  for (const char* none : {"", " ", "-1", "nan", "inf", "0x10", "1e3", "soon", "1 2"}) {
    CAPTURE(none);
    CHECK_FALSE(left({{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", none}}));
    CHECK_FALSE(left({{"RateLimit-Remaining", none}, {"RateLimit-Reset", "9"}}));
  }
  CHECK(left({{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "900000000"}}) == 365 * 24h);
}

TEST_CASE("WhatAServerAsksForCountsBeforeWhatItsLimitsSay") {
  Headers headers;
  headers.add("RateLimit", R"("a";r=0;t=9)");
  CHECK(asked_wait(headers, 429, kNow) == 9s);
  CHECK(asked_wait(headers, 503, kNow) == 9s);
  CHECK_FALSE(asked_wait(headers, 200, kNow));
  headers.add("Retry-After", "3");
  CHECK(asked_wait(headers, 429, kNow) == 3s);
  CHECK(asked_wait(headers, 200, kNow) == 3s);
  headers.add("retry-after-ms", "250");
  CHECK(asked_wait(headers, 429, kNow) == 250ms);
}

TEST_CASE("AnyBytesAreReadWithoutHarm") {
  internal::Rng rng(1);
  constexpr std::string_view kLetters = "\"\\;,=rt0 9.-eaR\x01\xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string value;
    const auto size = rng.below(24);
    for (std::uint64_t at = 0; at < size; ++at) value += kLetters[rng.below(kLetters.size())];
    const auto wait =
        left({{"RateLimit", value}, {"RateLimit-Remaining", "0"}, {"RateLimit-Reset", value}});
    if (wait) CHECK(*wait >= 0s);
  }
}

}  // namespace
}  // namespace tidegate::policy
