// SPDX-License-Identifier: Apache-2.0
//
// Waiting: the calls of one lane that wait for a permit. Takes out the one with the earliest
// deadline (ties: first come), the newest, or any one by name, in O(log n). Not thread-safe; holds
// no references: a job leaves before it dies.
#pragma once

#include <cstddef>
#include <vector>

#include "base/intrusive_list.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::internal {

class Job;

class Waiting {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  // How many go before one with this deadline, as long as they go by their deadlines. O(n).
  std::size_t count_until(Deadline deadline) const noexcept;

  // Makes room for one more; the next push() then cannot fail.
  void reserve() {
    if (heap_.size() == heap_.capacity()) heap_.reserve(2 * heap_.size() + 16);
  }
  void push(Job& job);
  // REQUIRES: !empty().
  Job& take_earliest() noexcept;
  Job& take_newest() noexcept;
  Job& newest() const noexcept { return by_arrival_.back(); }
  // REQUIRES: `job` waits here.
  void remove(Job& job) noexcept;

 private:
  static bool before(const Job& a, const Job& b) noexcept;
  void place(std::size_t index, Job& job) noexcept;
  void sift_up(std::size_t index) noexcept;
  void sift_down(std::size_t index) noexcept;

  std::vector<Job*> heap_;  // by deadline; each job knows its index
  IntrusiveList<Job> by_arrival_;
};

}  // namespace tidegate::internal
