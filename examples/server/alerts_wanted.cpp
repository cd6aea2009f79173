// SPDX-License-Identifier: Apache-2.0
#include "alerts_wanted.hpp"

#include <array>
#include <optional>
#include <utility>

#include "cache_key.hpp"
#include "makes.hpp"
#include "nearest.hpp"
#include "parameters.hpp"

namespace server {

namespace {

constexpr std::size_t kLongestModel = 64;

std::optional<Problem> read_model(const std::string& text, std::string& model) {
  if (text.empty() || text.size() > kLongestModel) {
    return Problem{400,
                   "bad_value",
                   "model",
                   "model is " + in_quotes(text) + ", but must be 1 to " +
                       std::to_string(kLongestModel) + " bytes, or left out",
                   {}};
  }
  model = lower(text);
  return std::nullopt;
}

Problem bad_token(const std::string& text) {
  return {400,
          "bad_page_token",
          "page_token",
          "page_token is " + in_quotes(text) +
              ", which no page of this query gave; leave it out for the first page",
          {}};
}

}  // namespace

std::string AlertsWanted::list_key() const {
  return cache_key({make, model, std::to_string(below_percent)});
}

std::string AlertsWanted::key() const {
  return cache_key({make, model, std::to_string(below_percent), std::to_string(page_size),
                    std::to_string(after.below_percent), std::to_string(after.id)});
}

std::variant<AlertsWanted, Problem> parse_alerts_wanted(std::string_view query) {
  AlertsWanted wanted;
  std::optional<std::string> token;
  const std::array<Field, 5> fields = {{
      {"make", [&](const std::string& text) { return read_make(text, wanted.make); }},
      {"model", [&](const std::string& text) { return read_model(text, wanted.model); }},
      {"below_percent",
       [&](const std::string& text) {
         return read_number("below_percent", text, {.least = 1, .most = 90}, wanted.below_percent);
       }},
      {"page_size",
       [&](const std::string& text) {
         return read_number("page_size", text, {.least = 1, .most = 100}, wanted.page_size);
       }},
      {"page_token",
       [&](const std::string& text) {
         token = text;
         return std::optional<Problem>();
       }},
  }};
  if (auto problem = read_parameters(query, fields)) return *std::move(problem);
  if (!token) return wanted;
  // Last, because it is for the list that the others choose.
  const auto place = read_page_token(*token, wanted.list_key());
  if (!place) return bad_token(*token);
  wanted.after = *place;
  return wanted;
}

}  // namespace server
