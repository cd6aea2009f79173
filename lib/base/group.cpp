// SPDX-License-Identifier: Apache-2.0
#include "base/group.hpp"

namespace tidegate::internal {

int Group::spawn(Task<void> flow) {
  children_.emplace_back(*this, scope_, std::move(flow));
  ++running_;
  return static_cast<int>(children_.size()) - 1;
}

void Group::cancel() noexcept {
  for (Child& child : children_) child.cancel();
}

void Group::Child::ended(std::exception_ptr error) noexcept {
  has_ended = true;
  --group_.running_;
  if (error && !group_.error_) group_.error_ = std::move(error);
  if (group_.waits_next_) group_.waits_next_->child_ended();
  if (group_.running_ > 0 || !group_.waits_join_) return;
  std::exchange(group_.waits_join_, nullptr)->child_ended();
}

int Group::take_unseen() noexcept {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    if (!child.has_ended || child.was_seen) continue;
    child.was_seen = true;
    return static_cast<int>(i);
  }
  return kNobody;
}

bool Group::Next::wait(Scope& scope, std::coroutine_handle<> waiter) noexcept {
  winner_ = group_.take_unseen();
  if (winner_ != kNobody || group_.running_ == 0) return false;
  if (!scope.ok() || until_.passed(scope.loop().now())) return false;
  park(scope, waiter);
  group_.waits_next_ = this;
  if (!until_.is_never()) scope.loop().arm(*this, until_.time());
  return true;
}

void Group::Next::child_ended() noexcept {
  winner_ = group_.take_unseen();
  give_up();
}

void Group::Next::give_up() noexcept {
  on_cancel();
  complete(Cause::kNone);
}

void Group::Next::on_cancel() noexcept {
  group_.waits_next_ = nullptr;
  scope()->loop().disarm(*this);
}

}  // namespace tidegate::internal
