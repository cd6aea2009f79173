// SPDX-License-Identifier: Apache-2.0
#include "query/lane.hpp"

#include "gate/gate_home.hpp"

namespace tidegate::internal {

namespace {
constexpr Duration kProbeInterval = std::chrono::seconds(1);
}

Lane::Lane(const LaneSpec& spec, std::size_t zombies_per_permit)
    : name(spec.name),
      permits(spec.permits),
      zombie_bound(spec.permits * zombies_per_permit),
      engine(spec.engine),
      external(spec.external),
      gate(spec.gate),
      metrics(spec.name) {}

Status Lane::refusal(const Job& job, std::size_t queue_bound, TimePoint now) {
  if (saturated()) {
    if (now - last_probe_ < kProbeInterval) {
      return Status(Cause::kSaturated, job.describe() + " was refused: " + std::to_string(zombies) +
                                           " given-up calls still run, the bound is " +
                                           std::to_string(zombie_bound));
    }
    last_probe_ = now;
  }
  if (waiting.size() >= queue_bound + (running < permits ? 1 : 0)) {
    return Status(Cause::kQueueFull, job.describe() + " was refused: " +
                                         std::to_string(waiting.size()) + " calls wait already");
  }
  // A free permit means that nobody has to wait, whatever stands in the queue for the moment.
  const std::size_t ahead = running < permits ? 0 : waiting.size() + 1;
  const Duration left = job.deadline.left(now);
  if (!admission_.admits(ahead, permits, left)) {
    return Status(Cause::kAdmission, job.describe() + " was refused: behind " +
                                         std::to_string(waiting.size()) +
                                         " others it would take about " +
                                         format_duration(admission_.predicted(ahead, permits)) +
                                         ", and " + format_duration(left) + " are left");
  }
  return Status();
}

// Those that are before it in this lane come to the gate before it as well.
Status Lane::gate_refusal(const Job& job, TimePoint now) const {
  if (!gate) return {};
  if (Status unfit = gate->status(); !unfit.ok()) return unfit;
  return gate->handle()->here()->foresee(now, job.deadline, waiting.count_until(job.deadline));
}

void Lane::start_next(TimePoint now) noexcept {
  Job& job = overload_.overloaded(now) ? waiting.take_newest() : waiting.take_earliest();
  overload_.dequeued(now - job.submitted, now);
  if (waiting.empty()) overload_.drained();
  ++running;
  metrics.queued.add(-1);
  metrics.running.add(1);
  if (!gate) return make_ready(job, now);
  job.phase = Job::Phase::kAtGate;
  job.is_at_gate.store(true, std::memory_order_relaxed);
  at_gate = &job;
  metrics.at_gate.add(1);
}

void Lane::let_in(Job& job, GatePermit permit, TimePoint now) noexcept {
  leave_gate(job);
  job.permit.emplace(std::move(permit));
  make_ready(job, now);
}

void Lane::leave_gate(Job& job) noexcept {
  job.is_at_gate.store(false, std::memory_order_relaxed);
  at_gate = nullptr;
  metrics.at_gate.add(-1);
}

void Lane::make_ready(Job& job, TimePoint now) noexcept {
  job.phase = Job::Phase::kReady;
  job.started.store(now.time_since_epoch().count(), std::memory_order_release);
  ready_jobs.push_back(job);
  ++ready;
  metrics.queue_wait.record(now - job.submitted);
}

Job* Lane::take_ready() noexcept {
  if (ready_jobs.empty()) return nullptr;
  Job& job = *ready_jobs.pop_front();
  --ready;
  running_jobs.push_back(job);
  job.phase = Job::Phase::kRunning;
  return &job;
}

bool Lane::drop(Job& job, TimePoint now) noexcept {
  switch (job.phase) {
    case Job::Phase::kWaiting:
      waiting.remove(job);
      metrics.queued.add(-1);
      break;
    case Job::Phase::kAtGate:
      leave_gate(job);
      --running;
      metrics.running.add(-1);
      break;
    case Job::Phase::kReady:
      job.unlink();
      --ready;
      --running;
      metrics.running.add(-1);
      break;
    case Job::Phase::kRunning:
      job.unlink();
      --running;
      ++zombies;
      metrics.running.add(-1);
      metrics.zombies.add(1);
      admission_.served(now - TimePoint(Duration(job.started.load(std::memory_order_relaxed))));
      job.phase = Job::Phase::kZombie;
      job.given_up = now;
      if (job.session) job.session->interrupt();
      return false;
    case Job::Phase::kNew:
    case Job::Phase::kZombie:
    case Job::Phase::kEnded: return false;
  }
  job.phase = Job::Phase::kEnded;
  return true;
}

bool Lane::bring_back(Job& job, TimePoint now) noexcept {
  const bool held = job.phase == Job::Phase::kRunning;
  job.session = nullptr;
  job.phase = Job::Phase::kEnded;
  if (held) {
    const Duration ran = now - TimePoint(Duration(job.started.load(std::memory_order_relaxed)));
    job.unlink();
    --running;
    metrics.running.add(-1);
    metrics.run_time.record(ran);
    admission_.served(ran);
  } else {
    --zombies;
    metrics.overrun.record(now - job.given_up);
    metrics.late_results.add();
    metrics.zombies.add(-1);  // last: who sees it gone finds it counted as late
  }
  return held;
}

bool Lane::claim_thread() noexcept {
  // Where other lanes hold all permits, or a gate is shut, the caller has to start one now: nobody asks it later.
  const bool will_need_one = external && threads == 0 && (at_gate || !waiting.empty());
  return (ready > starting + idle || will_need_one) && start_one(useful_threads());
}

bool Lane::claim_spare() noexcept {
  return idle + starting == 0 && start_one(useful_threads() + 1);
}

// As many as there are permits, and one for each zombie that keeps its own.
std::size_t Lane::useful_threads() const noexcept { return permits + zombies; }

bool Lane::start_one(std::size_t most) noexcept {
  if (threads >= std::min(most, permits + zombie_bound)) return false;
  ++threads;
  ++starting;
  metrics.threads.add(1);
  return true;
}

void Lane::thread_left(std::uint64_t of) noexcept {
  if (!external || of == epoch) --threads;
  metrics.threads.add(-1);
}

void Lane::retire_threads() noexcept {
  ++epoch;
  idle = 0;
  // Nobody starts a thread for an external lane when a retired one leaves, so they count no more.
  if (external) threads = starting;
  waking = false;
  work_came.notify_all();
}

bool Lane::claim_wake() noexcept {
  if (ready == 0 || idle == 0 || waking) return false;
  waking = true;
  return true;
}

}  // namespace tidegate::internal
