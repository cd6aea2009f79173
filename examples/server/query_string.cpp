// SPDX-License-Identifier: Apache-2.0
#include "query_string.hpp"

#include <charconv>
#include <optional>

namespace server {

namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    unsigned code = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2) return std::nullopt;
    plain.push_back(static_cast<char>(code));
    i += 2;
  }
  return plain;
}

}  // namespace

std::variant<std::vector<Parameter>, Problem> parse_query(std::string_view query) {
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const auto name = decoded(pair.substr(0, equals));
    const auto value = decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!name || !value) {
      return Problem{
          400,
          "bad_encoding",
          std::string(pair.substr(0, std::min<std::size_t>(equals, 40))),
          in_quotes(pair) + " has a percent sign without two hexadecimal digits after it",
          {}};
    }
    parameters.push_back({*name, *value});
  }
  return parameters;
}

}  // namespace server
