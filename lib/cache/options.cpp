// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "tidegate/cache.hpp"

namespace tidegate {

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

}  // namespace tidegate
