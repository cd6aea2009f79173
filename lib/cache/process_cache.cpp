// SPDX-License-Identifier: Apache-2.0
#include "cache/process_cache.hpp"

#include <utility>

#include "cache/tier.hpp"
#include "net/redis_client.hpp"
#include "net/redis_url.hpp"

namespace tidegate::internal {

namespace {

CacheSettings settings_of(const CacheOptions::Values& options) {
  CacheSettings settings;
  settings.name = options.name;
  settings.store.max_entries = options.max_entries;
  settings.store.max_bytes = options.max_bytes;
  settings.store.eviction = options.eviction;
  settings.entry = {.ttl = options.ttl,
                    .stale_for = options.stale_for,
                    .negative_ttl = options.negative_ttl,
                    .jitter = options.jitter,
                    .sliding = options.sliding};
  settings.load_timeout = options.load_timeout;
  settings.throttle = options.failure_throttle;
  settings.error_ttl = options.error_ttl;
  settings.refresh_ahead = options.refresh_ahead;
  return settings;
}

Status check(const CacheOptions::Values& options, bool has_codec) {
  if (options.redis.empty()) return Status();
  const Result<RedisUrl> url = RedisUrl::parse(options.redis);
  if (!url.ok()) return url.status();
  if (has_codec) return Status();
  return Status(Cause::kConfig, "cache '" + options.name +
                                    "': redis() is set, but its type has no CacheCodec; specialise "
                                    "tidegate::CacheCodec for it, or leave redis() out");
}

}  // namespace

std::shared_ptr<Kv> kv_of(const CacheOptions::Values& options) {
  if (options.redis.empty()) return nullptr;
  const Result<RedisUrl> url = RedisUrl::parse(options.redis);
  if (!url.ok()) return nullptr;  // every operation is refused with that
  RedisOptions redis;
  redis.timeout = options.redis_timeout;
  return redis_client(*url, redis);
}

ProcessCache::ProcessCache(const CacheOptions::Values& options, const std::shared_ptr<Kv>& kv)
    : core_(std::make_shared<CacheCore>(settings_of(options), Runtime::current().shard(),
                                        coarse_clock())),
      workers_(std::make_shared<WorkerPool>(options.loaders)) {
  Runtime::current().enroll(workers_);
  if (!kv) return;
  share(core_, kv,
        {.timeout = options.redis_timeout, .loaders_when_down = options.loaders_without_redis});
}

CacheHome::CacheHome(const CacheOptions& options, bool has_codec, KvOf kv)
    : options_(options.values()), status_(check(options_, has_codec)), kv_of_(std::move(kv)) {}

ProcessCache& CacheHome::here() {
  return *process_.get(
      [this] { return std::make_shared<ProcessCache>(options_, kv_of_(options_)); });
}

}  // namespace tidegate::internal
