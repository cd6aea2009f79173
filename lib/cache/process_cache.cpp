// SPDX-License-Identifier: Apache-2.0
#include "cache/process_cache.hpp"

#include <utility>

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

}  // namespace

ProcessCache::ProcessCache(const CacheOptions::Values& options)
    : core_(std::make_shared<CacheCore>(settings_of(options), Runtime::current().shard(),
                                        coarse_clock())),
      workers_(std::make_shared<WorkerPool>(options.loaders)) {}

ProcessCache& CacheHome::here() {
  return *process_.get([this] {
    auto made = std::make_shared<ProcessCache>(options_);
    Runtime::current().enroll(made);
    return made;
  });
}

}  // namespace tidegate::internal
