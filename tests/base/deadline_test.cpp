// SPDX-License-Identifier: Apache-2.0

#include "tidegate/deadline.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace tidegate;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{1000s};

std::string message_of(std::string_view text) {
  const Result<Duration> result = parse_duration(text);
  CHECK_FALSE(result.ok());
  CHECK(result.status().cause() == Cause::kBadArgument);
  return std::string(result.status().message());
}

}  // namespace

TEST_CASE("ADeadlineWithoutATimeNeverPasses") {
  const Deadline never;
  CHECK(never.is_never());
  CHECK(never == Deadline::never());
  CHECK_FALSE(never.passed());
  CHECK(never.left() == Duration::max());
}

TEST_CASE("ADeadlinePassesAtItsTime") {
  const Deadline deadline = Deadline::after(15s, kStart);
  CHECK(deadline.time() == kStart + 15s);
  CHECK_FALSE(deadline.passed(kStart + 15s - 1ns));
  CHECK(deadline.passed(kStart + 15s));
  CHECK(deadline.left(kStart + 5s) == 10s);
  CHECK(deadline.left(kStart + 20s) == 0s);
}

TEST_CASE("ATimeoutOfZeroOrLessHasPassedAlready") {
  for (Duration timeout : {Duration(0), Duration(-1), Duration::min()}) {
    CHECK(Deadline::after(timeout, kStart).passed(kStart));
    CHECK(Deadline::after(timeout, kStart).left(kStart) == 0s);
  }
}

TEST_CASE("ATimeoutThatDoesNotFitTheClockNeverPasses") {
  CHECK(Deadline::after(Duration::max(), kStart).is_never());
  CHECK(Deadline::after(TimePoint::max() - kStart, kStart).is_never());
  CHECK_FALSE(Deadline::after(TimePoint::max() - kStart - 1ns, kStart).is_never());
}

TEST_CASE("WhatIsLeftNeverOverflows") {
  CHECK(Deadline::at(TimePoint::max() - 1ns).left(TimePoint::min()) == Duration::max());
  CHECK(Deadline::at(kStart).left(TimePoint(-5s)) == 1005s);
}

TEST_CASE("TheEarlierOfTwoDeadlinesBinds") {
  const Deadline page = Deadline::after(18s, kStart);
  const Deadline query = Deadline::after(15s, kStart);
  CHECK(page.earlier(query) == query);
  CHECK(query.earlier(page) == query);
  CHECK(query.earlier(Deadline::never()) == query);
  CHECK(query < page);
}

TEST_CASE("ADurationIsANumberAndAUnit") {
  struct Row {
    std::string_view text;
    Duration expected;
  };
  const Row rows[] = {
      {"15s", 15s},
      {"250ms", 250ms},
      {"1.5s", 1500ms},
      {"0s", 0s},
      {"40us", 40us},
      {"7ns", 7ns},
      {"2m", 2min},
      {"1.5h", 90min},
      {"1d", 24h},
      {"15 s", 15s},
      {"0.25 ms", 250us},
      {"007s", 7s},
      {"0.5ns", 0ns},
      {"1.0000000009s", 1s},
      {"0.1m", 6s},
      {"106751d", 24h * 106751},
      {"9223372036854775807ns", Duration::max()},
      {"9223372036.854775807s", Duration::max()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Result<Duration> result = parse_duration(row.text);
    REQUIRE(result.ok());
    CHECK(*result == row.expected);
  }
}

TEST_CASE("AnythingElseIsRefusedWithAReason") {
  struct Row {
    std::string_view text;
    std::string_view reason;
  };
  const Row rows[] = {
      {"15", "has no unit"},
      {"-1s", "is negative"},
      {"", "does not start with a number"},
      {"s", "does not start with a number"},
      {".5s", "does not start with a number"},
      {"1.s", "has no digit after the point"},
      {" 1s", "does not start with a number"},
      {"1s ", "has an unknown unit"},
      {"1  s", "has an unknown unit"},
      {"1S", "has an unknown unit"},
      {"1e3s", "has an unknown unit"},
      {"+1s", "does not start with a number"},
      {"1sec", "has an unknown unit"},
      {"inf", "does not start with a number"},
      {"106752d", "does not fit 292 years"},
      {"9223372036854775808ns", "does not fit 292 years"},
      {"9223372036.854775808s", "does not fit 292 years"},
      {"99999999999999999999999999s", "does not fit 292 years"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::string message = message_of(row.text);
    CAPTURE(message);
    CHECK(message.find("'" + std::string(row.text) + "'") != std::string::npos);
    CHECK(message.find(row.reason) != std::string::npos);
  }
  CHECK(message_of(std::string(100'000, '9')).size() < 200);
}

TEST_CASE("ADurationIsWrittenWithThreeDigitsAndTheNearestUnit") {
  struct Row {
    Duration duration;
    std::string_view expected;
  };
  const Row rows[] = {
      {15s, "15 s"},
      {250ms, "0.25 s"},
      {3ms, "3 ms"},
      {40us, "40 us"},
      {0ns, "0 s"},
      {99ns, "99 ns"},
      {100ns, "0.1 us"},
      {1500ms, "1.5 s"},
      {1062ms, "1.06 s"},
      {1005ms, "1.01 s"},
      {15234ms, "15.2 s"},
      {3600s, "3600 s"},
      {99'960ms, "100 s"},
      {99'999us, "100 ms"},
      {250us, "0.25 ms"},
      {-250ms, "-0.25 s"},
      {Duration::max(), "for ever"},
      {Duration::min(), "-9223372037 s"},
  };
  for (const Row& row : rows) CHECK(format_duration(row.duration) == row.expected);
}

TEST_CASE("WhatIsWrittenCanBeReadAgain") {
  for (Duration duration : {15s + 0ns, 250ms + 0ns, 3ms + 0ns, 40us + 0ns, 99ns}) {
    CHECK(parse_duration(format_duration(duration)).value_or(0ns) == duration);
  }
}
