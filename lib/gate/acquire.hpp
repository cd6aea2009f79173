// SPDX-License-Identifier: Apache-2.0
//
// Acquire: one start that waits for its turn. Its value is how long that took. It is made before
// anything is counted or taken for it, so that nothing of it stays where memory ends.
//
//   AcquireRef acquire = Acquire::make(loop, metrics, now, weight, deadline);
//   if (…) return Acquire::ended(std::move(acquire), status);        // it has its turn, or has none
//   …                                                                // counted among those that wait
//   return Acquire::start(std::move(acquire), turns);
#pragma once

#include <memory>
#include <optional>

#include "base/flow_operation.hpp"
#include "gate/limiter_metrics.hpp"
#include "gate/turns.hpp"
#include "tidegate/ref.hpp"

namespace tidegate::internal {

class Acquire;
using AcquireRef = Ref<Acquire>;

class Acquire final : public FlowOperation {
 public:
  static AcquireRef make(Loop& loop, LimiterMetrics& metrics, TimePoint now, std::uint32_t weight,
                         Deadline deadline) {
    return AcquireRef::adopt(new Acquire(loop, metrics, now, weight, deadline));
  }
  // At once, with a start where `outcome` is OK.
  static Operation<Duration> ended(AcquireRef acquire, const Status& outcome) noexcept;
  // In the line, where it is counted already. The metrics outlive `turns`.
  static Operation<Duration> start(AcquireRef acquire, std::shared_ptr<Turns> turns) noexcept;

  static Status too_late(Duration wait, Duration left) noexcept;

 private:
  Acquire(Loop& loop, LimiterMetrics& metrics, TimePoint begun, std::uint32_t weight,
          Deadline deadline) noexcept
      : FlowOperation(loop, deadline), metrics_(metrics), begun_(begun), weight_(weight) {}

  Task<void> flow() override { return turns_->remote() ? ask_and_wait() : wait(); }
  Task<void> wait();
  Task<void> ask_and_wait();
  void settle(const Status& outcome) noexcept override;
  const void* result() const noexcept override { return &*result_; }

  bool book() noexcept;
  void leave_those_ahead() noexcept;
  Result<Duration> outcome_of(const Status& outcome) noexcept;

  LimiterMetrics& metrics_;
  std::shared_ptr<Turns> turns_;  // while it is in their line
  const TimePoint begun_;
  const std::uint32_t weight_;
  bool is_ahead_ = false;  // of those behind it, and has not booked
  bool granted_ = false;
  Duration waited_{};
  Turns::Booking booking_;
  Status refusal_;
  std::optional<Result<Duration>> result_;
};

}  // namespace tidegate::internal
