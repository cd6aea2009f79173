// SPDX-License-Identifier: Apache-2.0
//
// Root: a flow that nobody awaits, with a scope of its own. Derive from it what the flow works for,
// start() the flow, and learn in ended() that it is over.
//
//   class Refresh final : public Root {
//     explicit Refresh(Loop& loop) : Root(loop, Deadline::never()) { start(run()); }
//     void ended(std::exception_ptr) noexcept override { delete this; }
//     Task<void> run();
//   };
//
// A root that was started must stay until ended() is called. On the loop's thread only.
#pragma once

#include <exception>
#include <string_view>

#include "base/task.hpp"

namespace tidegate::internal {

class Root : private Ready {
 public:
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  Scope& scope() noexcept { return scope_; }

 protected:
  Root(Loop& loop, Deadline deadline) noexcept : scope_(loop, deadline) {}
  // Below another flow, which must await its end.
  explicit Root(Scope& parent) noexcept : scope_(parent) {}
  virtual ~Root() = default;

  // Makes the flow ready; it does not begin inside the call. Once.
  void start(Task<void> flow) noexcept;

  // The flow is over and its frame gone. `error` is an exception that left it, which is a bug or
  // exhausted memory. May delete the root.
  virtual void ended(std::exception_ptr error) noexcept = 0;

 private:
  friend class Loop;
  void frame_ended() noexcept;

  Scope scope_;
  Task<void> flow_;
};

// The status of what `who` threw: kNoMemory or, with what it said, `cause`.
Status status_of(const std::exception_ptr& error, Cause cause, std::string_view who) noexcept;

}  // namespace tidegate::internal
