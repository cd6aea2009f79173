// SPDX-License-Identifier: Apache-2.0
#include "gate/gate_acquire.hpp"

#include <utility>

namespace tidegate::internal {

Operation<GatePermit> GateAcquire::ended(const std::shared_ptr<GateCore>& core,
                                         Result<GatePermit> result) {
  auto* const acquire = new GateAcquire(core, {}, Deadline::never(), GatePriority::kNormal);
  acquire->result_.emplace(std::move(result));
  acquire->end(Status());
  return Operation<GatePermit>(OperationRef::adopt(acquire));
}

Operation<GatePermit> GateAcquire::start(std::shared_ptr<GateCore> core, TimePoint now,
                                         Deadline deadline, GatePriority priority) {
  auto* const acquire = new GateAcquire(std::move(core), now, deadline, priority);
  acquire->is_in_line_ = true;
  return Operation<GatePermit>(acquire->begin());
}

Task<void> GateAcquire::flow() {
  is_in_line_ = false;
  const Deadline until = deadline();
  GateTurn turn = co_await core_->enter_joined(priority_, until, begun_);
  if (!turn.held()) {
    result_.emplace(turn.status());
    co_return;
  }
  auto starting = core_->start(std::move(turn));
  auto permit = co_await std::move(starting);
  result_.emplace(std::move(permit));
}

void GateAcquire::settle(const Status& outcome) noexcept {
  if (std::exchange(is_in_line_, false)) core_->leave_line(priority_, true);
  handed_over_.emplace(result_ ? std::move(*result_) : Result<GatePermit>(outcome));
  result_.reset();
  core_.reset();
}

}  // namespace tidegate::internal
