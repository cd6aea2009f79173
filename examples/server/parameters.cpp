// SPDX-License-Identifier: Apache-2.0
#include "parameters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "nearest.hpp"
#include "query_string.hpp"

namespace server {

namespace {

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// From 1 to 50, "1e9" is nearest to 50, "-1" to 1, and "abc" to what a client gets that does not ask.
std::string nearest_number(std::string_view text, Range range, int usual) {
  const double meant = number<double>(text).value_or(usual);
  if (std::isnan(meant)) return std::to_string(usual);
  return std::to_string(std::lround(std::clamp<double>(meant, range.least, range.most)));
}

Problem unknown(const std::string& name, std::span<const Field> fields) {
  std::vector<std::string_view> names;
  for (const Field& field : fields) names.push_back(field.name);
  const std::string near(nearest(name, names));
  return {400, "unknown_parameter", name.empty() ? "query" : name.substr(0, 40),
          "unknown parameter " + in_quotes(name) + "; did you mean '" + near + "'?", near};
}

Problem repeated(const std::string& name) {
  return {400, "repeated_parameter", name, name + " is given more than once; give it once", {}};
}

}  // namespace

std::optional<Problem> read_number(std::string_view name, const std::string& text, Range range,
                                   int& value) {
  const auto given = number<int>(text);
  if (given && *given >= range.least && *given <= range.most) {
    value = *given;
    return std::nullopt;
  }
  const std::string field(name);
  return Problem{400, "bad_value", field,
                 field + " is " + in_quotes(text) + ", but must be a whole number from " +
                     std::to_string(range.least) + " to " + std::to_string(range.most),
                 nearest_number(text, range, value)};
}

std::optional<Problem> read_parameters(std::string_view query, std::span<const Field> fields) {
  const auto parsed = parse_query(query);
  if (const auto* problem = std::get_if<Problem>(&parsed)) return *problem;
  const auto& parameters = std::get<std::vector<Parameter>>(parsed);
  for (const auto& [name, value] : parameters) {
    const auto field = std::ranges::find(fields, name, &Field::name);
    if (field == fields.end()) return unknown(name, fields);
    if (std::ranges::count(parameters, name, &Parameter::name) > 1) return repeated(name);
    if (auto problem = field->read(value)) return problem;
  }
  return std::nullopt;
}

}  // namespace server
