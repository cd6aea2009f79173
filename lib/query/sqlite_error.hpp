// SPDX-License-Identifier: Apache-2.0
// What SQLite's result codes mean to a caller.
#pragma once

#include <string_view>

#include "tidegate/status.hpp"

struct sqlite3;

namespace tidegate::internal {

// What just failed on `connection` with the (extended) result code `code`; `doing` says what it
// was, as in "cannot open 'cars.db'". A process without a descriptor, memory or disk left is told
// apart from a database that cannot be opened.
Status sqlite_status(int code, std::string_view doing, sqlite3* connection);

// True for failures after which the connection is not to be trusted.
bool sqlite_breaks_connection(int code) noexcept;

}  // namespace tidegate::internal
