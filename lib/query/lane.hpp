// SPDX-License-Identifier: Apache-2.0
//
// Lane: the calls of one backend. It knows who waits, who runs, which threads it has, and decides
// nothing about other lanes: permits are granted by the Scheduler, whose mutex guards everything
// here.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/ports/engine.hpp"
#include "policy/admission.hpp"
#include "policy/overload.hpp"
#include "query/job.hpp"
#include "query/lane_metrics.hpp"
#include "query/waiting.hpp"
#include "tidegate/gate.hpp"

namespace tidegate::internal {

struct LaneSpec {
  LaneSpec(std::string called, std::size_t concurrency)
      : name(std::move(called)), permits(std::max<std::size_t>(1, concurrency)) {}

  std::string name;
  std::size_t permits;
  std::shared_ptr<Engine> engine;  // null: the work needs no session
  bool external = false;           // its threads are the caller's
  std::optional<Gate> gate;        // what each call goes through
};

class Lane {
 public:
  Lane(const LaneSpec& spec, std::size_t zombies_per_permit);

  // Whether a call that would wait behind those that wait now is to be refused, and why.
  Status refusal(const Job& job, std::size_t queue_bound, TimePoint now);
  // The same of the lane's gate.
  Status gate_refusal(const Job& job, TimePoint now) const;

  // Whether a permit of this lane could be used now.
  bool can_start() const noexcept { return !waiting.empty() && running < permits && !at_gate; }

  // Gives a permit to the next in line. Where there is a gate, it is then at_gate.
  void start_next(TimePoint now) noexcept;
  // The gate has let it in. REQUIRES: it is at_gate.
  void let_in(Job& job, GatePermit permit, TimePoint now) noexcept;

  // The next granted call, now running; null if there is none.
  Job* take_ready() noexcept;

  // A waiting, granted or running call is given up. True if nothing works for it, so that it has
  // ended.
  bool drop(Job& job, TimePoint now) noexcept;

  // A thread brought a call back; true if it held a permit until now.
  bool bring_back(Job& job, TimePoint now) noexcept;

  // True if a thread should be started: for what is granted, or so that one is left to wait. Counts
  // it as starting.
  bool claim_thread() noexcept;
  bool claim_spare() noexcept;

  // True if a thread that waits should be woken; marks the wake as under way, so that threads wake
  // one another in a chain and whoever submits pays for one at most.
  bool claim_wake() noexcept;

  // More threads than permits and zombies need; external lanes keep a spare one.
  bool surplus() const noexcept {
    return ready == 0 && threads > useful_threads() + (external ? 1 : 0);
  }
  // One of this epoch ends.
  void thread_left(std::uint64_t of) noexcept;
  // All threads end at their next take().
  void retire_threads() noexcept;
  bool at_rest() const noexcept { return waiting.empty() && running == 0 && zombies == 0; }

  bool saturated() const noexcept { return zombies >= std::max<std::size_t>(1, zombie_bound); }

  const std::string name;
  const std::size_t permits;
  const std::size_t zombie_bound;
  const std::shared_ptr<Engine> engine;
  const bool external;
  const std::optional<Gate> gate;
  LaneMetrics metrics;

  Waiting waiting;
  Job* at_gate = nullptr;   // has a permit and asks the gate; one at a time
  std::size_t ready = 0;    // have a permit and no thread yet
  std::size_t running = 0;  // permits in use
  std::size_t zombies = 0;
  std::size_t threads = 0;  // alive or starting
  std::size_t starting = 0;
  std::size_t idle = 0;  // threads that wait in take()
  bool waking = false;
  std::uint64_t epoch = 0;  // threads of an earlier epoch end
  std::condition_variable work_came;
  IntrusiveList<Job> ready_jobs;
  IntrusiveList<Job> running_jobs;

 private:
  std::size_t useful_threads() const noexcept;
  bool start_one(std::size_t most) noexcept;
  void make_ready(Job& job, TimePoint now) noexcept;
  void leave_gate(Job& job) noexcept;

  policy::Admission admission_;
  policy::Overload overload_;
  TimePoint last_probe_{};
};

}  // namespace tidegate::internal
