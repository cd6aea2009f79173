// SPDX-License-Identifier: Apache-2.0
#include "base/flow_operation.hpp"

// References: the caller's handle, the message or flow that is under way, and a posted cancel hold
// one each. A cancel can only reach the loop behind the start, because the inbox is a queue.
namespace tidegate::internal {

OperationRef FlowOperation::begin() noexcept {
  OperationRef handle = OperationRef::adopt(this);
  ref();
  if (!loop_.post(start_)) {
    end(Status(Cause::kClosed, "the runtime is shut down, or could not start its thread"));
    unref();
  }
  return handle;
}

void FlowOperation::cancel() noexcept {
  if (done() || cancelled_.exchange(true, std::memory_order_relaxed)) return;
  ref();
  if (!loop_.post(cancel_)) unref();
}

void FlowOperation::start_flow() noexcept {
  Run& run = run_.emplace(*this);
  try {
    run.start(flow());
  } catch (...) {
    flow_ended(std::current_exception());
  }
}

void FlowOperation::cancel_flow() noexcept {
  if (run_) run_->scope().cancel(Cause::kCancelled);
  unref();
}

// The frame is gone; the scope goes before the end is told, so that nothing is left behind.
void FlowOperation::flow_ended(const std::exception_ptr& error) noexcept {
  const Cause reason = run_->scope().reason();
  run_.reset();
  if (error) {
    end(status_of(error, Cause::kInternal, "a flow"));
  } else if (reason != Cause::kNone) {
    end(Status(reason, "the operation was ended"));
  } else {
    end(Status());
  }
  unref();
}

void FlowOperation::end(const Status& outcome) noexcept {
  if (!claim()) return;
  settle(outcome);
  publish();
}

}  // namespace tidegate::internal
