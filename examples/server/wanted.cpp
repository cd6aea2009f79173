// SPDX-License-Identifier: Apache-2.0
#include "wanted.hpp"

#include <array>

#include "cache_key.hpp"
#include "makes.hpp"
#include "parameters.hpp"

namespace server {

std::string Wanted::key() const { return cache_key({std::to_string(limit), make}); }

std::variant<Wanted, Problem> parse_wanted(std::string_view query) {
  Wanted wanted;
  const std::array<Field, 2> fields = {{
      {"limit",
       [&](const std::string& text) {
         return read_number("limit", text, {.least = 1, .most = 50}, wanted.limit);
       }},
      {"make", [&](const std::string& text) { return read_make(text, wanted.make); }},
  }};
  if (auto problem = read_parameters(query, fields)) return *std::move(problem);
  return wanted;
}

}  // namespace server
