// SPDX-License-Identifier: Apache-2.0
//
// RedisUrl: where a Redis server is and who we are there, read from one line of configuration.
//
//   redis://[user[:password]@]host[:port][/database][?db=database]
//   unix://[user[:password]@]/path/of/the/socket[?db=database]
//
//   Result<RedisUrl> url = RedisUrl::parse("redis://:s3cret@cache.internal/2");
//   url->to_string();                               // redis://***@cache.internal:6379/2
//
// User, password and socket path are percent-decoded; a host is a name, an IPv4 address or an IPv6
// address in brackets. A password alone is written ":password@"; a user alone is refused, because
// it is most often a password whose colon was forgotten. An empty port or password is refused too:
// it is most often a variable that was not set.
//
// What is not supported yet (TLS, Cluster, Sentinel) and what is wrong is refused with the cause
// config and a sentence that says what to write instead. No sentence quotes anything that stands
// where a password can stand, also where the URL is cut in the wrong place by an unescaped "/".
//
// Pure, any thread. No name is resolved and nothing is opened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate::internal {

struct RedisUrl {
  std::string host{};  // without brackets; empty where `path` names a socket
  std::uint16_t port = 6379;
  std::string path{};      // of a unix socket: absolute, short enough for the kernel, without NUL
  std::string user{};      // empty: the default user
  std::string password{};  // see `authenticates`
  bool authenticates = false;  // AUTH is to be sent; an empty password needs a user
  std::int32_t database = 0;

  static Result<RedisUrl> parse(std::string_view text);

  // The normal form, with "***" for user and password: for logs and messages.
  std::string to_string() const;

  bool operator==(const RedisUrl&) const = default;
};

}  // namespace tidegate::internal
