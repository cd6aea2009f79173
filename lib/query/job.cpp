// SPDX-License-Identifier: Apache-2.0
#include "query/job.hpp"

#include <new>
#include <utility>

#include "query/lane.hpp"
#include "query/scheduler.hpp"

namespace tidegate::internal {

Job::Job(std::shared_ptr<Scheduler> scheduler, Lane& in_lane, Submission submission,
         Duration default_timeout)
    : lane(in_lane),
      work(std::move(submission.work)),
      label(std::move(submission.label)),
      submitted(Deadline::now()),
      deadline(submission.deadline.earlier(
          Deadline::after(submission.timeout.value_or(default_timeout), submitted))),
      scheduler_(std::move(scheduler)) {}

Job::~Job() {
  // In a child the scheduler of a call that never ended is the parent's: it must not be destroyed
  // here.
  if (!alive()) (void)new std::shared_ptr<Scheduler>(std::move(scheduler_));
}

void Job::cancel() noexcept {
  if (!alive()) return;
  scheduler_->give_up(*this, failure(Cause::kCancelled, " was cancelled"));
}

void Job::expired() noexcept {
  const TimePoint now = Deadline::now();
  lane.metrics.lateness.record(now - deadline.time());
  scheduler_->give_up(*this, deadline_status(now));
  scheduler_->drop_elsewhere(OperationRef::adopt(this));
}

void Job::entered(Result<GatePermit> decision) noexcept {
  scheduler_->entered(*this, std::move(decision));
  scheduler_->drop_elsewhere(OperationRef::adopt(this));
}

Timings Job::timings(TimePoint now) const noexcept {
  const std::int64_t since = started.load(std::memory_order_acquire);
  const TimePoint start = since ? TimePoint(Duration(since)) : now;
  return {
      .submitted = submitted, .queued = start - submitted, .ran = now - start, .settled_at = now};
}

std::string Job::describe() const {
  return label.empty() ? "a call to '" + lane.name + "'" : "'" + label + "' on '" + lane.name + "'";
}

Status Job::failure(Cause cause, std::string_view what) const noexcept {
  try {
    return Status(cause, describe().append(what));
  } catch (const std::bad_alloc&) {
    return Status(cause, {});
  }
}

Status Job::deadline_status(TimePoint now) const noexcept {
  const Timings spent = timings(now);
  try {
    std::string what = " was given up at its deadline after " + format_duration(spent.elapsed());
    if (is_at_gate.load(std::memory_order_relaxed)) {
      what += ", still waiting at gate '" + lane.gate->options().name + "'";
    } else if (started.load(std::memory_order_acquire) == 0) {
      what += ", still waiting for one of " + std::to_string(lane.permits) + " permits";
    } else {
      what += ", " + format_duration(spent.queued) + " of them waiting for a permit";
    }
    return failure(Cause::kDeadline, what);
  } catch (const std::bad_alloc&) {
    return failure(Cause::kDeadline, " was given up at its deadline");
  }
}

}  // namespace tidegate::internal
