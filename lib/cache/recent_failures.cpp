// SPDX-License-Identifier: Apache-2.0
#include "cache/recent_failures.hpp"

namespace tidegate::internal {

void RecentFailures::add(const std::string& key, const Status& status, TimePoint now) {
  ages_.push_back({key, now});
  failures_.insert_or_assign(key, Failure{status, now});
  while (ages_.size() > kMost) {
    const auto oldest = failures_.find(ages_.front().key);
    if (oldest != failures_.end() && oldest->second.at == ages_.front().at) failures_.erase(oldest);
    ages_.pop_front();
  }
}

void RecentFailures::forget(std::string_view key) {
  const auto known = failures_.find(key);
  if (known != failures_.end()) failures_.erase(known);
}

const Status* RecentFailures::find(std::string_view key, TimePoint now, Duration within) const {
  const auto known = failures_.find(key);
  if (known == failures_.end() || now - known->second.at >= within) return nullptr;
  return &known->second.status;
}

}  // namespace tidegate::internal
