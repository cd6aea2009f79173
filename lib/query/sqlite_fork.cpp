// SPDX-License-Identifier: Apache-2.0
#include "query/sqlite_fork.hpp"

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "base/futex.hpp"

namespace tidegate::internal {

namespace {

// Whoever enters raises `inside` and then reads `forking`; whoever forks raises `forking` and then
// reads `inside`. So one of the two sees the other.
std::atomic<std::uint32_t> inside{0};
std::atomic<std::uint32_t> forking{0};

void before_fork() {
  forking.fetch_add(1);
  const Deadline until = Deadline::after(InsideSqlite::kLongestWait);
  for (std::uint32_t seen; (seen = inside.load()) != 0 && !until.passed();) {
    futex_wait(inside, seen, until);
  }
}

void in_parent() {
  if (forking.fetch_sub(1) == 1) futex_wake_all(forking);
}

void in_child() {
  inside.store(0);
  forking.store(0);
}

void watch_forks() noexcept {
  static std::atomic<bool> watching{false};
  if (!watching.load(std::memory_order_relaxed) && !watching.exchange(true)) {
    pthread_atfork(before_fork, in_parent, in_child);
  }
}

}  // namespace

void InsideSqlite::enter() noexcept {
  watch_forks();
  for (;;) {
    inside.fetch_add(1);
    const std::uint32_t forks = forking.load();
    if (forks == 0) return;
    leave();
    futex_wait(forking, forks, Deadline::never());
  }
}

void InsideSqlite::leave() noexcept {
  if (inside.fetch_sub(1) == 1 && forking.load() != 0) futex_wake_all(inside);
}

void InsideSqlite::step_aside() noexcept {
  if (forking.load(std::memory_order_relaxed) == 0) return;
  leave();
  enter();
}

}  // namespace tidegate::internal
