// SPDX-License-Identifier: Apache-2.0
//
// FlowOperation: an operation whose work is a flow on a loop: the way in from other threads. Derive
// from it what the flow works with, and begin() it.
//
//   class Fetch final : public FlowOperation {
//     Task<void> flow() override;                       // on the loop; keeps its value in a member
//     void settle(const Status& outcome) noexcept override;    // OK: take the flow's value
//     const void* result() const noexcept override;
//   };
//   auto* fetch = new Fetch(loop, deadline);
//   return Operation<Page>(fetch->begin());
//
// The flow ends early by its deadline, by cancel(), or by the end of the loop: its leaves answer with
// the reason, and settle() learns it. When the operation has ended nothing of it is left on the
// loop. begin() and cancel() may be called from any thread, never block, and never fail: what cannot
// begin has ended with the reason.
#pragma once

#include <atomic>
#include <optional>

#include "base/root.hpp"
#include "tidegate/operation.hpp"

namespace tidegate::internal {

class FlowOperation : public OperationState {
 public:
  FlowOperation(Loop& loop, Deadline deadline) noexcept : loop_(loop), deadline_(deadline) {}

  // Hands it to the loop; the caller's reference comes back. Once.
  OperationRef begin() noexcept;

  void cancel() noexcept final;

 protected:
  Loop& loop() const noexcept { return loop_; }
  Deadline deadline() const noexcept { return deadline_; }

  virtual Task<void> flow() = 0;

  // Writes the result. `outcome` is OK where the flow ran to its end and nothing cut it short;
  // kCancelled, kDeadline or kClosed where its scope was cancelled; else why it could not run.
  virtual void settle(const Status& outcome) noexcept = 0;

  // Ends the operation where the flow has not begun and need not.
  void end(const Status& outcome) noexcept;

 private:
  class Run final : public Root {
   public:
    explicit Run(FlowOperation& owner) noexcept
        : Root(owner.loop_, owner.deadline_), owner_(owner) {}
    using Root::start;

   private:
    void ended(std::exception_ptr error) noexcept override { owner_.flow_ended(error); }
    FlowOperation& owner_;
  };
  struct Start final : Message {
    explicit Start(FlowOperation& operation) noexcept : owner(operation) {}
    void run() noexcept override { owner.start_flow(); }
    FlowOperation& owner;
  };
  struct Cancel final : Message {
    explicit Cancel(FlowOperation& operation) noexcept : owner(operation) {}
    void run() noexcept override { owner.cancel_flow(); }
    FlowOperation& owner;
  };

  void start_flow() noexcept;
  void cancel_flow() noexcept;
  void flow_ended(const std::exception_ptr& error) noexcept;

  Loop& loop_;
  const Deadline deadline_;
  std::optional<Run> run_;
  std::atomic<bool> cancelled_{false};
  Start start_{*this};
  Cancel cancel_{*this};
};

}  // namespace tidegate::internal
