// SPDX-License-Identifier: Apache-2.0
//
// CacheReport: what the server's caches count, those of all workers. What a cache keeps for itself
// becomes metrics here; what tidegate counts of each by itself (loads, how they ended, who joined
// them) is there under its own names.
#pragma once

#include <mutex>
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
  explicit CacheReport(std::vector<ReportedCache> caches);
  ~CacheReport();

  // Brings the metrics up to what the caches have counted. After each answer. Thread-safe.
  void publish();

  // /api/v1/cache/stats.
  Reply all() const;

  // For /health: whether the Redis of each cache answers, and what waits for it; null where none has
  // one. "unknown" before the first page, with which a cache begins to ask its Redis.
  Json redis() const;

 private:
  struct Published;

  const std::vector<ReportedCache> caches_;
  std::mutex mutex_;
  std::vector<Published> published_;  // one for each cache; guarded by mutex_
};

}  // namespace server
