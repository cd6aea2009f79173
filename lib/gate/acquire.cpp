// SPDX-License-Identifier: Apache-2.0
#include "gate/acquire.hpp"

#include <string>
#include <utility>

#include "base/sleep.hpp"

namespace tidegate::internal {

Operation<Duration> Acquire::ended(LimiterCore& core, const Status& outcome) {
  auto* const acquire = new Acquire(core, {}, 0, Deadline::never());
  acquire->granted_ = outcome.ok();
  acquire->end(outcome);
  return Operation<Duration>(OperationRef::adopt(acquire));
}

Operation<Duration> Acquire::start(std::shared_ptr<LimiterCore> core, TimePoint now,
                                   std::uint32_t weight, Deadline deadline) {
  auto* const acquire = new Acquire(*core, now, weight, deadline);
  acquire->alive_ = std::move(core);
  acquire->is_ahead_ = true;
  acquire->core_.ahead_.fetch_add(weight, std::memory_order_relaxed);
  return Operation<Duration>(acquire->begin());
}

Task<void> Acquire::flow() {
  const LineHead head = co_await core_.line_.enter();
  if (!head.held()) co_return;
  while (book()) {
    const Cause woken = co_await sleep_until(booking_.start);
    const TimePoint now = loop().now();
    const bool is_put_off = core_.word_.is_held(now);
    if (is_put_off && woken == Cause::kNone) continue;
    if (is_put_off || now < booking_.start) {
      core_.cancel(booking_, now);
      co_return;
    }
    granted_ = core_.word_.started(booking_, now);
    waited_ = now - begun_;
    if (granted_ || woken != Cause::kNone) co_return;
  }
}

bool Acquire::book() noexcept {
  leave_those_ahead();
  const TimePoint now = loop().now();
  const Duration left = deadline().left(now);
  booking_ = core_.word_.reserve(now, weight_, left);
  if (!booking_.granted()) refusal_ = core_.too_late(booking_.wait, left);
  return booking_.granted();
}

void Acquire::leave_those_ahead() noexcept {
  if (!std::exchange(is_ahead_, false)) return;
  core_.ahead_.fetch_sub(weight_, std::memory_order_relaxed);
}

void Acquire::settle(const Status& outcome) noexcept {
  leave_those_ahead();
  result_.emplace(outcome_of(outcome));
  if (granted_) {
    core_.metrics_.granted.add();
    core_.metrics_.wait.record(waited_);
  } else if (result_->status().cause() != Cause::kCancelled) {
    core_.metrics_.refused.add();
  }
  if (!alive_) return;
  core_.metrics_.waiting.add(-1);
  core_.waiting_.fetch_sub(1, std::memory_order_release);
  alive_.reset();
}

Result<Duration> Acquire::outcome_of(const Status& outcome) noexcept {
  if (granted_) return waited_;
  if (!refusal_.ok()) return refusal_;
  if (outcome.cause() != Cause::kDeadline) return outcome;
  return core_.too_late(core_.word_.wait(loop().now(), weight_, 0), Duration::zero());
}

}  // namespace tidegate::internal
