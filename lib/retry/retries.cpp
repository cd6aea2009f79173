// SPDX-License-Identifier: Apache-2.0
// The attempts of calls that are somebody else's.
#include "base/ports/clock.hpp"
#include "base/seed.hpp"
#include "policy/rate_limit_fields.hpp"
#include "retry/attempts.hpp"

namespace tidegate {

class Retries::State {
 public:
  explicit State(const RetryPolicy& policy)
      : policy_(policy.values()), budget_(internal::budget_of(policy_)) {}

  const RetryBudget& budget() const noexcept { return budget_; }

  Next failed(int attempt, Duration took, const internal::Tried& tried, TimePoint now,
              Deadline deadline) const {
    // A fresh one each time: what is made before a fork must not draw the same in all children.
    internal::Rng rng(internal::fresh_seed());
    internal::Attempts attempts(policy_, budget_, rng, attempt - 1);
    attempts.ended(tried, took, now, deadline);
    return {.again = attempts.again(),
            .pause = attempts.pause(),
            .line = attempts.line(tried, took) + attempts.why_ended()};
  }

 private:
  const RetryPolicy::Values policy_;
  const RetryBudget budget_;
};

Retries::Retries(const RetryPolicy& policy) : state_(std::make_unique<State>(policy)) {}
Retries::Retries(Retries&&) noexcept = default;
Retries& Retries::operator=(Retries&&) noexcept = default;
Retries::~Retries() = default;

std::optional<Duration> Retries::asked(const Headers& headers, int status) noexcept {
  return policy::asked_wait(headers, status, internal::wall_time());
}

void Retries::call() { state_->budget().call(); }

const RetryBudget& Retries::budget() const noexcept { return state_->budget(); }

Retries::Next Retries::failed(int attempt, std::string_view what, Duration took,
                              std::optional<Duration> asked, TimePoint now, Deadline deadline) {
  const internal::Tried tried{
      .cause = Cause::kCallableFailed, .was_sent = false, .asked = asked, .name = what};
  return state_->failed(attempt, took, tried, now, deadline);
}

}  // namespace tidegate
