// SPDX-License-Identifier: Apache-2.0

#include "base/json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using tidegate::Cause;
using tidegate::Result;
using tidegate::internal::Json;
using tidegate::internal::JsonLimits;

namespace {

Json read(std::string_view text) {
  Result<Json> result = Json::parse(text);
  CAPTURE(text);
  CAPTURE(result.status().message());
  REQUIRE(result.ok());
  return std::move(result).value();
}

std::string refusal(std::string_view text, JsonLimits limits = {}) {
  const Result<Json> result = Json::parse(text, limits);
  REQUIRE_FALSE(result.ok());
  CHECK(result.status().cause() == Cause::kDecode);
  return std::string(result.status().message());
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out.append(text);
  return out;
}

}  // namespace

TEST_CASE("WhatIsReadIsWrittenAgain") {
  for (std::string_view text :
       {R"(null)", R"(true)", R"(false)", R"(0)", R"(-1)", R"(9223372036854775807)",
        R"(-9223372036854775808)", R"(0.1)", R"(1.0)", R"(1e+22)", R"("")", R"("aé€😀")", R"([])",
        R"({})", R"([[],{},[1,[2]]])", R"({"b":1,"a":[true,null],"":{"x":"y"}})",
        R"("\"\\\n\r\t\u0000\u001f/")"}) {
    CHECK(read(text).dump() == text);
    CHECK(read(read(text).dump(2)) == read(text));
  }
}

TEST_CASE("ObjectsKeepTheOrderOfTheirMembers") {
  Json json = Json::object();
  json["z"] = 1;
  json["a"] = "two";
  json["z"] = 3;
  json["list"].push_back(1.5).dump();
  json["list"].push_back(nullptr);
  CHECK(json.dump() == R"({"z":3,"a":"two","list":[1.5,null]})");
  CHECK(json.dump(2) ==
        "{\n  \"z\": 3,\n  \"a\": \"two\",\n  \"list\": [\n    1.5,\n    null\n  ]\n}");
  CHECK(*json.find("z")->if_integer() == 3);
  CHECK(json.find("missing") == nullptr);
  CHECK(Json(1).find("z") == nullptr);
}

TEST_CASE("AnErrorNamesLineAndColumnAndTheReason") {
  struct Row {
    std::string_view text;
    std::string_view place;
    std::string_view reason;
  };
  const Row rows[] = {
      {"", "line 1, column 1:", "unexpected end of input"},
      {"[1,2", "line 1, column 5:", "unexpected end of input"},
      {"{\n  \"k\": tru\n}", "line 2, column 11:", "invalid literal"},
      {"[1,]", "line 1, column 4:", "unexpected ']'"},
      {"[1] x", "line 1, column 5:", "invalid literal"},
      {"{1:2}", "line 1, column 2:", "unexpected number literal"},
      {"01", "line 1, column 2:", "expected end of input"},
      {"/* no */ 1", "line 1, column 1:", "invalid literal"},
      {"{\"a\":1,\n \"a\":2}", "line 2, column 4:", "key 'a' comes twice in one object"},
  };
  for (const Row& row : rows) {
    const std::string message = refusal(row.text);
    CAPTURE(message);
    CHECK(message.starts_with(row.place));
    CHECK(contains(message, row.reason));
  }
}

TEST_CASE("AnErrorDoesNotRepeatTheText") {
  CHECK_FALSE(contains(refusal(R"({"password": "hunter2" hunter3})"), "hunter"));
  CHECK(refusal("[" + std::string(1'000'000, '-')).size() < 300);
}

