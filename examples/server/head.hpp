// SPDX-License-Identifier: Apache-2.0
//
// The head of a request: its line and its headers, up to the empty line. Here it is found, bounded
// and checked for form; cpp-httplib, which is lenient, takes it apart.
#pragma once

#include <cstddef>
#include <string_view>

#include "guest.hpp"

namespace server {

inline constexpr std::size_t kLongestLine = 8192;
inline constexpr std::size_t kLargestHead = 16384;

enum class Progress { kPart, kWhole, kGone, kLineTooLong, kHeadTooLarge, kMalformed };

// Reads what has come, without waiting. With kWhole `guest.head` is the next request's; what came
// after it stays in `guest.input`.
Progress read_head(Guest& guest);

// "/api/v1?limit=4" of "GET /api/v1?limit=4 HTTP/1.1…"; empty where there is none.
std::string_view target_of(std::string_view head) noexcept;

}  // namespace server
