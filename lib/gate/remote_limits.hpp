// SPDX-License-Identifier: Apache-2.0
//
// RemoteLimits: the words of one limiter in a store that is reached over a network, for the processes
// of several hosts. gate/redis_limits.hpp implements it for production,
// tests/support/sim_limits.hpp in virtual time.
//
//   auto asking = limits.book(weight, most_wait, hold);
//   auto answer = co_await std::move(asking);
//   if (answer.ok() && answer->granted) …            // it starts answer->wait after the decision
//
// A decision is one step at the store: it books with all limits or with none, in the store's time,
// and in the order in which it is asked. Everything is on the loop. Each verb ends within the store's
// own time, which is short; it fails where the store was not reached or did not answer in time, and
// may have been carried out then.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/task.hpp"
#include "policy/limiter.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class RemoteLimits {
 public:
  // By which a booking is taken back: what the store knew after it, and before.
  struct Ticket {
    std::string after;
    std::string before;
  };
  struct Answer {
    bool granted = false;
    Duration wait{};  // until its start; of a refusal, until it would be granted at once
    Duration held{};  // until the end of a penalty
    // Of each limit, until it would let one more start; of what is past, negative.
    std::array<Duration, policy::Limiter::kMostLimits> due{};
    Ticket ticket{};
  };

  virtual ~RemoteLimits() = default;

  // A start of `weight` at most `most_wait` from now. `hold`: of a penalty that the caller knows of;
  // it is one of the store's from then on. REQUIRES: a weight that may be.
  virtual Task<Result<Answer>> book(std::uint32_t weight, Duration most_wait, Duration hold) = 0;
  // False where somebody has booked behind it: then its slot is lost.
  virtual Task<Result<bool>> give_back(Ticket ticket) = 0;
  // Nothing is booked for the next `hold`, which may be zero; how long that is by now.
  virtual Task<Result<Duration>> held(Duration hold) = 0;
  // What was booked began so much later. Of those limits that count from there: Limit::keeps_real_starts().
  virtual Task<Status> began_late(Ticket ticket, Duration by) = 0;
};

}  // namespace tidegate::internal
