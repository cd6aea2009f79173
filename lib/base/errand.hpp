// SPDX-License-Identifier: Apache-2.0
//
// run_errand(): a flow that nobody waits for, and that holds what it works for until it is over. A
// flow that runs out of memory ends there; what it must undo, it undoes by destructors.
#pragma once

#include <memory>
#include <utility>

#include "base/root.hpp"

namespace tidegate::internal {

class Errand final : public Root {
 public:
  static void run(Loop& loop, std::shared_ptr<const void> keep, Task<void> flow) {
    auto errand = std::make_unique<Errand>(loop, std::move(keep));
    errand.release()->start(std::move(flow));
  }
  Errand(Loop& loop, std::shared_ptr<const void> keep) noexcept
      : Root(loop, Deadline::never()), keep_(std::move(keep)) {}
  ~Errand() override = default;

 private:
  void ended(std::exception_ptr) noexcept override { delete this; }

  const std::shared_ptr<const void> keep_;
};

inline void run_errand(Loop& loop, std::shared_ptr<const void> keep, Task<void> flow) {
  Errand::run(loop, std::move(keep), std::move(flow));
}

}  // namespace tidegate::internal
