// SPDX-License-Identifier: Apache-2.0
//
// The query of a URL, read strictly: what a lenient reader would guess at is refused.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reply.hpp"

namespace server {

struct Parameter {
  std::string name;
  std::string value;  // any bytes, NUL included
};

// "limit=4&make=Audi" as pairs, in their order, percent signs and pluses decoded. A name may come
// again. A percent sign without two hexadecimal digits is a problem.
std::variant<std::vector<Parameter>, Problem> parse_query(std::string_view query);

}  // namespace server
