// SPDX-License-Identifier: Apache-2.0
//
// One car: a row of the listings as the answer shows it.
#pragma once

#include <initializer_list>
#include <string>

#include "reply.hpp"
#include "tidegate/rows.hpp"

namespace server {

// The car with what a reader wants to know of it, null where the listing did not say.
Json car_json(const tidegate::Row& row);

// And what a query found out about it, where it did.
void add_known(Json& car, const tidegate::Row& row, std::initializer_list<const char*> columns);

// Equal for two listings of one car.
std::string car_identity(const tidegate::Row& row);

}  // namespace server
