// SPDX-License-Identifier: Apache-2.0
//
// AlertsWanted: which price alerts a client asks for, checked before any query is made of it.
//
//   ?make=audi           of which make, letter case apart; all nine if it is left out
//   ?model=a3            of which model, letter case apart; all if it is left out
//   ?below_percent=10    how far below the median at least, 1 to 90; 10 if it is left out
//   ?page_size=20        how many on a page, 1 to 100; 20 if it is left out
//   ?page_token=…        which page: the next_page_token of the one before
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "page_token.hpp"
#include "reply.hpp"

namespace server {

struct AlertsWanted {
  std::string_view make;  // one of makes(); empty: of all makes
  std::string model;      // in small letters; empty: all models
  int below_percent = 10;
  int page_size = 20;
  AlertsPlace after = {};  // where the page begins

  // Of what chooses the list: all but the page. A page_token is for one of these.
  std::string list_key() const;
  // Of all that there is in it: equal for what has the same answer, and for nothing else.
  std::string key() const;
};

std::variant<AlertsWanted, Problem> parse_alerts_wanted(std::string_view query);

}  // namespace server
