// SPDX-License-Identifier: Apache-2.0
// What SQLite's result codes mean to a caller.
#pragma once

#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate::internal {

// `code` is an (extended) result code other than SQLITE_OK; `doing` says what failed, as in "cannot
// open 'cars.db'".
Status sqlite_status(int code, std::string_view doing, std::string_view message);

// True for failures after which the connection is not to be trusted.
bool sqlite_breaks_connection(int code) noexcept;

}  // namespace tidegate::internal
