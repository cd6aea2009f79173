// SPDX-License-Identifier: Apache-2.0
#include "policy/retry_after.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/ports/rng.hpp"

namespace tidegate::policy {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow = std::chrono::sys_days{std::chrono::year(1994) / 11 / 6} + 8h + 49min;

TEST_CASE("SecondsAreSecondsAndWhatIsNeitherANumberNorADateIsNothing [C9]") {
  CHECK(retry_after("0", kNow) == 0s);
  CHECK(retry_after(" 120\t", kNow) == 120s);
  CHECK(retry_after("1000000000000000000", kNow) == std::chrono::hours(365 * 24));
  CHECK(retry_after("99999999999999999999999999999", kNow) == std::chrono::hours(365 * 24));
  for (const char* none : {"", " ", "-1", "+1", "1.5", "1e3", "0x10", "soon", "1 2", "١"}) {
    CAPTURE(none);
    CHECK_FALSE(retry_after(none, kNow));
  }
}

TEST_CASE("MillisecondsAreMillisecondsInTheirOwnField [C9]") {
  CHECK(retry_after_ms("0") == 0ms);
  CHECK(retry_after_ms("250") == 250ms);
  CHECK(retry_after_ms("99999999999999999999") == std::chrono::hours(365 * 24));
  CHECK_FALSE(retry_after_ms("-1"));
  CHECK_FALSE(retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT"));
}

TEST_CASE("ADateIsTheTimeUntilItInAllThreeForms [C9]") {
  for (const char* date : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    CAPTURE(date);
    CHECK(retry_after(date, kNow) == 37s);
    CHECK(retry_after(date, kNow + 1h) == 0s);  // it has passed
    CHECK(retry_after(date, kNow - std::chrono::days(1000)) == std::chrono::hours(365 * 24));
  }
}

TEST_CASE("ADateThatIsNoneIsNothing [C9]") {
  for (const char* none : {"Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
                           "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Now 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
                           "Sun, 06 Nov 19940 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x",
                           "Sun Nov  6 08:49:37 1994 GMT", "06 Nov", ",", "Sun,"}) {
    CAPTURE(none);
    CHECK_FALSE(http_date(none, kNow));
  }
}

TEST_CASE("AYearOfTwoDigitsIsTheNearestOne") {
  const auto year_of = [](const char* text, int today) {
    const WallTime now = std::chrono::sys_days{std::chrono::year(today) / 1 / 1};
    const auto date = http_date(text, now);
    REQUIRE(date);
    return static_cast<int>(
        std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*date)).year());
  };
  CHECK(year_of("Sunday, 06-Nov-94 08:49:37 GMT", 2026) == 1994);
  CHECK(year_of("Sunday, 06-Nov-76 08:49:37 GMT", 2026) == 2076);
  CHECK(year_of("Sunday, 06-Nov-77 08:49:37 GMT", 2026) == 1977);
  CHECK(year_of("Sunday, 06-Nov-01 08:49:37 GMT", 2098) == 2101);
}

TEST_CASE("NoTextIsTooMuchForIt") {
  internal::Rng rng(9);
  const std::string letters = "SunNov 0619:48,-GMT\t\x01\xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (auto left = rng.below(40); left > 0; --left) text += letters[rng.below(letters.size())];
    const auto after = retry_after(text, kNow);
    if (after) CHECK((*after >= 0s && *after <= std::chrono::hours(365 * 24)));
  }
}

}  // namespace
}  // namespace tidegate::policy
