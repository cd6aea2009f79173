// SPDX-License-Identifier: Apache-2.0
//
// RedisMemoryWatch: what a server says of its memory. A server without a limit grows until the host
// kills it, and one that does not evict refuses every write when it is full: both are the defaults
// of Redis, and each is said once in the log. On the loop's thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/redis_connect.hpp"
#include "net/redis_reply.hpp"

namespace tidegate::internal {

// The value of one field of an INFO reply, "used_memory:1048576\r\n"; empty where there is none.
std::string_view redis_info_field(std::string_view info, std::string_view name) noexcept;

class RedisMemoryWatch {
 public:
  explicit RedisMemoryWatch(RedisPlace& place) noexcept : place_(place) {}

  // The replies to INFO memory and INFO stats. Where they were refused nothing is known.
  void take(const RedisReply& memory, const RedisReply& stats);

 private:
  void warn(const char* what) noexcept;

  RedisPlace& place_;
  bool warned_ = false;
};

}  // namespace tidegate::internal
