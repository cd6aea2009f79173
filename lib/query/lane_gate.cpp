// SPDX-License-Identifier: Apache-2.0
// The gate of a lane: how its next call gets in.
#include <memory>
#include <new>
#include <utility>

#include "query/scheduler.hpp"

namespace tidegate::internal {

namespace {

// A call in the line of a gate; it hears of its turn on the thread of the gate's loop. It holds a
// reference to its job, which that drops.
class InLine final : public Consumer {
 public:
  explicit InLine(Job& job) noexcept : job_(job) { job.ref(); }
  InLine(const InLine&) = delete;
  InLine& operator=(const InLine&) = delete;
  ~InLine() override {
    if (!has_come_) job_.unref();
  }

  Operation<GatePermit> entering;

  void completed(OperationState&) noexcept override {
    const std::unique_ptr<InLine> self(this);
    has_come_ = true;
    job_.entered(entering.wait());
  }

 private:
  Job& job_;
  bool has_come_ = false;
};

}  // namespace

Scheduler::Stir Scheduler::ask_gate(Job& job) noexcept try {
  auto waiting = std::make_unique<InLine>(job);
  waiting->entering = job.lane.gate->acquire(job.deadline);
  if (waiting->entering.done()) return decided(job, waiting->entering.wait());
  bool is_wanted = false;
  {
    const std::lock_guard lock(mutex_);
    is_wanted = job.phase == Job::Phase::kAtGate;
    if (is_wanted) job.entering = waiting->entering.state();
  }
  if (!is_wanted) waiting->entering.cancel();
  const OperationRef entering = waiting->entering.state();
  entering->add_consumer(waiting.release());
  return {};
} catch (const std::bad_alloc&) {
  return end_early(job, Status(Cause::kNoMemory, ""), false);
}

// What is refused when its deadline has passed is late, whatever the gate calls it.
Scheduler::Stir Scheduler::decided(Job& job, Result<GatePermit> permit) noexcept {
  if (permit.ok()) return let_in(job, std::move(permit).value());
  const TimePoint now = Deadline::now();
  if (job.deadline.passed(now)) return end_early(job, job.deadline_status(now), false);
  return end_early(job, permit.status(), permit.status().cause() != Cause::kClosed);
}

// One that was given up meanwhile gives its permit back by dropping it.
Scheduler::Stir Scheduler::let_in(Job& job, GatePermit permit) noexcept {
  const TimePoint now = Deadline::now();
  Lane& lane = job.lane;
  const std::lock_guard lock(mutex_);
  job.entering = {};
  if (job.phase != Job::Phase::kAtGate) return {};
  lane.let_in(job, std::move(permit), now);
  grant(now);  // to this lane, if to any: only its next has waited for what has changed
  return what_to_stir(&lane);
}

}  // namespace tidegate::internal
