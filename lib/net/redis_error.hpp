// SPDX-License-Identifier: Apache-2.0
//
// What an error reply of Redis means. The first word of the reply says it, and where that is only
// "ERR", the sentence behind it. A tier reacts to each kind in its own way:
//
//   kind             reads   writes   how to react
//   kOther           fail    fail     the command was refused; the server is well
//   kWrongType       miss    fail     somebody else's key: a miss, counted
//   kFull            work    fail     "OOM": skip the write and count it, no failure of the server
//   kReadOnly        work    fail     a replica: skip writes, look for another server
//   kMisconfigured   work    fail     it cannot persist and therefore takes no writes
//   kLoading         fail    fail     it is starting: down, try later
//   kBusy            fail    fail     a script runs for too long: down, try later
//   kMasterDown      fail    fail     a replica without its master: down, try later
//   kTooManyClients  fail    fail     it closes the connection: back off
//   kDenied          fail    fail     password, user or rights: permanent, no retry storm
//   kCluster         fail    fail     MOVED, ASK …: not supported, permanent, says so
//
// What a server may refuse for its own sake (CLIENT SETNAME, INFO, CONFIG GET) says nothing about GET
// and SET; an error that answers AUTH or SELECT always makes the connection useless.
//
// Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate::internal {

enum class RedisErrorKind : std::uint8_t {
  kOther,
  kWrongType,
  kFull,
  kReadOnly,
  kMisconfigured,
  kLoading,
  kBusy,
  kMasterDown,
  kTooManyClients,
  kDenied,
  kCluster,
};
inline constexpr std::size_t kRedisErrorKinds =
    static_cast<std::size_t>(RedisErrorKind::kCluster) + 1;

// The kind of an error reply's text, "OOM command not allowed …", given without its '-'.
RedisErrorKind redis_error_kind(std::string_view text) noexcept;

// "full", "loading" and so on: a label of a metric.
std::string_view redis_error_name(RedisErrorKind kind) noexcept;

// Reads go on: the server is well and must not be counted as failing.
bool redis_serves_reads(RedisErrorKind kind) noexcept;

// Trying again with the same URL cannot help.
bool redis_error_is_permanent(RedisErrorKind kind) noexcept;

// The same as a Status: what Redis said on one line of at most 200 bytes, without the arguments
// that it repeats for a command it does not know, since AUTH can be such a command.
Status redis_error_status(std::string_view text);

}  // namespace tidegate::internal
