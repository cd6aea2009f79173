// SPDX-License-Identifier: Apache-2.0
//
// What a request may consist of. libcurl sends methods and fields as they are: a line break in a
// value is a field more, or a whole request more, for whoever can choose it. So everything is
// checked here, before anything is opened, by the grammar of RFC 9110 and not by a list of what
// has been tried. Messages name the field and never its value.
#pragma once

#include <string_view>

#include "tidegate/headers.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

inline constexpr std::size_t kMostFields = 256;
inline constexpr std::size_t kMostFieldBytes = std::size_t{64} << 10;

// A token, and not CONNECT, which makes a connection something else.
Status check_method(std::string_view method);

// A value may have any byte but controls; a tab is none. Not at its ends: spaces and tabs.
Status check_value(std::string_view name, std::string_view value);

// All of them: tokens as names, values as above, none that belongs to the connection or says where
// the body ends, and not too many.
Status check_fields(const Headers& headers);

}  // namespace tidegate::internal
