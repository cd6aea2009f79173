// SPDX-License-Identifier: Apache-2.0
//
// Signals: SIGINT and SIGTERM as something to wait for, not as something that interrupts. Nothing
// runs in a signal handler.
#pragma once

#include <csignal>

#include "tidegate/deadline.hpp"

namespace server {

class Signals {
 public:
  // Blocks both signals here and in every thread that is started later: make it first.
  Signals() noexcept;

  // Blocks until one comes, and takes it.
  void wait() const noexcept;

  // As wait(), but for a parent: a child that ended counts as well, and `timeout` may pass. 0 where
  // it does. REQUIRES: also_children() before the first fork.
  int next(tidegate::Duration timeout) const noexcept;
  void also_children() noexcept;
  void only_own() noexcept;  // in a child

  // True if one came within `timeout`; it stays, for wait().
  bool came_within(tidegate::Duration timeout) const noexcept;

 private:
  sigset_t both_;
};

}  // namespace server
