// SPDX-License-Identifier: Apache-2.0
#include "gate/remote_home.hpp"

#include <algorithm>
#include <string>

#include "gate/limiter_home.hpp"
#include "gate/redis_limits.hpp"
#include "net/redis_url.hpp"

namespace tidegate::internal {

Status check_redis(const LimiterOptions::Values& options) {
  if (options.share != Share::kRedis) return {};
  const auto fault = [](const std::string& what) {
    return Status(Cause::kConfig, "a limiter that is shared through Redis needs " + what);
  };
  if (options.name.empty() || options.name == LimiterOptions::Values().name) {
    return fault("a name of its own, not '" + options.name + "'");
  }
  if (options.redis.empty()) return fault("the URL of one: redis() or the setting gate.redis");
  const Result<RedisUrl> url = RedisUrl::parse(options.redis);
  return url.ok() ? Status() : url.status();
}

LimiterOptions::Values part_of_process(LimiterOptions::Values options) {
  const Duration longest = policy::Limit::kLongest / options.share_workers;
  const auto part = [&](Duration& time) { time = std::min(time, longest) * options.share_workers; };
  for (LimiterOptions::Rate& rate : options.rates) part(rate.per);
  part(options.pace.interval);
  part(options.pace.jitter);
  part(options.pace.least_pause);
  part(options.pace.most_pause);
  return options;
}

RemoteSetup remote_setup(Loop& loop, const LimiterOptions::Values& options) {
  RedisOptions redis;
  redis.timeout = options.redis_timeout;
  redis.memory_watch = {};  // what it advises is for caches: limits are not to be evicted
  auto client = redis_client(*RedisUrl::parse(options.redis), redis);
  return {.limits = std::make_shared<RedisLimits>(loop, std::move(client), options),
          .promised = limiter_of(options, {}, 0),
          .down = options.share_down};
}

}  // namespace tidegate::internal
