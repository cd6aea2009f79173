// SPDX-License-Identifier: Apache-2.0
#include "gate/remote_home.hpp"

#include <algorithm>
#include <string>

#include "gate/limiter_home.hpp"
#include "gate/redis_limits.hpp"
#include "gate/redis_openings.hpp"
#include "net/redis_url.hpp"

namespace tidegate::internal {

namespace {

template <class Options>
Status check(const Options& options, const std::string& what) {
  if (options.share != Share::kRedis) return {};
  const auto fault = [&](const std::string& need) {
    return Status(Cause::kConfig, what + " that is shared through Redis needs " + need);
  };
  if (options.name.empty() || options.name == Options().name) {
    return fault("a name of its own, not '" + options.name + "'");
  }
  if (options.redis.empty()) return fault("the URL of one: redis() or the setting gate.redis");
  const Result<RedisUrl> url = RedisUrl::parse(options.redis);
  return url.ok() ? Status() : url.status();
}

template <class Options>
std::shared_ptr<RedisClient> client_of(const Options& options) {
  RedisOptions redis;
  redis.timeout = options.redis_timeout;
  redis.memory_watch = {};  // what it advises is for caches: this is not to be evicted
  return redis_client(*RedisUrl::parse(options.redis), redis);
}

}  // namespace

Status check_redis(const LimiterOptions::Values& options) { return check(options, "a limiter"); }
Status check_redis(const BreakerOptions::Values& options) { return check(options, "a breaker"); }

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
  return {.limits = std::make_shared<RedisLimits>(loop, client_of(options), options),
          .promised = limiter_of(options, {}, 0),
          .down = options.share_down};
}

std::shared_ptr<RemoteOpenings> remote_openings(const BreakerOptions::Values& options) {
  if (options.share != Share::kRedis) return nullptr;
  return std::make_shared<RedisOpenings>(client_of(options), options);
}

}  // namespace tidegate::internal
