// SPDX-License-Identifier: Apache-2.0
#include "gate/gate_acquire.hpp"

#include <utility>

namespace tidegate::internal {

Operation<GatePermit> GateAcquire::ended(GateAcquireRef acquire,
                                         Result<GatePermit> result) noexcept {
  acquire->result_.emplace(std::move(result));
  acquire->end(Status());
  return Operation<GatePermit>(OperationRef::adopt(acquire.release()));
}

Operation<GatePermit> GateAcquire::start(GateAcquireRef acquire) noexcept {
  acquire->is_in_line_ = true;
  return Operation<GatePermit>(acquire.release()->begin());
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
