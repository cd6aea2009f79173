// SPDX-License-Identifier: Apache-2.0
//
// CacheReport: what the server's caches count, as JSON and for Prometheus. What tidegate counts
// of each by itself (loads, how they ended, who joined them) is part of the JSON, and in /metrics
// under its own names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reply.hpp"
#include "tidegate/cache.hpp"

namespace server {

struct ReportedCache {
  tidegate::CacheOptions::Values options;
  tidegate::Cache cache;  // a handle of it
};

class CacheReport {
 public:
  explicit CacheReport(std::vector<ReportedCache> caches) : caches_(std::move(caches)) {}

  // /api/v1/cache/stats.
  Reply all() const;

  // For /health: whether the Redis of each cache answers, and what waits for it; null where none has
  // one. "unknown" before the first page, with which a cache begins to ask its Redis.
  Json redis() const;

  // In the text format of Prometheus.
  std::string prometheus() const;

 private:
  const std::vector<ReportedCache> caches_;
};

}  // namespace server
