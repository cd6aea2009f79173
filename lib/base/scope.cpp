// SPDX-License-Identifier: Apache-2.0
#include "base/scope.hpp"

namespace tidegate::internal {

void Leaf::park(Scope& scope, std::coroutine_handle<> handle) noexcept {
  park_uninterrupted(scope, handle);
  scope.parked_.push_back(place_);
}

void Leaf::park_uninterrupted(Scope& scope, std::coroutine_handle<> handle) noexcept {
  handle_ = handle;
  scope_ = &scope;
  parked_ = true;
}

void Leaf::complete(Cause outcome) noexcept {
  if (!parked_) return;
  parked_ = false;
  place_.unlink();
  outcome_ = outcome;
  scope_->loop().ready(*this);
}

Scope::Scope(Loop& loop, Deadline deadline) noexcept
    : loop_(loop), parent_(nullptr), root_id_(loop.root_entered(*this)) {
  bound(deadline);
}

Scope::Scope(Scope& parent, Deadline deadline) noexcept
    : loop_(parent.loop_),
      parent_(&parent),
      root_id_(parent.root_id_),
      reason_(parent.reason_),
      deadline_(parent.deadline_) {
  parent.children_.push_back(*this);
  bound(deadline);
}

Scope::~Scope() {
  loop_.disarm(*this);
  unlink();
  if (!parent_) loop_.root_left();
}

void Scope::bound(Deadline deadline) noexcept {
  if (deadline_ <= deadline) return;
  deadline_ = deadline;
  if (deadline.passed(loop_.now())) return cancel(Cause::kDeadline);
  if (ok()) loop_.arm(*this, deadline.time());
}

// Nothing here resumes a flow, so that the lists change under the walk by its own hand only.
void Scope::cancel(Cause reason) noexcept {
  if (!ok()) return;
  reason_ = reason;
  loop_.disarm(*this);
  while (!parked_.empty()) {
    Leaf& leaf = parked_.front().leaf;
    leaf.on_cancel();
    leaf.complete(reason);
  }
  for (Scope* child = children_.empty() ? nullptr : &children_.front(); child;
       child = children_.after(*child)) {
    child->cancel(reason);
  }
}

}  // namespace tidegate::internal
