// SPDX-License-Identifier: Apache-2.0
#include "op_state.hpp"

#include <utility>

#include "objects.hpp"
#include "user_call.hpp"

namespace tidegate::c {

OpState::OpState(Gives what, std::shared_ptr<UserCall> call) noexcept
    : gives_(what), call_(std::move(call)) {}

OpState::~OpState() = default;

void OpState::follow(internal::OperationRef inner) noexcept {
  inner_ = std::move(inner);
  ref();  // until completed()
  inner_->add_consumer(this);
}

void OpState::completed(internal::OperationState&) noexcept {
  if (call_) call_->drop();
  (void)claim();
  publish();
  unref();
}

Status OpState::status() const {
  if (done()) {
    return visit([](const auto& result) { return Status(result.status()); });
  }
  if (!alive()) {
    return Status(Cause::kClosed, "the operation belongs to the process before the fork");
  }
  return Status(Cause::kNotReady, "the operation has not ended yet");
}

Result<GatePermit> OpState::take_permit() const {
  if (gives_ == Gives::kPermit) return static_cast<const PermitResult*>(result())->take();
  return Status(Cause::kBadArgument, "only a gate's turn has a permit");
}

tidegate_op* OpState::share() {
  const Id present = handle_.load(std::memory_order_acquire);
  if (retain_object(present, Kind::kOp)) return handle_of<tidegate_op>(present);
  auto object = std::make_unique<OpObject>(OpRef(internal::OperationRef::share(this)));
  tidegate_op* handle = add<tidegate_op>(std::move(object));
  handle_.store(id_of(handle), std::memory_order_release);
  return handle;
}

}  // namespace tidegate::c
