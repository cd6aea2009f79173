// SPDX-License-Identifier: Apache-2.0
#include "query/job_list.hpp"

#include "query/job.hpp"

namespace tidegate::internal {

void JobList::push_back(Job& job) noexcept {
  job.older = back_;
  job.newer = nullptr;
  (back_ ? back_->newer : front_) = &job;
  back_ = &job;
}

void JobList::remove(Job& job) noexcept {
  (job.newer ? job.newer->older : back_) = job.older;
  (job.older ? job.older->newer : front_) = job.newer;
}

}  // namespace tidegate::internal
