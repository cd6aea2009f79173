// SPDX-License-Identifier: Apache-2.0
//
// log(): the library's own side of tidegate/log.hpp.
//
//   log(LogLevel::kWarning, "gate_file", "the shared file was broken and has been rebuilt");
//
// Never throws and never blocks, except as far as the sink does. Not for signal handlers.
#pragma once

#include <string_view>

#include "tidegate/deadline.hpp"
#include "tidegate/log.hpp"

namespace tidegate::internal {

// `key` names the source of the message: a literal, one word. Each key has its own limit of
// kLogLinesPerSecond; beyond 256 keys they share one. `message` may hold anything.
void log(LogLevel level, std::string_view key, std::string_view message) noexcept;
void log(LogLevel level, std::string_view key, std::string_view message, TimePoint now) noexcept;

// The same without a limit, for what its caller says once.
void log_unlimited(LogLevel level, std::string_view key, std::string_view message) noexcept;

inline constexpr unsigned kLogLinesPerSecond = 10;
inline constexpr std::size_t kLogLineBytes = 500;

}  // namespace tidegate::internal
