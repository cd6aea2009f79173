// SPDX-License-Identifier: Apache-2.0

#include "base/text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/nearest.hpp"

using namespace tidegate::internal;

TEST_CASE("OnlyWellFormedCharactersHaveALength") {
  struct Row {
    std::string_view text;
    std::size_t length;
  };
  const Row rows[] = {
      {"a", 1},
      {"\x7f", 1},
      {"é", 2},
      {"€", 3},
      {"😀", 4},
      {"", 0},
      {"\x80", 0},
      {"\xbf", 0},
      {"\xc0\x80", 0},
      {"\xc1\xbf", 0},
      {"\xc2", 0},
      {"\xc2\x41", 0},
      {"\xe0\x9f\xbf", 0},
      {"\xe0\xa0\x80", 3},
      {"\xe2\x82", 0},
      {"\xed\x9f\xbf", 3},
      {"\xed\xa0\x80", 0},
      {"\xef\xbf\xbf", 3},
      {"\xf0\x8f\xbf\xbf", 0},
      {"\xf0\x90\x80\x80", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\xf4\x90\x80\x80", 0},
      {"\xf5\x80\x80\x80", 0},
      {"\xf0\x9f\x98", 0},
      {"\xff", 0},
      {std::string_view("\0", 1), 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(utf8_length(row.text) == row.length);
  }
}

TEST_CASE("CleaningReplacesEachBadByte") {
  CHECK(utf8_clean("a€😀") == "a€😀");
  CHECK(utf8_clean("a\xff"
                   "b\xe2\x82") ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("CuttingNeverSplitsACharacter") {
  const std::string text = "aé€😀";  // 1 + 2 + 3 + 4 bytes
  const std::size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t size = 0; size < std::size(expected); ++size) {
    CHECK(utf8_cut(text, size).size() == expected[size]);
  }
  CHECK(utf8_cut("\x80\x80\x80\x80\x80\x80", 5).size() ==
        2);  // no character at all: no endless search
}

TEST_CASE("OneLineIsOneLine") {
  CHECK(one_line("plain é", 100) == "plain é");
  CHECK(one_line(std::string_view("\n\r\t\\\0\x1b\x7f\xff", 8), 100) ==
        "\\n\\r\\t\\\\\\x00\\x1b\\x7f\xEF\xBF\xBD");
  CHECK(one_line("abcdef", 3) == "abc…");
  CHECK(one_line("abc", 3) == "abc");
  CHECK(one_line("a€€", 2) == "a€…");
}

TEST_CASE("TheEditDistanceCountsChangesAndSwaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("queue", "quue") == 1);
  CHECK(edit_distance("queue", "qeueu") == 2);
  CHECK(edit_distance("level", "levle") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("NothingIsSuggestedForWhatIsFarFromAll") {
  constexpr std::string_view kKnown[] = {"executor.queue", "log.level"};
  CHECK(nearest("log.levl", kKnown) == "log.level");
  CHECK(nearest("level", kKnown) == "log.level");
  CHECK(nearest("vel", kKnown).empty());
  CHECK(nearest("", kKnown).empty());
  CHECK(nearest("something.else", kKnown).empty());
}
