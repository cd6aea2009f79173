// SPDX-License-Identifier: Apache-2.0
//
// Log: the few things that tidegate says by itself, because no call is there to return them to. One
// line each, at most about 500 bytes; text from elsewhere is escaped, and holds no secret. By
// default warnings and errors go to stderr:
//
//   tidegate warning: encar: shared gate file was rebuilt
//
// A program with a log of its own sets a sink, once, at its start:
//
//   tidegate::set_log_sink([](tidegate::LogLevel level, std::string_view line) {
//     my_log(tidegate::log_level_name(level), line);
//   });
//
// The same source of messages is heard at most 10 times a second; the next line says how many were
// left out.
//
// Thread-safety: everything here, from any thread. No lock is taken, so that a fork at any moment
// leaves the child a log that works.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace tidegate {

enum class LogLevel : std::int32_t {
  kDebug = 0,
  kInfo = 1,
  kWarning = 2,
  kError = 3,
  kOff = 4,  // as a threshold: nothing is said
};

// "debug", "info", "warning", "error" or "off", as the setting log.level writes it.
std::string_view log_level_name(LogLevel level) noexcept;
std::optional<LogLevel> parse_log_level(std::string_view name) noexcept;

// Called with one line without its newline, on whichever thread has something to say, also on
// several at once: it must be thread-safe and quick. What it throws is dropped, and so is what
// tidegate would say while it runs.
using LogSink = std::function<void(LogLevel, std::string_view)>;

// Replaces the sink; an empty one brings stderr back. The earlier sink may still be running on
// another thread when this returns, so sinks are never destroyed: set one rarely.
void set_log_sink(LogSink sink);

// What is below this level is not said. LogLevel::kWarning by default.
void set_log_level(LogLevel level) noexcept;
LogLevel log_level() noexcept;

namespace internal {
// For bindings: a warning that is said once in a process for each rule (lint.hpp) and name, however
// many objects of that name are made. "warning: config: <name>: <text>". A child of a fork has what its
// parent has said. Kept for ever are the first 1024 pairs: beyond them nothing is said, so that names
// that are made up do not fill memory.
void warn_once(std::string_view rule, std::string_view name, std::string_view text) noexcept;
}  // namespace internal

}  // namespace tidegate
