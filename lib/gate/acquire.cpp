// SPDX-License-Identifier: Apache-2.0
#include "gate/acquire.hpp"

#include <string>
#include <utility>

#include "base/sleep.hpp"

namespace tidegate::internal {

Operation<Duration> Acquire::ended(AcquireRef acquire, const Status& outcome) noexcept {
  acquire->granted_ = outcome.ok();
  acquire->end(outcome);
  return Operation<Duration>(OperationRef::adopt(acquire.release()));
}

Operation<Duration> Acquire::start(AcquireRef acquire, std::shared_ptr<Turns> turns) noexcept {
  acquire->turns_ = std::move(turns);
  acquire->is_ahead_ = true;
  acquire->metrics_.waiting.add(1);
  return Operation<Duration>(acquire.release()->begin());
}

Task<void> Acquire::wait() {
  const LineHead head = co_await turns_->line_.enter();
  if (!head.held()) co_return;
  while (book()) {
    const Cause woken = co_await sleep_until(booking_.start);
    const TimePoint now = loop().now();
    const bool is_put_off = turns_->is_held(now);
    if (is_put_off && woken == Cause::kNone) continue;
    if (is_put_off || now < booking_.start) {
      turns_->cancel(booking_, now);
      co_return;
    }
    granted_ = turns_->started(booking_, now);
    waited_ = now - begun_;
    if (granted_ || woken != Cause::kNone) co_return;
  }
}

Task<void> Acquire::ask_and_wait() {
  const Scope& scope = co_await this_scope();
  const LineHead head = co_await turns_->line_.enter();
  if (!head.held()) co_return;
  leave_those_ahead();
  RemoteStarts& remote = *turns_->remote();
  Bell nobody_rings;
  for (;;) {
    const Duration left = deadline().left(loop().now());
    auto asking = remote.book(weight_, left);
    const RemoteBooking booked = co_await std::move(asking);
    if (!scope.ok() && !booked.granted()) co_return;
    if (!booked.granted()) {
      refusal_ = booked.failure;
      if (refusal_.ok()) refusal_ = too_late(booked.local.wait, left);
      co_return;
    }
    auto coming = remote.come(&booked, &nobody_rings, nullptr);
    const RemoteStarts::Come come = co_await std::move(coming);
    const TimePoint now = loop().now();
    if (come == RemoteStarts::Come::kHasCome) {
      remote.started(booked, now);
      granted_ = true;
      waited_ = now - begun_;
      co_return;
    }
    remote.take_back(booked, now);
    if (come == RemoteStarts::Come::kCutShort) co_return;
  }
}

bool Acquire::book() noexcept {
  leave_those_ahead();
  const TimePoint now = loop().now();
  const Duration left = deadline().left(now);
  booking_ = turns_->book(now, weight_, left);
  if (!booking_.granted()) refusal_ = too_late(booking_.wait, left);
  return booking_.granted();
}

void Acquire::leave_those_ahead() noexcept {
  if (std::exchange(is_ahead_, false)) turns_->ahead_no_more(weight_);
}

void Acquire::settle(const Status& outcome) noexcept {
  leave_those_ahead();
  result_.emplace(outcome_of(outcome));
  if (granted_) {
    metrics_.granted.add();
    metrics_.wait.record(waited_);
  } else if (result_->status().cause() != Cause::kCancelled) {
    metrics_.refused.add();
  }
  if (!turns_) return;
  metrics_.waiting.add(-1);
  turns_->left();
  turns_.reset();
}

Result<Duration> Acquire::outcome_of(const Status& outcome) noexcept {
  if (granted_) return waited_;
  if (!refusal_.ok()) return refusal_;
  if (!turns_ || outcome.cause() != Cause::kDeadline) return outcome;
  return too_late(turns_->wait(loop().now(), weight_), Duration::zero());
}

Status Acquire::too_late(Duration wait, Duration left) noexcept try {
  return Status(Cause::kRateLimited, "its turn would come in " + format_duration(wait) + ", and " +
                                         format_duration(left) + " are left")
      .with_retry_after(wait);
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "");
}

}  // namespace tidegate::internal
