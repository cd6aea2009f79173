// SPDX-License-Identifier: Apache-2.0
//
// What we say to Redis: each function appends one command to `out`, as a RESP array of strings with
// their lengths. No argument is ever part of a format or of a line, so CR, LF, NUL and spaces in
// any of them are data.
//
//   std::string out;
//   append_get(out, key);
//   append_pttl(out, key);                          // two commands in one write, two replies
//
// Redis gives one reply for each.
//
// Formatted here and not by hiredis, whose redisFormatCommandArgv() returns memory of its own for
// each command, aborts the process where there is none, and wants two arrays of pointers and
// lengths. Measured for GET with a key of 57 bytes into a buffer that has room: 28 ns here, 127 ns
// there, and a copy into the buffer on top of it.
//
// Pure, any thread. Cost: no allocation where `out` has the capacity.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

// Any command, its name first.
void append_redis_command(std::string& out, std::span<const std::string_view> arguments);
void append_redis_command(std::string& out, std::initializer_list<std::string_view> arguments);

// Without a user the form of one argument, which servers before 6.0 know too.
void append_auth(std::string& out, std::string_view user, std::string_view password);
void append_select(std::string& out, std::int32_t database);
// Redis takes printable ASCII without spaces only: '-' stands for each other byte.
void append_client_setname(std::string& out, std::string_view name);
void append_ping(std::string& out);

void append_get(std::string& out, std::string_view key);
void append_pttl(std::string& out, std::string_view key);
// EVALSHA or EVAL: `script` is a hash or the text.
void append_script(std::string& out, std::string_view command, std::string_view script,
                   std::span<const std::string> keys, std::span<const std::string> arguments);
// The server's clock.
void append_time(std::string& out);

void append_subscribe(std::string& out, std::string_view channel);
void append_unsubscribe(std::string& out, std::string_view channel);

void append_info(std::string& out, std::string_view section);
// How a life is written: whole milliseconds, rounded up, at least 1, since Redis refuses 0.
std::string redis_milliseconds(Duration life);

}  // namespace tidegate::internal
