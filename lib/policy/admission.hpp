// SPDX-License-Identifier: Apache-2.0
//
// Admission: whether a call that is submitted now can still run before its deadline, judged by how
// long calls took lately. Refusing at once is kinder than being late: the caller has its fallback
// in microseconds, and the queue keeps room for calls that can succeed. Deadline order alone
// collapses under overload, since it always serves the call that is about to fail.
//
// Pure: no clock, no lock. Not thread-safe; its owner locks.
#pragma once

#include <cstddef>

#include "tidegate/deadline.hpp"

namespace tidegate::policy {

class Admission {
 public:
  // A call held its permit for `service`, whether it succeeded or was given up.
  void served(Duration service) noexcept;

  // How long a call behind `queued` others would wait for one of `permits`, and then take.
  Duration predicted(std::size_t queued, std::size_t permits) const noexcept;

  // False if a call behind `queued` others cannot be done in `left`. True whenever nobody waits: a
  // call that can start at once is the only way to learn that the backend is well again.
  bool admits(std::size_t queued, std::size_t permits, Duration left) const noexcept;

 private:
  Duration usual_{};  // exponentially weighted mean, one eighth for the newest
};

}  // namespace tidegate::policy
