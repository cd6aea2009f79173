// SPDX-License-Identifier: Apache-2.0
//
// Scheduler: the heart of an Executor in one process. It admits calls, grants permits, and ends
// calls at their deadline; threads take granted calls from it and bring them back.
//
//   submit ──> waiting ──dispatch()──> (at gate) ──> ready ──take()──> a thread runs it ──finish()──> permit back
//                 └───────────────── give_up(): deadline, cancel, close ────────────────┘
//
// A lane with a gate (lane_gate.cpp) has its next call ask there once that has a permit: the gate's
// line is not before the lane's, so that the lane keeps its order, and each start that is booked is
// used. One call of a lane asks at a time. What the gate does happens without the mutex: a breaker
// that changes calls its listener.
//
// Invariants, under mutex_
//   * a job is in exactly one of: a lane's waiting, its at_gate, its ready list, a thread, nowhere
//     (new, ended)
//   * running_ is the sum of running over the lanes and at most max_running
//   * each of waiting, at_gate, ready and a thread holds one reference to its job; an armed timer
//     another, and so do whoever asks a gate and whoever waits in its line
//   * whoever claims a job settles it, and gives the gate's permit back; permits are returned before
//     the end is published
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "net/runtime.hpp"
#include "net/thread_set.hpp"
#include "query/lane.hpp"
#include "tidegate/query.hpp"

namespace tidegate::internal {

class Scheduler final : public RuntimeMember, public std::enable_shared_from_this<Scheduler> {
 public:
  explicit Scheduler(const ExecutorOptions::Values& options)
      : options_(options), runtime_(Runtime::current()) {}

  // The lane of this id; made at the first call. It lives as long as the scheduler.
  Lane& lane(std::uint64_t id, const LaneSpec& spec);

  OperationRef submit(Lane& lane, Submission submission);

  // Ends `job` with `reason` unless its end was decided; frees its permit and stops its engine.
  void give_up(Job& job, const Status& reason) noexcept { stir(end_early(job, reason, false)); }

  // The job's gate has let it in, or has not.
  void entered(Job& job, Result<GatePermit> permit) noexcept {
    stir(decided(job, std::move(permit)));
  }

  // Drops a reference to a job on the deadline thread's behalf: if it is the last, the destructors
  // of the user's work run on the callback thread.
  void drop_elsewhere(OperationRef job) noexcept;

  // A thread's side. take() blocks; null when the thread should end. Whoever got a job must
  // finish() it.
  Job* take(Lane& lane, std::uint64_t epoch);
  Job* try_take(Lane& lane);
  // Tells which session works for the job, so that giving it up can interrupt it. False if it was
  // given up already.
  bool attach(Job& job, Session* session);
  // Drops the caller's reference; true if the caller of the job had still waited.
  bool finish(Job& job, const Status& outcome, const External::Lesson& lesson) {
    return end(job, outcome, &lesson, nullptr);
  }
  // The same, and what this thread of the lane can run next at once; null if it has to take().
  // Saves a lock, and the wake-up of another thread for the call that the permit went to.
  Job* finish_and_take(Job& job, const Status& outcome, std::uint64_t epoch);

  // The caller's own threads, of an external lane.
  std::uint64_t enter(Lane& lane);
  void leave(Lane& lane, std::uint64_t epoch);
  bool claim_thread(Lane& lane);
  bool claim_spare(Lane& lane);
  void not_started(Lane& lane);

  LaneStats stats(Lane& lane);

  bool quiesce() override;
  void close() override;
  std::size_t join(Deadline until) override;

 private:
  // What is to be done for a lane once the mutex is released.
  struct Stir {
    Lane* lane = nullptr;
    bool wake = false;
    bool start = false;
    Job* asks = nullptr;  // its gate; with a reference
  };

  struct Taker {
    std::uint64_t epoch;
    Job* next = nullptr;
  };
  bool end(Job& job, const Status& outcome, const External::Lesson* lesson, Taker* taker);
  // `of_gate`: its gate has refused it.
  Stir end_early(Job& job, const Status& reason, bool of_gate) noexcept;
  Stir ask_gate(Job& job) noexcept;
  Stir decided(Job& job, Result<GatePermit> permit) noexcept;
  Stir let_in(Job& job, GatePermit permit) noexcept;
  void settle(Job& job, const Status& outcome, TimePoint now, bool of_gate) noexcept;
  Lane* grant(TimePoint now) noexcept;
  Stir dispatch(TimePoint now) noexcept { return what_to_stir(grant(now)); }
  static Stir what_to_stir(Lane* granted) noexcept;
  void stir(Stir what) noexcept;
  void start_thread(Lane& lane) noexcept;
  void run_thread(Lane& lane, std::uint64_t epoch);
  Job* any_job() noexcept;

  const ExecutorOptions::Values options_;
  Runtime& runtime_;
  std::mutex mutex_;
  std::size_t running_ = 0;
  std::uint64_t arrivals_ = 0;
  std::size_t turn_ = 0;  // the lane that is asked first for the next permit
  bool closed_ = false;
  struct Entry {
    std::uint64_t id;
    std::unique_ptr<Lane> lane;
  };
  std::vector<Entry> lanes_;
  ThreadSet threads_;
};

}  // namespace tidegate::internal
