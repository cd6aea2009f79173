// SPDX-License-Identifier: Apache-2.0
//
// ProcessCache: a cache in one process: its core, and the threads that its loaders run on. Made at
// the first use in each process, by the home that survives a fork.
#pragma once

#include <memory>

#include "base/per_process.hpp"
#include "cache/core.hpp"
#include "net/runtime.hpp"
#include "net/worker_pool.hpp"
#include "tidegate/cache.hpp"

namespace tidegate::internal {

class ProcessCache final : public RuntimeMember {
 public:
  explicit ProcessCache(const CacheOptions::Values& options);

  const std::shared_ptr<CacheCore>& core() const noexcept { return core_; }
  const std::shared_ptr<WorkerPool>& workers() const noexcept { return workers_; }

  bool quiesce() override { return workers_->quiesce(); }
  void close() override {}  // its flights end with the shard
  std::size_t join(Deadline until) override { return workers_->stop(until); }

 private:
  const std::shared_ptr<CacheCore> core_;
  const std::shared_ptr<WorkerPool> workers_;
};

class CacheHome {
 public:
  explicit CacheHome(const CacheOptions& options) : options_(options.values()) {}

  // The cache in this process.
  ProcessCache& here();
  const CacheOptions::Values& options() const noexcept { return options_; }

 private:
  const CacheOptions::Values options_;
  PerProcess<ProcessCache> process_;
};

}  // namespace tidegate::internal
