// SPDX-License-Identifier: Apache-2.0
//
// RedisLimits: the RemoteLimits of production: one key of a Redis, tidegate:limit:{name}, which goes
// by itself soon after it says nothing any more.
//
// A decision is one EVALSHA: a script that books with all limits or with none, by the server's TIME,
// in whole microseconds; intervals are rounded up to one. Where the server has no time for scripts
// (before Redis 5, and where TIME is not allowed) the caller's clock is sent with each, set by TIME
// once a minute, or the host's own where that is not allowed either.
//
// What Redis answers is believed only where it can be one of the script's answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ports/loop.hpp"
#include "gate/remote_limits.hpp"
#include "net/redis_client.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::internal {

extern const RedisScript kRedisLimitsScript;

class RedisLimits final : public RemoteLimits {
 public:
  // The options have been checked.
  RedisLimits(Loop& loop, std::shared_ptr<RedisClient> redis,
              const LimiterOptions::Values& options);

  Task<Result<Answer>> book(std::uint32_t weight, Duration most_wait, Duration hold) override;
  Task<Result<bool>> give_back(Ticket ticket) override;
  Task<Result<Duration>> held(Duration hold) override;
  Task<Status> began_late(Ticket ticket, Duration by) override;

  static std::string key_of(const std::string& name) { return "tidegate:limit:{" + name + "}"; }
  // As the script takes them.
  static std::string pace_of(const LimiterOptions::Values& options);
  static std::string rates_of(const LimiterOptions::Values& options);

 private:
  Task<Result<RedisReply>> ask(std::vector<std::string> arguments);
  Task<void> set_clock();
  std::string now_text() const;
  Result<Answer> answer_in(RedisReply& reply) const;

  Loop& loop_;
  const std::shared_ptr<RedisClient> redis_;
  const std::string key_;
  const std::string pace_;
  const std::string rates_;
  const std::size_t count_;  // of limits

  bool by_own_clock_ = false;
  Duration ahead_{};  // of the loop's clock: that of the server
  std::optional<TimePoint> set_at_;
};

}  // namespace tidegate::internal
