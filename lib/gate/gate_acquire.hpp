// SPDX-License-Identifier: Apache-2.0
//
// GateAcquire: one call that waits for its turn at a gate. Its value is the permit, for the first who
// asks; where nobody does, it goes with the operation. It is made before anything is counted or taken
// for it, so that nothing of it stays where memory ends.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/flow_operation.hpp"
#include "gate/gate_core.hpp"
#include "tidegate/ref.hpp"

namespace tidegate::internal {

class GateAcquire;
using GateAcquireRef = Ref<GateAcquire>;

class GateAcquire final : public FlowOperation {
 public:
  static GateAcquireRef make(std::shared_ptr<GateCore> core, TimePoint now, Deadline deadline,
                             GatePriority priority) {
    return GateAcquireRef::adopt(new GateAcquire(std::move(core), now, deadline, priority));
  }
  // At once, with a result.
  static Operation<GatePermit> ended(GateAcquireRef acquire, Result<GatePermit> result) noexcept;
  // One that has joined the line at its `now`.
  static Operation<GatePermit> start(GateAcquireRef acquire) noexcept;

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
