// SPDX-License-Identifier: Apache-2.0
//
// ImportedCar: which car a client asks the customs duty of, checked before anybody else is asked.
//
//   ?price_eur=20000   what it costs, 1 to 10,000,000
//   ?year=2020         of its making, 1950 to 2026
//   ?engine_cc=1998    1 to 10,000; may be left out for an electric car
//   ?fuel=diesel       petrol, diesel, hybrid or electric; petrol if it is left out
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "reply.hpp"

namespace server {

struct ImportedCar {
  int price_eur = 20'000;
  int year = 2020;
  int engine_cc = 1'600;
  std::string_view fuel = "petrol";

  // As a query of a URL.
  std::string query() const;
};

std::variant<ImportedCar, Problem> parse_imported_car(std::string_view query);

}  // namespace server