TEST_CASE("NestingBeyondTheLimitIsRefusedEarly [J1]") {
  const JsonLimits wide{128, std::size_t{64} << 20, 4'000'000};
  for (std::size_t depth : {129U, 1'000U, 1'000'000U, 10'000'000U}) {
    for (std::string_view open : {"[", "{\"a\":"}) {
      const std::string message = refusal(repeated(open, depth), wide);
      CHECK(contains(message, "nested deeper than 128 levels"));
    }
  }
  CHECK(contains(refusal(repeated("[", 10'000'000)), "nested deeper"));
}

TEST_CASE("NestingUpToTheLimitIsReadWrittenAndCopied [J1]") {
  const std::string text = repeated("[", 128) + repeated("]", 128);
  const Json json = read(text);
  const Json copy = json;
  CHECK(copy == json);
  CHECK(copy.dump() == text);
}

TEST_CASE("WritingDescendsWithoutRecursion [J1]") {
  Json json;
  for (int i = 0; i < 3'000; ++i) {
    Json outer = Json::array();
    outer.push_back(std::move(json));
    json = std::move(outer);
  }
  CHECK(json.dump() == repeated("[", 3'000) + "null" + repeated("]", 3'000));
}

TEST_CASE("ATextLongerThanTheLimitIsRefusedBeforeItIsRead [J2]") {
  const std::string message = refusal(std::string((32U << 20) + 1, ' '));
  CHECK(message == "the JSON text has 33554433 bytes, at most 33554432 are read");
  CHECK(refusal("[1, 2]", {.depth = 128, .bytes = 5}) ==
        "the JSON text has 6 bytes, at most 5 are read");
}

TEST_CASE("MoreValuesThanTheLimitAreRefused [J2]") {
  const JsonLimits limits{.depth = 128, .bytes = 1000, .values = 4};
  CHECK(Json::parse("[1,[],{}]", limits).ok());
  CHECK(contains(refusal("[1,[],{},2]", limits), "more than 4 values"));
  CHECK(contains(refusal("[1,[],{},[]]", limits), "more than 4 values"));
}

TEST_CASE("AHugeNumberIsRefusedWithAShortMessage [J2]") {
  const std::string digits(5'000'000, '9');
  CHECK(contains(refusal(digits), "a number is too large for a double"));
  CHECK(refusal(digits).size() < 200);
  CHECK(read("0." + digits).number() == 1.0);
  CHECK(read("1e-999").number() == 0.0);
}

TEST_CASE("ManyKeysAreReadAndTheLastDuplicateIsFound [J2]") {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  CHECK(read(text + "\"z\":1}").if_object()->size() == 100'001);
  CHECK(contains(refusal(text + "\"k99999\":1}"), "key 'k99999' comes twice"));
  CHECK(contains(refusal(text + "\"k3\":1}"), "key 'k3' comes twice"));
  CHECK(contains(refusal("{" + repeated("\"same\":1,", 100'000) + "\"same\":1}"),
                 "'same' comes twice"));
}

TEST_CASE("WhatIsNoJsonIsRefused [J2]") {
  for (std::string_view text : {"NaN",
                                "Infinity",
                                "-Infinity",
                                "nan",
                                R"("\ud800")",
                                R"("\udc00x")",
                                R"("\ud800\u0041")",
                                "\"\xff\"",
                                "\"\xc0\xaf\"",
                                "\"\xed\xa0\x80\"",
                                "\"a\nb\"",
                                "'a'",
                                "{a:1}",
                                "[1 2]",
                                "+1",
                                ".5",
                                "1.",
                                "0x10",
                                "\xfe\xff",
                                "nul",
                                "True",
                                "-",
                                "\"\\x41\"",
                                "\"unterminated"}) {
    CAPTURE(text);
    CHECK_FALSE(Json::parse(text).ok());
  }
}

TEST_CASE("AByteOrderMarkIsSkipped [J2]") {
  CHECK(read("\xEF\xBB\xBF[1]").dump() == "[1]");
  CHECK_FALSE(Json::parse("\xEF\xBB").ok());
}

TEST_CASE("WritingNeverFailsOnContent [J2]") {
  CHECK(Json("\xff"
             "a\xc3")
            .dump() ==
        "\"\xEF\xBF\xBD"
        "a\xEF\xBF\xBD\"");
  CHECK(Json(std::string_view("\0\x1f\x7f", 3)).dump() == "\"\\u0000\\u001f\x7f\"");
  CHECK(Json(std::nan("")).dump() == "null");
  CHECK(Json(std::numeric_limits<double>::infinity()).dump() == "null");
  Json json = Json::object();
  json["\xed\xa0\x80"] = 1;
  CHECK(read(json.dump()).if_object()->front().key == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("IntegersBeyondSixtyFourBitsAreKeptExactlyOrRefused [J4]") {
  CHECK(*read("9223372036854775807").if_integer() == INT64_MAX);
  CHECK(*read("-9223372036854775808").if_integer() == INT64_MIN);
  CHECK(*read("9223372036854775808").if_double() == 9223372036854775808.0);
  CHECK(*read("18446744073709551616").if_double() == 18446744073709551616.0);
  CHECK(*read("100000000000000000000").if_double() == 1e20);
  for (std::string_view text : {"9223372036854775809", "-9223372036854775809",
                                "18446744073709551615", "123456789012345678901234567890"}) {
    CHECK(
        contains(refusal(text), std::string(text) + " fits neither 64 bits nor a double exactly"));
  }
}

TEST_CASE("OtherNumbersAreTheNearestDouble [J4]") {
  CHECK(*read("19.99").if_double() == 19.99);
  CHECK(read("19.99").dump() == "19.99");
  CHECK(read("1e2").if_integer() == nullptr);
  CHECK(read("1e2").number() == 100.0);
  CHECK(read("-0").dump() == "0");
  CHECK(read("-0.0").dump() == "-0.0");
  CHECK(*read(R"("19.990000000000000001")").if_string() == "19.990000000000000001");
}
