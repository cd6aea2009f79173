// SPDX-License-Identifier: Apache-2.0
#include "crew.hpp"

#include <utility>

namespace server {

Crew::Crew(std::size_t threads, std::size_t most_waiting, Serve serve)
    : most_waiting_(most_waiting), serve_(std::move(serve)) {
  threads_.reserve(threads);
  while (threads_.size() < threads) threads_.emplace_back([this] { work(); });
}

std::unique_ptr<Guest> Crew::take(std::unique_ptr<Guest> guest) {
  {
    std::lock_guard lock(mutex_);
    if (finishing_ || waiting_.size() >= idle_ + most_waiting_) return guest;
    waiting_.push_back(std::move(guest));
  }
  came_.notify_one();
  return nullptr;
}

void Crew::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    came_.wait(lock, [this] { return finishing_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    auto guest = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    serve_(std::move(guest));
    lock.lock();
  }
}

void Crew::finish() {
  {
    std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  came_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace server
