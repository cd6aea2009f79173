// SPDX-License-Identifier: Apache-2.0
//
// Wanted: what a client asks the home page for, checked before any query is made of it.
//
//   ?limit=4      how many cars, 1 to 50; 4 if it is left out
//   ?make=audi    of which make, letter case apart; all nine if it is left out
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "reply.hpp"

namespace server {

struct Wanted {
  int limit = 4;
  std::string_view make;  // one of kMakes; empty: of all makes
};

// The makes of the listings, in alphabetical order.
std::span<const std::string_view> makes() noexcept;

// Refuses what it does not know and what is given twice, naming the nearest valid form.
std::variant<Wanted, Problem> parse_wanted(std::string_view query);

}  // namespace server
