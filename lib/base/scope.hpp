// SPDX-License-Identifier: Apache-2.0
//
// Scope: how flows are cancelled and bounded. Scopes form a tree: one for each root flow, one for
// each child of a group, one for each with_deadline(). What a scope's flow waits for (a Leaf: a
// timer, a permit, a reply) is parked in it. cancel() completes every leaf of the scope and of the
// scopes below with the reason; it only marks and queues and never resumes, so that it may be
// called from anywhere on the loop.
//
//   * The first reason wins and stays. Under a cancelled scope a leaf does not begin to wait, so
//     that loops run out by themselves; clean-up is for destructors.
//   * The deadline of a scope is never later than its parent's; where it is not earlier, it costs
//     no timer.
//   * A result that has arrived is kept: a leaf that was completed before the cancel keeps its
//     outcome. So a permit that was handed over is delivered, and given back by its destructor.
//
// Everything here belongs to the loop's thread; there are no atomics. Costs: a leaf, two list
// operations; a scope, one; a deadline of its own, one timer.
#pragma once

#include "base/ports/loop.hpp"

namespace tidegate::internal {

// One wait of a flow. It waits exactly while it is parked: complete() and the scope's cancel() both
// begin with "if not parked, return; unpark", which on one thread makes the outcome the first one
// and the only one.
class Leaf : public Ready {
 public:
  bool parked() const noexcept { return parked_; }

 protected:
  Leaf() noexcept = default;
  virtual ~Leaf() = default;

  // The flow `handle` of `scope` suspends here. REQUIRES: scope.ok().
  void park(Scope& scope, std::coroutine_handle<> handle) noexcept;
  // The same for a wait that a cancel does not end, because what it waits for is cancelled too.
  void park_uninterrupted(Scope& scope, std::coroutine_handle<> handle) noexcept;
  // What it waited for has come. Nothing where it is not parked.
  void complete(Cause outcome) noexcept;
  // For a leaf that does not begin to wait: how that ends.
  void refuse(Cause outcome) noexcept { outcome_ = outcome; }

 private:
  friend class Scope;
  // Undoes what was done to wait: leaves a queue, disarms a timer. Never blocks.
  virtual void on_cancel() noexcept = 0;

  struct Parked : ListNode<Parked> {
    explicit Parked(Leaf& owner) noexcept : leaf(owner) {}
    ~Parked() = default;
    Leaf& leaf;
  };
  Parked place_{*this};
  bool parked_ = false;
};

class Scope final : private Timer, private ListNode<Scope> {
 public:
  // The scope of a root flow.
  explicit Scope(Loop& loop, Deadline deadline = Deadline::never()) noexcept;
  // A scope below `parent`, which must outlive it.
  explicit Scope(Scope& parent, Deadline deadline = Deadline::never()) noexcept;
  ~Scope();

  Loop& loop() const noexcept { return loop_; }
  std::uint64_t root_id() const noexcept { return root_id_; }
  bool ok() const noexcept { return reason_ == Cause::kNone; }
  Cause reason() const noexcept { return reason_; }
  Deadline deadline() const noexcept { return deadline_; }
  Duration left() const noexcept { return deadline_.left(loop_.now()); }

  void cancel(Cause reason) noexcept;

 private:
  friend class Leaf;
  friend class IntrusiveList<Scope>;
  friend class Loop;
  void fired() noexcept override { cancel(Cause::kDeadline); }
  void bound(Deadline deadline) noexcept;

  Loop& loop_;
  Scope* const parent_;
  const std::uint64_t root_id_;
  Cause reason_ = Cause::kNone;
  Deadline deadline_;
  IntrusiveList<Leaf::Parked> parked_;
  IntrusiveList<Scope> children_;
};

}  // namespace tidegate::internal
