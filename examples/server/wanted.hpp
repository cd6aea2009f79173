// SPDX-License-Identifier: Apache-2.0
//
// Wanted: what a client asks the home page for, checked before any query is made of it.
//
//   ?limit=4      how many cars, 1 to 50; 4 if it is left out
//   ?make=audi    of which make, letter case apart; all nine if it is left out
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "reply.hpp"

namespace server {

struct Wanted {
  int limit = 4;
  std::string_view make;  // one of makes(); empty: of all makes

  // Of all that there is in it: equal for what has the same answer, and for nothing else.
  std::string key() const;
};

std::variant<Wanted, Problem> parse_wanted(std::string_view query);

}  // namespace server
