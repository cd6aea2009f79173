// SPDX-License-Identifier: Apache-2.0
//
// RedisOptions: how patient a Redis client is, and how much it takes on. A plain value.
#pragma once

#include <cstddef>
#include <string>

#include "net/redis_reply.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::internal {

struct RedisOptions {
  Duration timeout = std::chrono::milliseconds(50);  // of one verb
  // Of one attempt to connect: the name, the connection, the greeting and a PING.
  Duration connect_timeout = std::chrono::seconds(1);
  // A connection on which nothing is answered for as long is given up, whoever still waits.
  Duration stall_timeout = std::chrono::seconds(1);

  // So many failures of the server's, one after the other, and it is taken for down.
  int failures = 5;
  // Before attempt n a random part of first_pause × 2^n, of at most longest_pause.
  Duration first_pause = std::chrono::milliseconds(100);
  Duration longest_pause = std::chrono::seconds(5);
  // Where trying again cannot help, as with a wrong password: a random time up to this, and at
  // least half of it.
  Duration permanent_pause = std::chrono::seconds(60);

  // What may be under way at a time, in verbs and in the bytes of their commands; and the bytes
  // that the socket has not taken yet.
  std::size_t max_calls = 10'000;
  std::size_t max_bytes = std::size_t{16} << 20;
  std::size_t max_unsent = std::size_t{4} << 20;
  RedisReplyLimits limits{};

  Duration listen_ping = std::chrono::seconds(5);    // of silence on the listening connection
  Duration memory_watch = std::chrono::seconds(30);  // zero: the server's memory is not looked at
  std::string client_name = "tidegate";

  bool operator==(const RedisOptions&) const = default;
};

}  // namespace tidegate::internal
