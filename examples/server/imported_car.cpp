// SPDX-License-Identifier: Apache-2.0
#include "imported_car.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "nearest.hpp"
#include "parameters.hpp"

namespace server {

namespace {

constexpr std::array<std::string_view, 4> kFuels = {"petrol", "diesel", "hybrid", "electric"};

std::optional<Problem> read_fuel(const std::string& text, std::string_view& fuel) {
  const auto known = std::ranges::find(kFuels, lower(text));
  if (known == kFuels.end()) {
    return Problem{400, "bad_value", "fuel",
                   "fuel is " + in_quotes(text) +
                       ", but must be petrol, diesel, hybrid or electric, or left out",
                   std::string(text.empty() ? fuel : nearest(text, kFuels))};
  }
  fuel = *known;
  return std::nullopt;
}

Problem missing(const std::string& name, int usual) {
  return {400, "missing_parameter", name,
          name + " is missing; give it, as in " + name + "=" + std::to_string(usual),
          std::to_string(usual)};
}

}  // namespace

std::string ImportedCar::query() const {
  return "price_eur=" + std::to_string(price_eur) + "&year=" + std::to_string(year) +
         "&engine_cc=" + std::to_string(engine_cc) + "&fuel=" + std::string(fuel);
}

std::variant<ImportedCar, Problem> parse_imported_car(std::string_view query) {
  const ImportedCar usual;
  ImportedCar car;
  std::set<std::string_view> given;
  const auto number = [&given](std::string_view name, Range range, int& value) {
    return Field{name, [&given, name, range, &value](const std::string& text) {
                   given.insert(name);
                   return read_number(name, text, range, value);
                 }};
  };
  const std::array<Field, 4> fields = {{
      number("price_eur", {.least = 1, .most = 10'000'000}, car.price_eur),
      number("year", {.least = 1950, .most = 2026}, car.year),
      number("engine_cc", {.least = 1, .most = 10'000}, car.engine_cc),
      {"fuel", [&car](const std::string& text) { return read_fuel(text, car.fuel); }},
  }};
  if (auto problem = read_parameters(query, fields)) return *std::move(problem);
  if (!given.contains("price_eur")) return missing("price_eur", usual.price_eur);
  if (!given.contains("year")) return missing("year", usual.year);
  if (!given.contains("engine_cc")) {
    if (car.fuel != "electric") return missing("engine_cc", usual.engine_cc);
    car.engine_cc = 0;
  }
  return car;
}

}  // namespace server
