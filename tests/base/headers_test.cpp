// SPDX-License-Identifier: Apache-2.0
#include "tidegate/headers.hpp"

#include <doctest/doctest.h>

using tidegate::Headers;

TEST_CASE("AFieldIsFoundWhateverTheCaseOfItsName") {
  Headers headers;
  headers.add("Content-Type", "text/plain").add("X-Trace", "1");
  CHECK(headers.find("content-type") == "text/plain");
  CHECK(headers.find("CONTENT-TYPE") == "text/plain");
  CHECK(headers.contains("x-trace"));
  CHECK(!headers.contains("x-trac"));
  CHECK(!headers.contains("x-trace2"));
  CHECK(!headers.contains(""));
}

TEST_CASE("FieldsKeepTheirOrderAndTheirSpelling") {
  Headers headers;
  headers.add("Set-Cookie", "a=1").add("Date", "today").add("set-cookie", "b=2");
  REQUIRE(headers.size() == 3);
  CHECK(headers.begin()[2].name == "set-cookie");
  const auto cookies = headers.all("SET-COOKIE");
  REQUIRE(cookies.size() == 2);
  CHECK(cookies[0] == "a=1");
  CHECK(cookies[1] == "b=2");
  CHECK(headers.find("Set-Cookie") == "a=1");
}

TEST_CASE("SetReplacesEveryFieldOfItsName") {
  Headers headers;
  headers.add("Accept", "a").add("Other", "o").add("ACCEPT", "b");
  headers.set("accept", "c");
  REQUIRE(headers.size() == 2);
  CHECK(headers.find("Accept") == "c");
  CHECK(headers.remove("OTHER") == 1);
  CHECK(headers.remove("other") == 0);
  CHECK(headers.size() == 1);
}

TEST_CASE("ALetterOutsideOfAsciiIsOnlyItself") {
  Headers headers;
  headers.add("x-\xC4", "1");
  CHECK(headers.contains("X-\xC4"));
  CHECK(!headers.contains("x-\xE4"));
  headers.add("x[", "2");
  CHECK(!headers.contains("x{"));  // 32 apart, as a letter and its capital are
}
