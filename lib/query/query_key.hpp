// SPDX-License-Identifier: Apache-2.0
//
// What tells the answer of one query from those of others, as the key of a cache: equal bytes exactly
// where engine, SQL text and parameters are equal, each of its type. 1, 1.0 and '1' are three keys.
//
//   "query", then the byte 1, the version of this format, then three fields:
//     engine and SQL   size, bytes
//     parameters       count, and for each its name (size, bytes) and value; those by name are in
//                      the order of their names, since the order in which they were set says nothing
//   values:  N null · i integer, 8 bytes · f double, 8 bytes, all NaN one · s text, b bytes: size, bytes
//
// Sizes and counts are 8 bytes, all numbers little endian. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

#include "tidegate/rows.hpp"

namespace tidegate::internal {

std::string query_key(std::string_view engine, std::string_view sql, const Params& params);

}  // namespace tidegate::internal
