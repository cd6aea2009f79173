// SPDX-License-Identifier: Apache-2.0
//
// What a server says about when to come again: the field Retry-After, in seconds or as a date (RFC
// 9110, 10.2.3), and retry-after-ms, which some services send beside it because a second is long.
//
// Pure: the time is an argument; any thread. No value throws or is undefined: what is no number and
// no date is nothing, the past is now, and what goes over a year is a year.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

using WallTime = std::chrono::sys_seconds;

std::optional<Duration> retry_after(std::string_view value, WallTime now) noexcept;
std::optional<Duration> retry_after_ms(std::string_view value) noexcept;

// A date of HTTP in any of its three forms (RFC 9110, 5.6.7). The name of the day is not looked at;
// a year of two digits is the one within fifty years of `now`.
std::optional<WallTime> http_date(std::string_view text, WallTime now) noexcept;

}  // namespace tidegate::policy
