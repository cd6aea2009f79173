// SPDX-License-Identifier: Apache-2.0
// JobList: an intrusive list of jobs in order of arrival. A job is in one list at a time; nothing
// here allocates.
#pragma once

namespace tidegate::internal {

class Job;

class JobList {
 public:
  bool empty() const noexcept { return front_ == nullptr; }
  Job* front() const noexcept { return front_; }
  Job* back() const noexcept { return back_; }
  void push_back(Job& job) noexcept;
  void remove(Job& job) noexcept;

 private:
  Job* front_ = nullptr;
  Job* back_ = nullptr;
};

}  // namespace tidegate::internal
