// SPDX-License-Identifier: Apache-2.0
//
// Tally: how many of something there are now. Each holds a mark and is counted until it drops it.
// One with a name is among the metrics, too.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include "tidegate/deadline.hpp"
#include "tidegate/metrics.hpp"

namespace server {

class Tally {
 public:
  class Mark {
   public:
    Mark() noexcept = default;
    Mark(Mark&& other) noexcept : tally_(std::exchange(other.tally_, nullptr)) {}
    Mark& operator=(Mark&& other) noexcept {
      std::swap(tally_, other.tally_);
      return *this;
    }
    ~Mark() { drop(); }

    explicit operator bool() const noexcept { return tally_ != nullptr; }
    void drop() noexcept {
      if (Tally* tally = std::exchange(tally_, nullptr)) tally->leave();
    }

   private:
    friend class Tally;
    explicit Mark(Tally& tally) noexcept : tally_(&tally) {}
    Tally* tally_ = nullptr;
  };

  Tally() = default;
  Tally(const char* metric, const char* help) : gauge_(std::in_place, metric, no_labels(), help) {}

  Mark mark() {
    std::lock_guard lock(mutex_);
    return enter();
  }

  // An empty mark where there are `most` already.
  Mark mark_below(std::size_t most) {
    std::lock_guard lock(mutex_);
    return count_ < most ? enter() : Mark();
  }

  std::size_t count() const {
    std::lock_guard lock(mutex_);
    return count_;
  }

  // Blocks until there are none or `until`; true if there are none.
  bool wait_for_none(tidegate::Deadline until) const {
    std::unique_lock lock(mutex_);
    return none_.wait_until(lock, until.time(), [this] { return count_ == 0; });
  }

 private:
  static tidegate::OwnLabels no_labels() { return {}; }

  Mark enter() noexcept {
    ++count_;
    if (gauge_) gauge_->add(1);
    return Mark(*this);
  }

  void leave() noexcept {
    std::lock_guard lock(mutex_);
    if (gauge_) gauge_->add(-1);
    if (--count_ == 0) none_.notify_all();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable none_;
  std::size_t count_ = 0;
  std::optional<tidegate::OwnGauge> gauge_;
};

}  // namespace server
