// SPDX-License-Identifier: Apache-2.0
//
// Where a Redis server can be reached: the addresses behind a URL, in the order to try them. IPv6
// and IPv4 take turns, so that a family that does not work costs one attempt and not all of them.
//
// A numeric address and a socket's path are read at once. A name is looked up on a thread of the
// resolver's, since getaddrinfo() blocks for as long as it likes; a flow that no longer waits for it
// leaves the thread behind, and later lookups wait for a thread.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "base/ports/loop.hpp"
#include "base/task.hpp"
#include "net/redis_url.hpp"
#include "net/worker_pool.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

struct RedisAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  std::string to_string() const;  // "127.0.0.1:6379", "[::1]:6379", "/run/redis.sock"
};
using RedisAddresses = std::vector<RedisAddress>;

class RedisResolver {
 public:
  explicit RedisResolver(Loop& loop)
      : loop_(loop), workers_(std::make_shared<WorkerPool>(kThreads)) {}

  // On the loop. kEngineUnavailable where the name is not known or nobody knows.
  Task<Result<RedisAddresses>> resolve(const RedisUrl* url);

  // As those of RuntimeMember. Any thread.
  bool quiesce() { return workers_->quiesce(); }
  std::size_t stop(Deadline until) { return workers_->join(until); }

 private:
  static constexpr std::size_t kThreads = 2;
  class Lookup;

  Loop& loop_;
  const std::shared_ptr<WorkerPool> workers_;
};

}  // namespace tidegate::internal
