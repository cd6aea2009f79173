// SPDX-License-Identifier: Apache-2.0
// Values on their way into a statement and out of it.
#pragma once

#include <string>
#include <vector>

#include "tidegate/rows.hpp"
#include "tidegate/status.hpp"

struct sqlite3_stmt;

namespace tidegate::internal {

// Binds all of them; kBadArgument names the parameter that is missing or that the statement does
// not have.
Status bind_params(sqlite3_stmt* statement, const Params& params);

std::vector<std::string> column_names(sqlite3_stmt* statement);

// The current row of the statement.
void append_row(sqlite3_stmt* statement, Rows::Builder& rows);

}  // namespace tidegate::internal
