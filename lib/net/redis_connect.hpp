// SPDX-License-Identifier: Apache-2.0
//
// redis_connect(): from a URL to a connection on which commands are answered: the addresses, the
// first of them that takes the connection, and the greeting (AUTH, SELECT, CLIENT SETNAME and PING
// in one write). What both connections of a client share is in its place.
#pragma once

#include <string>

#include "base/ports/rng.hpp"
#include "base/task.hpp"
#include "net/redis_address.hpp"
#include "net/redis_metrics.hpp"
#include "net/redis_options.hpp"
#include "net/redis_url.hpp"
#include "net/redis_wire.hpp"
#include "net/shard.hpp"

namespace tidegate::internal {

struct RedisPlace {
  RedisPlace(Shard& where, RedisUrl to, RedisOptions with);

  Shard& shard;
  const RedisUrl url;
  const RedisOptions options;
  const std::string shown;  // the URL without its secrets
  RedisMetrics metrics;
  RedisResolver resolver;  // the loop's, as what follows
  Rng rng;
};

// Within options.connect_timeout. The cause is kConfig where trying again cannot help: a wrong
// password, a database that is not there, a server of a Cluster.
Task<Status> redis_connect(RedisPlace* place, RedisWire* wire);

inline bool redis_is_permanent(const Status& status) noexcept {
  return status.cause() == Cause::kConfig;
}

}  // namespace tidegate::internal
