// SPDX-License-Identifier: Apache-2.0
// The setters of a policy, and the settings that set it.
#include <algorithm>
#include <utility>

#include "tidegate/retry.hpp"

namespace tidegate {

namespace {

template <class Source>
RetryPolicy policy_from(const Source& source) {
  return RetryPolicy()
      .attempts(static_cast<int>(source.integer("retry.attempts")))
      .backoff(source.duration("retry.backoff"), source.duration("retry.max_backoff"))
      .every_method(source.text("retry.methods") == "every")
      .max_retry_after(source.duration("retry.max_retry_after"))
      .budget(source.number("retry.budget"), source.number("retry.budget_per_second"),
              source.number("retry.budget_most"));
}

Duration bounded(Duration time) noexcept {
  return std::clamp<Duration>(time, Duration::zero(), std::chrono::hours(24));
}

}  // namespace

RetryPolicy& RetryPolicy::attempts(int count) {
  values_.attempts = std::clamp(count, 1, 100);
  return *this;
}
RetryPolicy& RetryPolicy::backoff(Duration first, Duration longest) {
  values_.backoff = bounded(first);
  values_.max_backoff = bounded(longest);
  return *this;
}
RetryPolicy& RetryPolicy::statuses(std::vector<int> statuses) {
  values_.statuses = std::move(statuses);
  return *this;
}
RetryPolicy& RetryPolicy::every_method(bool may_be_tried_again) {
  values_.every_method = may_be_tried_again;
  return *this;
}
RetryPolicy& RetryPolicy::max_retry_after(Duration longest) {
  values_.max_retry_after = bounded(longest);
  return *this;
}
RetryPolicy& RetryPolicy::budget(double share, double per_second, double most) {
  values_.budget = std::clamp(share, 0.0, 100.0);
  values_.budget_per_second = std::clamp(per_second, 0.0, 1e6);
  values_.budget_most = std::clamp(most, 0.0, 1e6);
  return *this;
}
RetryPolicy& RetryPolicy::budget(RetryBudget shared) {
  values_.shared_budget = std::move(shared);
  return *this;
}

RetryPolicy RetryPolicy::from(const Config& config) { return policy_from(config); }
RetryPolicy RetryPolicy::from(const Service& service) { return policy_from(service); }

}  // namespace tidegate
