// SPDX-License-Identifier: Apache-2.0
//
// RedisOpenings: the RemoteOpenings of production: one key of a Redis, tidegate:breaker:{name}, that
// goes by itself when it says nothing any more; but an order stays until the next.
//
// An exchange is one EVALSHA. Times are kept as the rest of the key's life, so that no clock but the
// server's counts, and a script may do it that is not told the time.
//
// What Redis answers is believed only where it can be one of the script's answers.
#pragma once

#include <memory>
#include <string>

#include "gate/remote_openings.hpp"
#include "net/redis_client.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate::internal {

extern const RedisScript kRedisOpeningsScript;

class RedisOpenings final : public RemoteOpenings {
 public:
  // The options have been checked.
  RedisOpenings(std::shared_ptr<RedisClient> redis, const BreakerOptions::Values& options);

  Task<Result<Answer>> exchange(std::string known, std::optional<News> news) override;

  static std::string key_of(const std::string& name) { return "tidegate:breaker:{" + name + "}"; }

 private:
  const std::shared_ptr<RedisClient> redis_;
  const std::string key_;
  const Duration keep_;  // beyond the open time
};

}  // namespace tidegate::internal
