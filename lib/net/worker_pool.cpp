// SPDX-License-Identifier: Apache-2.0
#include "net/worker_pool.hpp"

#include <utility>

#include "net/run_guarded.hpp"

namespace tidegate::internal {

Status WorkerPool::run(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return Status(Cause::kClosed, "the runtime is shut down");
    if (idle_ <= waiting_.size() && threads_ < most_) {
      Status started = set_.start(
          "tg-worker", [self = shared_from_this(), epoch = epoch_] { self->work_on(epoch); });
      if (!started.ok() && threads_ == 0) return started;
      if (started.ok()) ++threads_;
    }
    waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
  return Status();
}

void WorkerPool::work_on(std::uint64_t epoch) {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(
        lock, [&] { return epoch != epoch_ || retired_ || threads_ > most_ || !waiting_.empty(); });
    if (epoch != epoch_) return;
    --idle_;
    if (waiting_.empty()) {
      --threads_;
      return;
    }
    auto work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    run_guarded("worker", work);
    work = nullptr;  // what it held may be the user's: not under the lock
    lock.lock();
    if (epoch != epoch_) return;
  }
}

bool WorkerPool::quiesce() {
  ThreadSet ended;
  {
    std::lock_guard lock(mutex_);
    if (idle_ != threads_ || !waiting_.empty()) return false;
    ++epoch_;
    threads_ = idle_ = 0;
    set_.hand_over(ended);
  }
  changed_.notify_all();
  ended.join(Deadline::never());
  return true;
}

void WorkerPool::retire() {
  {
    std::lock_guard lock(mutex_);
    retired_ = true;
  }
  changed_.notify_all();
}

void WorkerPool::bound(std::size_t most) {
  {
    std::lock_guard lock(mutex_);
    most_ = most;
  }
  changed_.notify_all();
}

std::size_t WorkerPool::join(Deadline until) {
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ++epoch_;
    dropped.swap(waiting_);
  }
  changed_.notify_all();
  return set_.join(until);
}

}  // namespace tidegate::internal
