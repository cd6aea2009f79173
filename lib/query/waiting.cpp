// SPDX-License-Identifier: Apache-2.0
#include "query/waiting.hpp"

#include <algorithm>

#include "query/job.hpp"

namespace tidegate::internal {

bool Waiting::before(const Job& a, const Job& b) noexcept {
  return a.deadline != b.deadline ? a.deadline < b.deadline : a.sequence < b.sequence;
}

std::size_t Waiting::count_until(Deadline deadline) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(heap_.begin(), heap_.end(),
                    [deadline](const Job* job) { return !(deadline < job->deadline); }));
}

void Waiting::place(std::size_t index, Job& job) noexcept {
  heap_[index] = &job;
  job.heap_index = index;
}

void Waiting::push(Job& job) {
  heap_.push_back(&job);
  job.heap_index = heap_.size() - 1;
  sift_up(job.heap_index);
  by_arrival_.push_back(job);
}

Job& Waiting::take_earliest() noexcept {
  Job& job = *heap_.front();
  remove(job);
  return job;
}

Job& Waiting::take_newest() noexcept {
  Job& job = by_arrival_.back();
  remove(job);
  return job;
}

void Waiting::remove(Job& job) noexcept {
  const std::size_t hole = job.heap_index;
  Job& last = *heap_.back();
  heap_.pop_back();
  if (&last != &job) {
    place(hole, last);
    sift_up(hole);
    sift_down(last.heap_index);
  }
  job.unlink();
}

void Waiting::sift_up(std::size_t index) noexcept {
  Job& job = *heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!before(job, *heap_[parent])) break;
    place(index, *heap_[parent]);
    index = parent;
  }
  place(index, job);
}

void Waiting::sift_down(std::size_t index) noexcept {
  Job& job = *heap_[index];
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], job)) break;
    place(index, *heap_[child]);
    index = child;
  }
  place(index, job);
}

}  // namespace tidegate::internal
