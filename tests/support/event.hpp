// SPDX-License-Identifier: Apache-2.0
// Something that happens once and that others wait for. Copies name the same event: a call that
// outlives the test's scope must hold a copy, not a reference.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace tidegate::test {

class Event {
 public:
  void set() const {
    std::lock_guard lock(state_->mutex);
    state_->happened = true;
    state_->changed.notify_all();
  }

  // False if it has not happened within a minute: the test has failed, and does not hang.
  bool wait() const {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, std::chrono::minutes(1),
                                    [this] { return state_->happened; });
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool happened = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Waits until `condition` holds; false after a minute. For states that have no event to wait for.
template <class F>
bool eventually(F condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::mutex mutex;
  std::condition_variable tick;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::unique_lock lock(mutex);
    tick.wait_for(lock, std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace tidegate::test
