// SPDX-License-Identifier: Apache-2.0
//
// Acquire: one start that waits for its turn. Its value is how long that took.
#pragma once

#include <memory>
#include <optional>

#include "base/flow_operation.hpp"
#include "gate/limiter_core.hpp"

namespace tidegate::internal {

class Acquire final : public FlowOperation {
 public:
  // In the core's line.
  static Operation<Duration> start(std::shared_ptr<LimiterCore> core, TimePoint now,
                                   std::uint32_t weight, Deadline deadline);
  // One that has ended.
  static Operation<Duration> ended(LimiterCore& core, const Status& outcome);

 private:
  Acquire(LimiterCore& core, TimePoint begun, std::uint32_t weight, Deadline deadline) noexcept
      : FlowOperation(core.loop_, deadline), core_(core), begun_(begun), weight_(weight) {}

  Task<void> flow() override;
  void settle(const Status& outcome) noexcept override;
  const void* result() const noexcept override { return &*result_; }

  bool book() noexcept;
  void leave_those_ahead() noexcept;
  Result<Duration> outcome_of(const Status& outcome) noexcept;

  LimiterCore& core_;
  std::shared_ptr<LimiterCore> alive_;  // while it is in the line
  const TimePoint begun_;
  const std::uint32_t weight_;
  bool is_ahead_ = false;  // counted in core_.ahead_
  bool granted_ = false;
  Duration waited_{};
  LimiterCore::Booking booking_;
  Status refusal_;
  std::optional<Result<Duration>> result_;
};

}  // namespace tidegate::internal
