// SPDX-License-Identifier: Apache-2.0
//
// ProcessCache: a cache in one process: its core, and the threads that its loaders run on. Made at
// the first use in each process, by the home that survives a fork.
#pragma once

#include <functional>
#include <memory>

#include "base/per_process.hpp"
#include "base/ports/kv.hpp"
#include "cache/core.hpp"
#include "net/worker_pool.hpp"
#include "tidegate/cache.hpp"

namespace tidegate::internal {

class ProcessCache {
 public:
  // `kv` is what it shares with other processes; null where it shares nothing.
  ProcessCache(const CacheOptions::Values& options, const std::shared_ptr<Kv>& kv);
  ProcessCache(const ProcessCache&) = delete;
  ProcessCache& operator=(const ProcessCache&) = delete;
  ~ProcessCache() { workers_->retire(); }

  const std::shared_ptr<CacheCore>& core() const noexcept { return core_; }
  const std::shared_ptr<WorkerPool>& workers() const noexcept { return workers_; }

 private:
  const std::shared_ptr<CacheCore> core_;
  const std::shared_ptr<WorkerPool> workers_;
};

// The store outside the process that the options name; null where they name none.
std::shared_ptr<Kv> kv_of(const CacheOptions::Values& options);

class CacheHome {
 public:
  // Where a process gets its store from.
  using KvOf = std::function<std::shared_ptr<Kv>(const CacheOptions::Values&)>;
  CacheHome(const CacheOptions& options, bool has_codec, KvOf kv = kv_of);

  // OK, or why every operation is refused.
  const Status& status() const noexcept { return status_; }

  // The cache in this process.
  ProcessCache& here();
  // The same, null where nothing has used it yet.
  std::shared_ptr<ProcessCache> peek() const { return process_.peek(); }
  const CacheOptions::Values& options() const noexcept { return options_; }

 private:
  const CacheOptions::Values options_;
  const Status status_;
  const KvOf kv_of_;
  PerProcess<ProcessCache> process_;
};

}  // namespace tidegate::internal
