// SPDX-License-Identifier: Apache-2.0
#include "query/scheduler.hpp"

#include <new>
#include <string>
#include <utility>

namespace tidegate::internal {

namespace {
Status closed_status(const Job& job) {
  return job.failure(Cause::kClosed, " was ended: the executor is closed");
}

void teach(GatePermit& permit, const External::Lesson& lesson) noexcept {
  if (lesson.http_status == 0) return permit.failure(lesson.cause);
  permit.http_status(lesson.http_status, lesson.retry_after);
}

// What comes back after the deadline is late, whatever it says and also where it is here before the
// deadline thread: an engine that saw its stop signal calls it an interrupt, an exception, a lock.
Status outcome_at(const Job& job, const Status& outcome, TimePoint now) {
  return job.deadline.passed(now) ? job.deadline_status(now) : outcome;
}
}  // namespace

Lane& Scheduler::lane(std::uint64_t id, const LaneSpec& spec) {
  std::lock_guard lock(mutex_);
  for (const Entry& entry : lanes_) {
    if (entry.id == id) return *entry.lane;
  }
  lanes_.push_back({id, std::make_unique<Lane>(spec, options_.zombies_per_permit)});
  return *lanes_.back().lane;
}

OperationRef Scheduler::submit(Lane& lane, Submission submission) {
  auto* job = new Job(shared_from_this(), lane, std::move(submission), options_.query_timeout);
  OperationRef handle = OperationRef::adopt(job);
  const TimePoint now = job->submitted;
  lane.metrics.submitted.add();
  Status refused;
  bool of_gate = false;
  Stir after;
  {
    std::lock_guard lock(mutex_);
    if (closed_) {
      refused = closed_status(*job);
    } else if (job->deadline.passed(now)) {
      refused = job->deadline_status(now);
    } else {
      refused = lane.gate_refusal(*job, now);
      of_gate = !refused.ok();
      if (!of_gate) refused = lane.refusal(*job, options_.queue, now);
    }
    if (refused.ok()) {
      lane.waiting.reserve();
      job->ref();
      refused = runtime_.deadlines().arm(*job, job->deadline.time());
      if (!refused.ok()) job->unref();
    }
    if (refused.ok()) {
      job->ref();
      job->sequence = ++arrivals_;
      job->phase = Job::Phase::kWaiting;
      lane.waiting.push(*job);
      lane.metrics.queued.add(1);
      after = dispatch(now);
    }
  }
  if (refused.ok()) {
    stir(after);
  } else if (job->claim()) {
    settle(*job, refused, now, of_gate);
    job->publish();
  }
  return handle;
}

Scheduler::Stir Scheduler::end_early(Job& job, const Status& reason, bool of_gate) noexcept {
  if (!job.claim()) return {};
  const TimePoint now = Deadline::now();
  bool ended = false;
  OperationRef entering;
  Stir after;
  {
    std::lock_guard lock(mutex_);
    const std::size_t before = job.lane.running;
    ended = job.lane.drop(job, now);
    running_ -= before - job.lane.running;
    entering = std::move(job.entering);
    after = dispatch(now);
  }
  if (entering) entering->cancel();
  if (ended && job.permit) job.permit->cancel();  // it never ran
  settle(job, reason, now, of_gate);
  job.publish();
  if (ended) job.unref();
  return after;
}

void Scheduler::drop_elsewhere(OperationRef job) noexcept {
  if (!job->sole_reference()) return;
  try {
    runtime_.callbacks().dispatch([job = std::move(job)] {});
  } catch (const std::bad_alloc&) {
    // Then here: rather late than never.
  }
}

Job* Scheduler::take(Lane& lane, std::uint64_t epoch) {
  std::unique_lock lock(mutex_);
  while (!closed_ && lane.epoch == epoch && !lane.surplus()) {
    if (Job* job = lane.take_ready()) {
      const bool wake = lane.claim_wake();
      lock.unlock();
      if (wake) lane.work_came.notify_one();
      return job;
    }
    ++lane.idle;
    lane.work_came.wait(lock);
    if (lane.epoch != epoch) break;
    --lane.idle;
    lane.waking = false;
  }
  // At once, so that the next one does not count it, and leave in its stead as well.
  if (lane.external) lane.thread_left(epoch);
  return nullptr;
}

Job* Scheduler::try_take(Lane& lane) {
  std::lock_guard lock(mutex_);
  return lane.take_ready();
}

bool Scheduler::attach(Job& job, Session* session) {
  std::lock_guard lock(mutex_);
  job.session = session;
  return job.phase == Job::Phase::kRunning;
}

Job* Scheduler::finish_and_take(Job& job, const Status& outcome, std::uint64_t epoch) {
  Taker taker{epoch};
  end(job, outcome, nullptr, &taker);
  return taker.next;
}

bool Scheduler::end(Job& job, const Status& outcome, const External::Lesson* lesson, Taker* taker) {
  const TimePoint now = Deadline::now();
  Lane& lane = job.lane;
  const bool mine = job.claim();
  if (mine && lesson && job.permit && !job.deadline.passed(now)) teach(*job.permit, *lesson);
  if (mine) settle(job, outcome_at(job, outcome, now), now, false);
  Stir after;
  {
    std::lock_guard lock(mutex_);
    if (lane.bring_back(job, now)) --running_;
    Lane* const granted = grant(now);
    if (taker && taker->epoch == lane.epoch) taker->next = lane.take_ready();
    after = what_to_stir(granted);
  }
  if (mine) job.publish();
  stir(after);
  job.unref();
  return mine;
}

// REQUIRES: the caller has claimed the job.
void Scheduler::settle(Job& job, const Status& outcome, TimePoint now, bool of_gate) noexcept {
  if (runtime_.deadlines().disarm(job)) job.unref();
  if (job.permit) job.permit->failure(outcome.cause());
  if (of_gate) {
    job.lane.metrics.shed_gate.add();
  } else {
    job.lane.metrics.settled(outcome);
  }
  job.outcome = outcome;
  job.work->settle(outcome, job.timings(now));
}

// Each event frees or adds one call at most, so one grant restores the invariant.
Lane* Scheduler::grant(TimePoint now) noexcept {
  if (closed_ || running_ >= options_.max_running) return nullptr;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[(turn_ + i) % lanes_.size()].lane;
    if (!lane.can_start()) continue;
    turn_ = (turn_ + i + 1) % lanes_.size();
    lane.start_next(now);
    ++running_;
    return &lane;
  }
  return nullptr;
}

