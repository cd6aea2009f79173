// SPDX-License-Identifier: Apache-2.0
//
// PerProcess<T>: a T that a handle owns and that fork() must not carry into the child. The first
// get() in a process makes it; after a fork the child's first get() makes a fresh one and the
// parent's copy is abandoned as it lies: its mutexes may be locked by threads that do not exist,
// its descriptors are the parent's. get() takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/fork.hpp"

namespace tidegate::internal {

template <class T>
class PerProcess {
 public:
  PerProcess() noexcept = default;
  PerProcess(const PerProcess&) = delete;
  PerProcess& operator=(const PerProcess&) = delete;

  // Frees this process's T. An inherited one is left alone.
  ~PerProcess() {
    Slot* slot = slot_.load(std::memory_order_acquire);
    if (slot && slot->generation == fork_generation()) delete slot;
  }

  // This process's T, made by `make() -> std::shared_ptr<T>` if there is none yet.
  template <class Make>
  const std::shared_ptr<T>& get(Make make) {
    Slot* const seen = slot_.load(std::memory_order_acquire);
    if (seen && seen->generation == fork_generation()) [[likely]]
      return seen->value;
    return fill(seen, make);
  }

  // This process's T, or null if there is none yet.
  std::shared_ptr<T> peek() const {
    Slot* seen = slot_.load(std::memory_order_acquire);
    return seen && seen->generation == fork_generation() ? seen->value : nullptr;
  }

 private:
  struct Slot {
    std::uint64_t generation;
    std::shared_ptr<T> value;
  };

  // Apart, so that get() is a few instructions wherever it is called.
  template <class Make>
  [[gnu::noinline]] const std::shared_ptr<T>& fill(Slot* seen, Make make) {
    const std::uint64_t generation = fork_generation();
    auto fresh = std::make_unique<Slot>(Slot{generation, make()});
    while (!slot_.compare_exchange_strong(seen, fresh.get(), std::memory_order_acq_rel)) {
      if (seen && seen->generation == generation) return seen->value;
    }
    return fresh.release()->value;
  }

  std::atomic<Slot*> slot_{nullptr};
};

}  // namespace tidegate::internal
