// SPDX-License-Identifier: Apache-2.0
#include "wanted.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "nearest.hpp"
#include "query_string.hpp"

namespace server {

namespace {

constexpr int kLeast = 1, kMost = 50;
constexpr std::array<std::string_view, 2> kParameters = {"limit", "make"};
constexpr std::array<std::string_view, 9> kMakes = {
    "Audi", "BMW", "Ford", "Hyundai", "Mercedes-Benz", "Skoda", "Toyota", "Vauxhall", "Volkswagen"};

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// "1e9" is nearest to 50, "-1" to 1, and "abc" to what a client gets that does not ask.
std::string nearest_limit(std::string_view text) {
  const double meant = number<double>(text).value_or(Wanted{}.limit);
  if (std::isnan(meant)) return std::to_string(Wanted{}.limit);
  return std::to_string(std::lround(std::clamp<double>(meant, kLeast, kMost)));
}

std::optional<Problem> set_limit(Wanted& wanted, const std::string& text) {
  const auto limit = number<int>(text);
  if (limit && *limit >= kLeast && *limit <= kMost) {
    wanted.limit = *limit;
    return std::nullopt;
  }
  return Problem{400, "bad_value", "limit",
                 "limit is " + in_quotes(text) + ", but must be a whole number from " +
                     std::to_string(kLeast) + " to " + std::to_string(kMost),
                 nearest_limit(text)};
}

std::optional<Problem> set_make(Wanted& wanted, const std::string& text) {
  const auto known = std::ranges::find(kMakes, lower(text), lower);
  if (known != kMakes.end()) {
    wanted.make = *known;
    return std::nullopt;
  }
  std::string message = "make is " + in_quotes(text) + ", but must be one of ";
  for (std::string_view make : kMakes) message.append(make).append(", ");
  message += "or left out";
  if (text.empty()) return Problem{400, "unknown_make", "make", message, {}};
  const std::string near(nearest(text, kMakes));
  return Problem{400, "unknown_make", "make", message + "; did you mean '" + near + "'?", near};
}

std::optional<Problem> unknown(const std::string& name) {
  const std::string near(nearest(name, kParameters));
  return Problem{400, "unknown_parameter", name.empty() ? "query" : name.substr(0, 40),
                 "unknown parameter " + in_quotes(name) + "; did you mean '" + near + "'?", near};
}

std::optional<Problem> repeated(const std::string& name) {
  return Problem{
      400, "repeated_parameter", name, name + " is given more than once; give it once", {}};
}

}  // namespace

std::span<const std::string_view> makes() noexcept { return kMakes; }

std::variant<Wanted, Problem> parse_wanted(std::string_view query) {
  const auto parsed = parse_query(query);
  if (const auto* problem = std::get_if<Problem>(&parsed)) return *problem;
  const auto& parameters = std::get<std::vector<Parameter>>(parsed);

  Wanted wanted;
  for (const auto& [name, value] : parameters) {
    const auto problem = std::ranges::count(parameters, name, &Parameter::name) > 1 &&
                                 std::ranges::count(kParameters, name) == 1
                             ? repeated(name)
                         : name == "limit" ? set_limit(wanted, value)
                         : name == "make"  ? set_make(wanted, value)
                                           : unknown(name);
    if (problem) return *problem;
  }
  return wanted;
}

}  // namespace server
