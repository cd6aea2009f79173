// SPDX-License-Identifier: Apache-2.0
//
// Job: one call from submission to its two ends. It is *settled* when its caller has an answer, by
// whoever claims it first, and *ended* when the engine has let go of it; between the two it is a
// zombie.
//
//            admitted              permit              thread              returned
//   (new) ------------> kWaiting ---------> kReady ---------> kRunning ---------------> kEnded
//                          |                  |                   | given up                ^
//                          +------------------+--> kEnded         +----> kZombie -----------+
//                               given up
//
// In a lane with a gate it is kAtGate between kWaiting and kReady, until it is let in.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/intrusive_list.hpp"
#include "net/deadline_service.hpp"
#include "tidegate/gate.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/work.hpp"

namespace tidegate::internal {

class Lane;
class Scheduler;

class Job final : public OperationState, public DeadlineTimer, public ListNode<Job> {
 public:
  enum class Phase : std::uint8_t { kNew, kWaiting, kAtGate, kReady, kRunning, kZombie, kEnded };

  Job(std::shared_ptr<Scheduler> scheduler, Lane& lane, Submission submission,
      Duration default_timeout);
  ~Job() override;

  void cancel() noexcept override;
  const void* result() const noexcept override { return work->result(); }

  // The deadline thread: the timer's reference is dropped here.
  void expired() noexcept override;

  // The gate has decided. Drops the reference of who waited for it.
  void entered(Result<GatePermit> decision) noexcept;

  // The failure of this call: `what` behind its name. Where there is no memory for the words it has
  // none: whoever ends a call must be able to.
  Status failure(Cause cause, std::string_view what) const noexcept;
  // That of a call that was given up at its deadline, with the figures.
  Status deadline_status(TimePoint now) const noexcept;

  Timings timings(TimePoint now) const noexcept;
  StopSignal stop() const noexcept { return StopSignal(*this, deadline); }
  std::string describe() const;

  Lane& lane;
  const std::unique_ptr<Work> work;
  const std::string label;
  const TimePoint submitted;
  const Deadline deadline;
  Status outcome;  // written by whoever claimed the job, before its end is published

  // Guarded by the scheduler's mutex, all below.
  Phase phase = Phase::kNew;
  std::uint64_t sequence = 0;
  std::size_t heap_index = 0;
  Session* session = nullptr;  // while running
  TimePoint given_up{};        // when it became a zombie
  OperationRef entering;       // while it stands in the line of its lane's gate
  // Of that gate, from when it was let in; it goes back with whoever settles the job.
  std::optional<GatePermit> permit;
  std::atomic<bool> is_at_gate{false};  // read without the mutex, for the words of a failure
  // When the permit came, zero until then; whoever settles the job reads it without the mutex.
  std::atomic<std::int64_t> started{0};

 private:
  std::shared_ptr<Scheduler> scheduler_;
};

}  // namespace tidegate::internal
