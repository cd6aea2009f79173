// SPDX-License-Identifier: Apache-2.0
//
// What the home page shows when the database cannot be asked at all: real cars of the data file,
// four of each make, picked once by hand and compiled in.
#pragma once

#include <string_view>

#include "tidegate/rows.hpp"

namespace server {

// Those of one make, or of all where it is empty; every make before any comes again.
tidegate::Rows default_cars(std::string_view make);

}  // namespace server
