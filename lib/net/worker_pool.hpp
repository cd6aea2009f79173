// SPDX-License-Identifier: Apache-2.0
//
// WorkerPool: a bounded number of threads for code of the user's that may block, such as the
// loaders of a cache. Work waits in order of arrival where all are busy. Threads are started when
// there is work and none is idle, and stay until quiesce(), join() or retire().
//
// It bounds how many run, nothing more: a deadline is the business of whoever waits for the work,
// and the work itself is told by its stop signal. Thread-safety: everything, any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "net/runtime.hpp"
#include "net/thread_set.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class WorkerPool final : public RuntimeMember, public std::enable_shared_from_this<WorkerPool> {
 public:
  // Made by std::make_shared: its threads keep it alive, so that the runtime it is enrolled in finds
  // them also when all others have let go of it.
  explicit WorkerPool(std::size_t most) noexcept : most_(most) {}

  // Runs `work` once, later, on a thread of the pool. kClosed after join(); kLocalResource where
  // there is no thread and the process can have none.
  Status run(std::function<void()> work);

  // True if nothing runs or waits; then the threads are joined, and the next run() starts new ones.
  bool quiesce() override;

  // Its threads end from now on where they have nothing to do. Work that comes is still done.
  void retire();

  // At most so many from now on; the threads beyond it end where they have nothing to do.
  void bound(std::size_t most);

  void close() override {}  // what runs is stopped by what asked for it

  // Drops what waits, and waits until `until` for what runs; how many threads still run.
  std::size_t join(Deadline until) override;

 private:
  void work_on(std::uint64_t epoch);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t most_;  // guarded by mutex_, like all below
  std::deque<std::function<void()>> waiting_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  std::uint64_t epoch_ = 0;  // threads of an older one end
  bool closed_ = false;
  bool retired_ = false;
  ThreadSet set_;
};

}  // namespace tidegate::internal
