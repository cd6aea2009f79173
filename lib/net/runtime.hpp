// SPDX-License-Identifier: Apache-2.0
//
// Runtime: what all handles of one process share. Made at the first use, one per fork generation,
// leaked on purpose: no static destructor ever runs while a thread of ours still lives.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "net/callback_thread.hpp"
#include "net/deadline_service.hpp"
#include "net/shard.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

// A part of a higher box that owns threads or operations and must end with the process.
class RuntimeMember {
 public:
  virtual ~RuntimeMember() = default;

  // True if it has no operation in flight; then its threads are joined. False: nothing was done.
  virtual bool quiesce() = 0;

  // Ends its operations with kClosed and refuses later ones. Does not wait.
  virtual void close() = 0;

  // After close(): waits for its threads until `until`; how many still run.
  virtual std::size_t join(Deadline until) = 0;
};

class Runtime {
 public:
  // This process's runtime. One atomic load once it exists.
  static Runtime& current();

  DeadlineService& deadlines() noexcept { return deadlines_; }
  CallbackThread& callbacks() noexcept { return callbacks_; }
  Shard& shard() noexcept { return shard_; }
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  // Held weakly. A member that comes after shutdown has begun is closed at once.
  void enroll(const std::shared_ptr<RuntimeMember>& member);

  bool quiesce();
  // After a fork, in the parent: what waits for its time goes on.
  void resume() noexcept { shard_.resume(); }
  Status shutdown(Duration timeout);

 private:
  std::vector<std::shared_ptr<RuntimeMember>> members();

  DeadlineService deadlines_;
  CallbackThread callbacks_;
  Shard shard_;
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::vector<std::weak_ptr<RuntimeMember>> members_;  // guarded by mutex_
};

}  // namespace tidegate::internal
