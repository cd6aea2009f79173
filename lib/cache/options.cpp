// SPDX-License-Identifier: Apache-2.0
// The options of a cache, and the configuration keys that set them.
#include <algorithm>
#include <utility>

#include "base/config_count.hpp"
#include "net/redis_url.hpp"
#include "tidegate/cache.hpp"

namespace tidegate {

namespace {

using internal::count;

template <class Source>
CacheOptions cache_options(const Source& source) {
  CacheOptions options;
  options.ttl(source.duration("cache.ttl"))
      .stale_for(source.duration("cache.stale_for"))
      .negative_ttl(source.duration("cache.negative_ttl"))
      .failure_throttle(source.duration("cache.failure_throttle"))
      .error_ttl(source.duration("cache.error_ttl"))
      .load_timeout(source.duration("cache.load_timeout"))
      .jitter(source.number("cache.jitter"))
      .refresh_ahead(source.number("cache.refresh_ahead"))
      .sliding(source.boolean("cache.sliding"))
      .max_entries(count(source, "cache.max_entries"))
      .max_bytes(count(source, "cache.max_bytes"))
      .loaders(count(source, "cache.loaders"))
      .redis(source.text("cache.redis"))
      .redis_timeout(source.duration("cache.redis_timeout"))
      .loaders_without_redis(count(source, "cache.loaders_without_redis"));
  if (source.text("cache.eviction") == "strict_lru") options.eviction(Eviction::kStrictLru);
  // One that a caller's deadline always comes before is none.
  const Duration soft = source.duration("cache.soft_timeout");
  if (soft < options.values().load_timeout) options.soft_timeout(soft);
  return options;
}

}  // namespace

CacheOptions& CacheOptions::name(std::string name) {
  values_.name = std::move(name);
  return *this;
}
CacheOptions& CacheOptions::ttl(Duration ttl) {
  values_.ttl = ttl;
  return *this;
}
CacheOptions& CacheOptions::stale_for(Duration stale_for) {
  values_.stale_for = stale_for;
  return *this;
}
CacheOptions& CacheOptions::negative_ttl(Duration ttl) {
  values_.negative_ttl = ttl;
  return *this;
}
CacheOptions& CacheOptions::failure_throttle(Duration time) {
  values_.failure_throttle = time;
  return *this;
}
CacheOptions& CacheOptions::error_ttl(Duration ttl) {
  values_.error_ttl = ttl;
  return *this;
}
CacheOptions& CacheOptions::load_timeout(Duration timeout) {
  values_.load_timeout = timeout;
  return *this;
}
CacheOptions& CacheOptions::soft_timeout(Duration timeout) {
  values_.soft_timeout = timeout;
  return *this;
}
CacheOptions& CacheOptions::jitter(double share) {
  values_.jitter = std::clamp(share, 0.0, 0.5);
  return *this;
}
CacheOptions& CacheOptions::refresh_ahead(double share) {
  values_.refresh_ahead = std::clamp(share, 0.0, 1.0);
  return *this;
}
CacheOptions& CacheOptions::sliding(bool on) {
  values_.sliding = on;
  return *this;
}
CacheOptions& CacheOptions::max_entries(std::size_t entries) {
  values_.max_entries = std::max<std::size_t>(1, entries);
  return *this;
}
CacheOptions& CacheOptions::max_bytes(std::size_t bytes) {
  values_.max_bytes = std::max<std::size_t>(1, bytes);
  return *this;
}
CacheOptions& CacheOptions::loaders(std::size_t at_once) {
  values_.loaders = std::max<std::size_t>(1, at_once);
  return *this;
}
CacheOptions& CacheOptions::eviction(Eviction policy) {
  values_.eviction = policy;
  return *this;
}
CacheOptions& CacheOptions::redis(std::string url) {
  values_.redis = std::move(url);
  return *this;
}
CacheOptions& CacheOptions::redis_timeout(Duration timeout) {
  values_.redis_timeout = timeout;
  return *this;
}
CacheOptions& CacheOptions::loaders_without_redis(std::size_t at_once) {
  values_.loaders_without_redis = std::max<std::size_t>(1, at_once);
  return *this;
}

CacheOptions CacheOptions::from(const Config& config) { return cache_options(config); }
CacheOptions CacheOptions::from(const Service& service) {
  return cache_options(service).name(service.name());
}

Result<std::string> redacted_redis_url(std::string_view url) {
  const auto parsed = internal::RedisUrl::parse(url);
  if (!parsed.ok()) return parsed.status();
  return parsed->to_string();
}

}  // namespace tidegate
