// SPDX-License-Identifier: Apache-2.0
//
// One car: a row of the listings as the answer shows it.
#pragma once

#include <string>
#include <string_view>

#include "reply.hpp"
#include "tidegate/rows.hpp"

namespace server {

// The car with what a reader wants to know of it, null where the listing did not say.
Json car_json(const tidegate::Row& row, std::string_view reason);

// Equal for two listings of one car.
std::string car_identity(const tidegate::Row& row);

}  // namespace server
