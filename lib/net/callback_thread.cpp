// SPDX-License-Identifier: Apache-2.0
#include "net/callback_thread.hpp"

#include <new>
#include <utility>

#include "net/run_guarded.hpp"

namespace tidegate::internal {

CallbackThread::~CallbackThread() {
  while (Item* item = waiting_.pop_front()) delete item;
}

void CallbackThread::push(std::unique_ptr<Item> item) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    if (!started_) started_ = start();
    waiting_.push_back(*item.release());
  }
  changed_.notify_one();
}

// REQUIRES: the mutex. Where it fails, what waits waits for the next push().
bool CallbackThread::start() noexcept {
  try {
    return thread_.start("tg-callback", [this, epoch = epoch_] { run(epoch); }).ok();
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void CallbackThread::run(std::uint64_t epoch) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return epoch != epoch_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::unique_ptr<Item> item(waiting_.pop_front());
    busy_ = true;
    lock.unlock();
    run_guarded("callback", item->work);
    item.reset();  // what it held may be the user's: not under the lock
    lock.lock();
    busy_ = false;
  }
}

bool CallbackThread::quiesce() {
  ThreadSet ended;
  {
    std::lock_guard lock(mutex_);
    if (busy_ || !waiting_.empty()) return false;
    ++epoch_;
    started_ = false;
    thread_.hand_over(ended);
  }
  changed_.notify_all();
  ended.join(Deadline::never());
  return true;
}

std::size_t CallbackThread::stop(Deadline until) {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ++epoch_;
  }
  changed_.notify_all();
  return thread_.join(until);
}

}  // namespace tidegate::internal
