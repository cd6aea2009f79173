// SPDX-License-Identifier: Apache-2.0
//
// The page_token of a list: where its next page begins. Opaque to clients, who give back what they
// were given.
//
//   base64url of: version (1 byte), below_percent (1), id (8), check (8); big endian, no padding
//
// The check is a digest of the rest and of the query that the token was given for, so that neither a
// token of another query nor one with a changed character is taken. It is no signature: whoever
// computes one chooses a place in a public list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace server {

// A place in the list of price alerts: after the listing of this id, so far below the median. The
// default is before all of them.
struct AlertsPlace {
  std::int64_t below_percent = 100;
  std::int64_t id = 0;
};

// `query` stands for the parameters that choose and order the list. REQUIRES: 0 ≤ below_percent
// ≤ 100, id ≥ 0.
std::string page_token(const AlertsPlace& place, std::string_view query);

// Nothing where `token` is none that page_token() gave for this query.
std::optional<AlertsPlace> read_page_token(std::string_view token, std::string_view query);

}  // namespace server
