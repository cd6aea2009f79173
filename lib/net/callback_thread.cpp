// SPDX-License-Identifier: Apache-2.0
#include "net/callback_thread.hpp"

#include <cxxabi.h>

#include <exception>
#include <string>
#include <utility>

#include "base/log_record.hpp"

namespace tidegate::internal {

namespace {

void run_guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    log(LogLevel::kError, "callback", std::string("a callback threw: ") + error.what());
  } catch (...) {
    log(LogLevel::kError, "callback", "a callback threw something that is no std::exception");
  }
}

}  // namespace

void CallbackThread::dispatch(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    if (!started_) {
      started_ = thread_->start("tg-callback", [this, epoch = epoch_] { run(epoch); }).ok();
    }
    waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void CallbackThread::run(std::uint64_t epoch) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return epoch != epoch_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    auto work = std::move(waiting_.front());
    waiting_.pop_front();
    busy_ = true;
    lock.unlock();
    run_guarded(work);
    work = nullptr;  // what it held may be the user's: not under the lock
    lock.lock();
    busy_ = false;
  }
}

bool CallbackThread::quiesce() {
  auto ended = std::make_unique<ThreadSet>();
  {
    std::lock_guard lock(mutex_);
    if (busy_ || !waiting_.empty()) return false;
    ++epoch_;
    started_ = false;
    ended.swap(thread_);
  }
  changed_.notify_all();
  ended->join(Deadline::never());
  return true;
}

std::size_t CallbackThread::stop(Deadline until) {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ++epoch_;
  }
  changed_.notify_all();
  return thread_->join(until);
}

}  // namespace tidegate::internal