Scheduler::Stir Scheduler::what_to_stir(Lane* granted) noexcept {
  if (!granted) return {};
  if (granted->at_gate) granted->at_gate->ref();
  return {.lane = granted,
          .wake = granted->claim_wake(),
          .start = !granted->external && granted->claim_thread(),
          .asks = granted->at_gate};
}

// A gate that is shut refuses one call after the other here.
void Scheduler::stir(Stir what) noexcept {
  for (;;) {
    if (what.wake) what.lane->work_came.notify_one();
    if (what.start) start_thread(*what.lane);
    if (!what.asks) return;
    OperationRef asking = OperationRef::adopt(what.asks);
    what = ask_gate(static_cast<Job&>(*asking));
    drop_elsewhere(std::move(asking));
  }
}

LaneStats Scheduler::stats(Lane& lane) {
  std::lock_guard lock(mutex_);
  return {.queued = lane.waiting.size(),
          .running = lane.running,
          .at_gate = lane.at_gate ? std::size_t{1} : 0,
          .zombies = lane.zombies,
          .threads = lane.threads};
}

// A call that has not ended yet, with a reference for the caller; null if there is none.
Job* Scheduler::any_job() noexcept {
  for (const Entry& entry : lanes_) {
    Lane& lane = *entry.lane;
    Job* job = lane.at_gate                 ? lane.at_gate
               : !lane.ready_jobs.empty()   ? &lane.ready_jobs.front()
               : !lane.running_jobs.empty() ? &lane.running_jobs.front()
               : !lane.waiting.empty()      ? &lane.waiting.newest()
                                            : nullptr;
    if (job) {
      job->ref();
      return job;
    }
  }
  return nullptr;
}

void Scheduler::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  while (Job* job = any_job()) {
    lock.unlock();
    give_up(*job, closed_status(*job));
    job->unref();
    lock.lock();
  }
  for (const Entry& entry : lanes_) {
    entry.lane->retire_threads();
  }
}

std::size_t Scheduler::join(Deadline until) { return threads_.join(until); }

bool Scheduler::quiesce() {
  ThreadSet ended;
  {
    std::lock_guard lock(mutex_);
    for (const Entry& entry : lanes_) {
      if (!entry.lane->at_rest()) return false;
    }
    for (const Entry& entry : lanes_) {
      entry.lane->retire_threads();
    }
    threads_.hand_over(ended);
  }
  ended.join(Deadline::never());
  return true;
}

}  // namespace tidegate::internal
