// SPDX-License-Identifier: Apache-2.0
//
// InsideSqlite: keeps fork() and SQLite apart. The library has process-wide mutexes of its own; a
// child that is forked while another thread holds one can never use SQLite again. So a fork waits
// until no thread of ours is inside SQLite: a statement that runs steps aside at its next progress
// tick, within 1,000 steps, and goes on after the fork. The wait is bounded by kLongestWait, for
// the one function call that takes longer; then the fork goes on as if we were not here.
//
// Only our own use of SQLite is covered. What the child inherits is the bookkeeping of file locks:
// a child forked while queries ran may read that file without a lock, so it should not be forked
// then if others write to the file.
//
// Thread-safety: any thread. Cost: two atomic increments for each query.
#pragma once

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

class InsideSqlite {
 public:
  static constexpr Duration kLongestWait = std::chrono::seconds(1);

  InsideSqlite() noexcept { enter(); }
  ~InsideSqlite() { leave(); }
  InsideSqlite(const InsideSqlite&) = delete;
  InsideSqlite& operator=(const InsideSqlite&) = delete;

  // Lets a fork that waits go first. REQUIRES: inside, and SQLite holds no mutex: in a progress or
  // busy handler.
  static void step_aside() noexcept;

 private:
  static void enter() noexcept;
  static void leave() noexcept;
};

}  // namespace tidegate::internal
