// SPDX-License-Identifier: Apache-2.0
//
// The reference pages say what the tables say. Each test makes the page's table anew; where it
// fails, the message holds the rows that the page should have.

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tidegate/config.hpp"
#include "tidegate/status.hpp"

using namespace tidegate;

namespace {

std::string read_page(const std::string& name) {
  const char* root = std::getenv("TIDEGATE_SOURCE_DIR");
  REQUIRE_MESSAGE(root != nullptr, "TIDEGATE_SOURCE_DIR must name the source tree");
  std::ifstream file(std::string(root) + "/docs/reference/" + name);
  REQUIRE_MESSAGE(file.good(), name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The rows of the table whose header starts with `first`, without header and ruler.
std::string rows_below(const std::string& page, std::string_view first) {
  std::istringstream lines(page);
  std::string rows;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(first)) inside = true;
    if (inside && line.empty()) break;
    if (inside && !line.starts_with(first) && !line.starts_with("|---")) rows += line + "\n";
  }
  return rows;
}

std::string code(std::string_view text) {
  return text.empty() ? std::string("–") : "`" + std::string(text) + "`";
}

std::string range(const KeyInfo& info) {
  if (info.choices.empty() && info.min.empty() && info.max.empty()) return code("");
  if (info.choices.empty()) return code(info.min) + " … " + code(info.max);
  std::string text = "`";
  for (char c : info.choices) c == '|' ? text.append("`, `") : text.append(1, c);
  return text + "`";
}

// queue_full -> kQueueFull
std::string enumerator(std::string_view name) {
  std::string text = "k";
  bool upper = true;
  for (char c : name) {
    if (c != '_') text.push_back(upper ? static_cast<char>(c - 'a' + 'A') : c);
    upper = c == '_';
  }
  return text;
}

}  // namespace

TEST_CASE("TheConfigurationPageListsEveryKeyAsItIs") {
  const Config config;
  std::string expected;
  for (const KeyInfo& info : config.keys()) {
    std::ostringstream row;
    row << "| `" << info.key << "` | " << key_type_name(info.type) << " | "
        << code(info.default_text) << " | " << range(info) << " | "
        << (info.per_service ? "yes" : "no") << " | " << info.help << " |\n";
    expected += row.str();
  }
  CHECK(rows_below(read_page("config.md"), "| Key |") == expected);
}

TEST_CASE("TheErrorPageListsEveryCauseAsItIs") {
  std::string expected;
  for (const CauseInfo& info : causes()) {
    if (info.cause == Cause::kNone) continue;
    std::ostringstream row;
    row << "| `" << info.name << "` | `" << code_name(info.code)
        << "` | `Cause::" << enumerator(info.name) << "` | `" << info.exception << "` | "
        << (info.retryable ? "yes" : "no") << " | " << (info.local ? "yes" : "no") << " | "
        << info.meaning << " |\n";
    expected += row.str();
  }
  CHECK(rows_below(read_page("errors.md"), "| Cause |") == expected);
}

TEST_CASE("TheErrorPageListsEveryCodeWithItsNumber") {
  std::string expected;
  std::vector<bool> used(17, false);
  for (const CauseInfo& info : causes()) used[static_cast<std::size_t>(info.code)] = true;
  for (int number = 0; number < 17; ++number) {
    if (!used[static_cast<std::size_t>(number)]) continue;
    const std::string name(code_name(static_cast<Code>(number)));
    expected += "| `" + name + "` | " + std::to_string(number) + " |\n";
  }
  const std::string rows = rows_below(read_page("errors.md"), "| Code |");
  std::istringstream lines(rows);
  std::string got;  // the first two columns
  for (std::string line; std::getline(lines, line);) {
    got += line.substr(0, line.find('|', line.find('|', 1) + 1) + 1) + "\n";
  }
  CHECK(got == expected);
}
