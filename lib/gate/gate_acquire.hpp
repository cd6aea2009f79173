// SPDX-License-Identifier: Apache-2.0
//
// GateAcquire: one call that waits for its turn at a gate. Its value is the permit, for the first who
// asks; where nobody does, it goes with the operation.
#pragma once

#include <memory>
#include <optional>

#include "base/flow_operation.hpp"
#include "gate/gate_core.hpp"

namespace tidegate::internal {

class GateAcquire final : public FlowOperation {
 public:
  // One that has joined the line at `now`.
  static Operation<GatePermit> start(std::shared_ptr<GateCore> core, TimePoint now,
                                     Deadline deadline, GatePriority priority);
  // One that has ended.
  static Operation<GatePermit> ended(const std::shared_ptr<GateCore>& core,
                                     Result<GatePermit> result);

 private:
  GateAcquire(std::shared_ptr<GateCore> core, TimePoint begun, Deadline deadline,
              GatePriority priority) noexcept
      : FlowOperation(core->loop_, deadline),
        core_(std::move(core)),
        begun_(begun),
        priority_(priority) {}

  Task<void> flow() override;
  void settle(const Status& outcome) noexcept override;
  const void* result() const noexcept override { return &*handed_over_; }

  std::shared_ptr<GateCore> core_;  // until it has ended
  const TimePoint begun_;
  const GatePriority priority_;
  bool is_in_line_ = false;  // by join(), until the flow stands in it
  std::optional<Result<GatePermit>> result_;
  std::optional<HandedOver<GatePermit>> handed_over_;
};

}  // namespace tidegate::internal
